import type { ComponentChildren } from 'preact'
import { ErrorMap } from '../probe/ErrorMap'
import { current } from '../readings/current'
import { journey } from '../row/journey'
import { pin } from '../state/actions'
import * as store from '../state/store'
import { Icon } from '../ui/Icon'
import { short } from '../ui/number'
import { Still } from '../ui/Picture'
import { Save } from '../ui/Save'
import { Term } from '../ui/tips'
import { apart, DRAWS, type Drawn, rolled, rows } from './levels'

/** A model with two levels, one image after the other: what each level says of it and costs, and what is drawn when one of them is held. */
export function Levels() {
  const about = store.manifest.value
  const now = apart.value
  const drawn = rows.value
  if (!about?.levels) return null
  if (about.unsupported !== null) return <p class="fine">The server decodes this model, and does not take its levels apart.</p>
  return (
    <section class="levels" aria-label="An image, level by level" data-testid="levels">
      <Picture name="x" second={nameOf()}>{now && <Still x={now.x} label="the image x" />}</Picture>
      <Picture name={<Term about="The decoder at the mean of the lower code: what the model keeps of x.">both levels</Term>} second={`${about.levels.lower} numbers`}>{now && <Still x={now.both} testid="both-levels" label="decoded from the lower code" />}</Picture>
      <Picture name={<Term about="The mean of the upper code, from it the mean of the lower code, from that the picture: what the upper level alone knows of x.">upper alone</Term>} second={about.latent === 1 ? '1 number' : `${about.latent} numbers`}>{now && <Still x={now.upper} testid="upper-alone" label="decoded from the upper code alone" />}</Picture>
      <Picture name={<Term about="“both levels” less “upper alone”: orange is more, blue is less.">lower adds</Term>} second="">{now && <ErrorMap from={now.upper} to={now.both} />}</Picture>
      <Costs />
      <div class="level-rows">
        <Row name="upper of x, lower drawn" about="The upper code of x, and lower codes drawn from what it says of them: what one place of the plane leaves open." of={drawn?.held} testid="held" />
        <Row name="upper drawn, lower at its mean" about="Upper codes drawn from the prior, each with the mean of its lower code: what the upper level decides. The decoder grid on the plane is made like that. Click one to go there." of={drawn?.varied} testid="varied" />
        <Row name="… with the deviation of x" about="The same upper codes. Each lower code is as many standard deviations from its mean as that of x: what x has of its own goes along. The lower code itself cannot be kept: the decoder reads nothing else, so that the picture would be the same." of={drawn?.deviating} testid="deviating" />
        <button class="quiet" data-testid="levels-again" aria-label="Draw others" data-about="Other draws" onClick={() => (rolled.value += 1)}><Icon name="die" /></button>
      </div>
      <Save name="levels" of={(button) => button.closest('section')!} numbers={() => [['what', 'nats of this image'], ['lower rate', now?.rates[0]], ['upper rate', now?.rates[1]], ['distortion', now?.distortion]]} />
    </section>
  )
}

function Picture({ name, second, children }: { name: ComponentChildren; second: string; children: ComponentChildren }) {
  return (
    <figure>
      <div class="station">{children}</div>
      <figcaption><b>{name}</b> <span class="second">{second}</span></figcaption>
    </figure>
  )
}

/** What each level costs. */
function Costs() {
  const now = apart.value
  const terms = current.value as Partial<Record<string, number>> | null
  const [lower, upper] = now?.rates ?? [null, null]
  const lost = now?.distortion ?? null
  const elbo = lower === null || upper === null || lost === null ? null : -(lower + upper + lost)
  const lines: [string, string, number | null, number | undefined][] = [
    ['upper rate', 'E KL(q(upper|lower) ‖ p(upper)): nats that the upper code costs', upper, terms?.rate_level2_nats],
    ['lower rate', 'E[log q(lower|x) − log p(lower|upper)]: nats that the lower code costs once the upper one is known. By itself no KL: it may be below 0.', lower, terms?.rate_level1_nats],
    ['distortion', 'E[−log p(x|lower)]: nats that the image still costs', lost, terms?.distortion_nats],
    ['ELBO', '−(distortion + both rates): a lower bound on log p(x)', elbo, terms?.elbo_nats],
  ]
  return (
    <table class="costs">
      <thead><tr><th scope="col"><Term about={`In nats. Of this image estimated by ${DRAWS} draws of both codes; beside it the mean over images, one draw each.`}>nats</Term></th><th scope="col">this x</th><th scope="col">mean</th></tr></thead>
      <tbody>
        {lines.map(([name, words, value, mean]) => (
          <tr key={name}><th scope="row"><Term about={words}>{name}</Term></th><td data-testid={`level-${name.replace(' ', '-')}`}>{value === null ? '–' : short(value, 1)}</td><td>{mean === undefined ? '–' : short(mean, 1)}</td></tr>
        ))}
      </tbody>
    </table>
  )
}

function Row({ name, about, of, testid }: { name: string; about: string; of: Drawn[] | undefined; testid: string }) {
  return (
    <>
      <span class="name"><Term about={about}>{name}</Term></span>
      <div class="drawn" data-testid={testid}>
        {of?.map(({ z, x }, i) => (
          <button key={i} class="frame" onMouseEnter={() => (store.marked.value = z)} onMouseLeave={() => (store.marked.value = null)} onFocus={() => (store.marked.value = z)} onBlur={() => (store.marked.value = null)} onClick={() => pin(z)}>
            <Still x={x} label={`${name}, ${i + 1}`} />
          </button>
        ))}
      </div>
    </>
  )
}

function nameOf(): string {
  const image = journey.value?.image
  if (image === undefined) return ''
  return image === null ? 'your own' : `“${store.manifest.value!.data.classes[store.images.value!.labels[image]!] ?? ''}” ${image}`
}
