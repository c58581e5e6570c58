import type { Manifest, StepEntry } from '../model/manifest'
import { epochOf, longBefore } from '../state/own'
import * as store from '../state/store'
import { short } from '../ui/number'

/** A Gaussian of a smaller scale has densities above 1, and so codes of less than 0 nats. */
const DENSE = 1 / Math.sqrt(2 * Math.PI)

/** What one looks at, in words, on the plane itself. */
export function Said() {
  const about = store.manifest.value
  const shown = store.snapshot.value
  if (!about || !shown) return null
  const { count } = about.images
  return (
    <p class="said" data-testid="said">
      <b>Each dot is a picture.</b>
      {short(count, 0)} {subject(about.data.name)} that the network was never trained on, each put where it thinks it belongs. {about.data.classes.length > 1 && told(about.conditional)}
      {' '}Point anywhere, and it draws what belongs there{about.conditional.decoder && ' for the class chosen below the picture'}.
      {(about.steps.some(({ readings }) => readings.distortion_nats < 0) || (shown.likelihoodScale ?? 1) < DENSE) && ' The distortion below can be negative: a pixel has a density here, not a probability.'}
      {past(about.steps, shown)}
      {about.levels && ' This model has two codes of a picture, one above the other: the plane is the upper one.'}
    </p>
  )
}

/** Whether classes are the page's alone, or which network is told them. */
function told({ encoder, decoder }: Manifest['conditional']): string {
  if (!encoder && !decoder) return 'It was never told which is which: colours are ours.'
  const who = encoder && decoder ? 'Encoder and decoder are' : encoder ? 'The encoder is' : 'The decoder is'
  return `${who} told the class of each picture${decoder ? ', so that its place only says how it is drawn' : ''}; colours are the classes.`
}

/** Why to look at the run's own weights, where the shown ones come long after them. */
export function past(steps: StepEntry[], shown: { index: number | null; epoch: number }): string {
  const own = longBefore(shown.epoch, steps)
  if (shown.index === null || !own) return ''
  return ` These are later weights than the run's own, those of epoch ${short(epochOf(own), 0)} at ★: pictures that it was never trained on have fared worse since.`
}

const SUBJECTS: [RegExp, string][] = [
  [/fashion/i, 'pieces of clothing'],
  [/mnist|digits/i, 'handwritten digits'],
  [/omniglot/i, 'handwritten characters'],
  [/frey|faces/i, 'photographs of a face'],
]

const subject = (name: string) => SUBJECTS.find(([pattern]) => pattern.test(name))?.[1] ?? `images of ${name}`
