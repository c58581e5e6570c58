import { evidence, sought } from '../evidence/evidence'
import { SETTLED } from '../evidence/grid'
import type { StepEntry } from '../model/manifest'
import * as store from '../state/store'
import { count, fixed, short } from '../ui/number'
import { Panel } from '../ui/Panel'
import { Term } from '../ui/tips'
import { current, summary } from './current'
import { ACTIVE } from './summary'

const SHOWN = 4

/** Numbers of the step that is shown: each with its unit and how it was measured. */
export function Readings() {
  const shown = store.calm.value
  const about = store.manifest.value
  const codes = summary.value
  const exact = evidence.value
  if (!shown || !about) return null
  const entry = about.steps.find((step) => step.index === shown.index)
  const live = shown.index === null ? current.value : null
  const terms = live ?? entry?.readings
  const from = live ? 'the last training batches' : entry ? count(entry.readings.images, `${entry.readings.split} image`) : ''
  const rate = codes?.rates.reduce((sum, value) => sum + value, 0)
  const active = codes?.moved.filter((value) => value > ACTIVE).length
  const implied = entry?.readings.implied_scale
  return (
    <Panel id="readings" title={live ? 'Readings: training' : `Readings: ${entry?.readings.split ?? ''}`} about="Numbers of this step, in nats per image">
      <dl class="headline">
        <Row name="distortion" value={nats(terms?.distortion_nats)} about="E[−log p(x|z)]: what it still costs to say the image, given a code drawn from its posterior. Smaller is better." testid="distortion" />
        <Row name="rate" value={nats(terms?.rate_nats)} about="KL(q(z|x) ‖ p(z)): how many nats of information the code carries about the image. 0 means that the code is ignored." testid="rate" />
        <Row name="ELBO" value={nats(terms?.elbo_nats)} about="−(distortion + rate): a lower bound on log p(x). Bigger is better." testid="elbo" />
      </dl>
      <p class="fine" data-about="Of kept steps with one posterior sample an image; ★ marks the run's own weights (those of the best epoch), or while it trains the kept step nearest to them">nats per image · {from}{entry && !live && <> · <span data-testid="weights-of">{weightsOf(entry, about.steps)}</span></>}</p>
      <dl class="readings">
        {entry?.readings.rate_level1_nats !== undefined && !live && <Row name="rate of the lower level" value={nats(entry.readings.rate_level1_nats)} about="E[log q(lower|x) − log p(lower|upper)]: what the lower code costs once the upper one is known. By itself no KL: it may be below 0." testid="level1" />}
        {entry?.readings.rate_level2_nats !== undefined && !live && <Row name="rate of the upper level" value={nats(entry.readings.rate_level2_nats)} about="E KL(q(upper|lower) ‖ p(upper)). The plane shows the upper code." testid="level2" />}
        {active !== undefined && <Row name="active units" value={`${active} of ${about.latent}`} about={`Dimensions whose mean varies over the images by more than ${ACTIVE} (Burda et al., 2016)`} testid="active" />}
        {sought.value && <Row name="log p(x) of this x" value={exact ? `${exact.change < SETTLED ? '' : '≈ '}${nats(exact.logEvidence)}` : '…'} about="Of the image in the row, in nats, by a grid of codes; ≈: a grid twice as coarse says something else. Point at it in the row for how it was found." testid="evidence" />}
        {sought.value && <Row name="gap to its ELBO" value={exact?.elbo == null ? '…' : short(exact.logEvidence - exact.elbo, 3)} about="KL(q(z|x) ‖ p(z|x)) of the image in the row: log p(x) less the ELBO, both by a grid" testid="gap" />}
        {about.prior.kind !== 'standard_normal' && rate !== undefined && (
          <Row name="rate to N(0, 1)" value={short(rate, 2)} about={`Sum over dimensions of KL(q(z_k|x) ‖ N(0, 1)), from the codes of ${count(shown.count, `${about.images.split} image`)}. The prior of this model is another, so this is not its rate.`} />
        )}
        {implied !== undefined && shown.likelihoodScale !== null && <Row name="error per pixel" value={fixed(implied, 3)} about="As if each pixel were off by so much: the root of the mean squared error, in units of the pixels; the Gaussian scale that the errors imply" />}
        {shown.likelihoodScale !== null && (
          <Row name="likelihood scale" value={fixed(shown.likelihoodScale, 3)} about="The error per pixel that the likelihood allows for. Far below the one that there is, the rate hardly counts: nearly a plain autoencoder." />
        )}
      </dl>
      {codes && <table class="aggregate">
        <thead><tr><th scope="col"><Term about="The aggregate posterior: all images together, against the prior of mean 0 and variance 1. Two moments may agree and the distributions still differ.">q(z)</Term></th><th>mean</th><th>variance</th></tr></thead>
        <tbody>
          {Array.from({ length: Math.min(about.latent, SHOWN) }, (_, k) => (
            <tr key={k}><th>z{k + 1}</th><td>{short(codes.mean[k]!, 2)}</td><td>{short(codes.variance[k]!, 2)}</td></tr>
          ))}
          <tr><th>N(0, 1)</th><td>0</td><td>1</td></tr>
        </tbody>
      </table>}
    </Panel>
  )
}

/** Which weights these are, and which are the run's own. */
function weightsOf(entry: StepEntry, steps: StepEntry[]): string {
  const best = steps.find((step) => step.best)
  const which = entry === steps.at(-1) ? 'last step' : `step ${short(entry.step, 0)}`
  if (!best) return which
  const epoch = best.weights_epoch ?? best.epoch
  if (entry !== best) return `${which}; the run's own weights: epoch ${fixed(epoch, 0)}, ★`
  return Math.abs(epoch - best.epoch) < 1e-6 ? `${which}: ★, the run's own weights` : `${which}: ★, nearest to the run's own weights (epoch ${fixed(epoch, 0)})`
}

const nats = (value: number | undefined) => (value === undefined ? '–' : short(value, 2))

function Row({ name, value, about, testid }: { name: string; value: string; about: string; testid?: string }) {
  return (
    <div class={name}>
      <dt><Term about={about}>{name}</Term></dt>
      <dd data-testid={testid && `reading-${testid}`}>{value}</dd>
    </div>
  )
}
