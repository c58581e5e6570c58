import * as store from '../state/store'
import { Panel } from '../ui/Panel'
import { summary } from './current'
import { short } from './short'
import { ACTIVE } from './summary'

const SHOWN = 4

/** Numbers of the step that is shown: each with its unit and how it was measured. */
export function Readings() {
  const shown = store.calm.value
  const about = store.manifest.value
  const codes = summary.value
  if (!shown || !about || !codes) return null
  const entry = about.steps.find((step) => step.index === shown.index)
  const live = shown.index === null ? store.training.value?.terms : null
  const terms = live ?? entry?.readings
  const from = live ? 'training batches just now' : entry ? `${entry.readings.images} ${entry.readings.split} images, one posterior sample each` : ''
  const rate = codes.rates.reduce((sum, value) => sum + value, 0)
  const active = codes.moved.filter((value) => value > ACTIVE).length
  const implied = entry?.readings.implied_scale
  return (
    <Panel id="readings" title="Readings" about="Numbers of this step, in nats per image">
      <dl class="headline">
        <Row name="distortion" value={nats(terms?.distortion_nats)} about="E[-log p(x|z)]: how badly images are described by codes drawn from their posteriors. Smaller is better." testid="distortion" />
        <Row name="rate" value={nats(terms?.rate_nats)} about="KL(q(z|x) || p(z)): how much the code says about the image, beyond the prior. Never negative." testid="rate" />
        <Row name="ELBO" value={nats(terms?.elbo_nats)} about="-distortion - rate: a lower bound on log p(x). Bigger is better." testid="elbo" />
      </dl>
      <p class="fine">nats per image · {from}</p>
      <dl class="readings">
        <Row name="active units" value={`${active} of ${about.latent}`} about={`Dimensions whose mean varies over the images by more than ${ACTIVE} (Burda et al., 2016)`} testid="active" />
        <Row name="rate to N(0, 1)" value={short(rate, 2)} about={`Sum over dimensions of KL(q(z_k|x) || N(0, 1)), from the codes of ${shown.count} ${about.images.split} images. ${about.prior.kind === 'standard_normal' ? 'The prior is N(0, 1), so this is the rate of these images.' : 'The prior of this model is another, so this is not its rate.'}`} />
        <Row name="implied scale" value={implied === undefined ? '–' : implied.toFixed(3)} about="The Gaussian scale that the squared errors imply, in units of the pixels" />
        <Row name="likelihood scale" value={shown.likelihoodScale === null ? 'none' : shown.likelihoodScale.toFixed(3)} about="The scale that the likelihood uses. Far below the implied one, the rate hardly counts: nearly a plain autoencoder." />
      </dl>
      <table class="aggregate" title="The aggregate posterior q(z), all images together, against the prior: mean 0 and variance 1 where the prior is N(0, 1)">
        <thead><tr><th>q(z)</th><th>mean</th><th>variance</th></tr></thead>
        <tbody>
          {Array.from({ length: Math.min(about.latent, SHOWN) }, (_, k) => (
            <tr key={k}><th>z{k + 1}</th><td>{short(codes.mean[k]!, 2)}</td><td>{short(codes.variance[k]!, 2)}</td></tr>
          ))}
          <tr><th>N(0, 1)</th><td>0</td><td>1</td></tr>
        </tbody>
      </table>
    </Panel>
  )
}

const nats = (value: number | undefined) => (value === undefined ? '–' : short(value, 2))

function Row({ name, value, about, testid }: { name: string; value: string; about: string; testid?: string }) {
  return (
    <div class={name} title={about}>
      <dt>{name}</dt>
      <dd data-testid={testid && `reading-${testid}`}>{value}</dd>
    </div>
  )
}
