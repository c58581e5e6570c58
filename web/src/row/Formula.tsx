import { signal } from '@preact/signals'
import { evidence } from '../evidence/evidence'
import { SETTLED } from '../evidence/grid'
import { scaleOf } from '../model/likelihood'
import { ScaleBar } from '../probe/ScaleMap'
import * as store from '../state/store'
import { short } from '../ui/number'
import { journey, own, type Part } from './journey'
import { landed, wayOf } from './Cloud'
import { rates, squaredError } from './terms'

/** The number that is pointed at or has been opened: its part of the page lights up, and its formula is there. */
export const lit = signal<Part | null>(null)

/** What is squared is in parentheses where it has a sign. */
const squared = (value: number) => (nats(value).startsWith('−') ? <>(<b>{nats(value)}</b>)</> : <b>{nats(value)}</b>)

const MOST_TERMS = 2

/** What the numbers of the row are made of, with the numbers of this moment in their places. */
export function Formula() {
  const part = lit.value
  const now = journey.value
  const about = store.manifest.value
  if (!part || !now || !about) return null
  return (
    <div class={`formula ${part}`} id="formula" role="region" aria-label="Formula" data-testid="formula">
      {part === 'rate' ? <Rate /> : part === 'distortion' ? <Distortion /> : part === 'elbo' ? <Elbo /> : part === 'code' ? <Draw /> : <Exact />}
    </div>
  )
}

export const nats = (value: number, decimals = 2) => short(value, decimals)

function Rate() {
  const now = journey.value!
  const { rate } = own.value
  if (rate === null) return <p>The rate is KL(q(z|x) ‖ p(z)): how many nats of information the code carries about the image. This model's prior or posterior has no closed form here; its mean over images was measured with samples.</p>
  const parts = rates(now.loc, now.scale)
  const terms = Array.from({ length: Math.min(MOST_TERMS, parts.length) }, (_, k) => (
    <>{k > 0 && ' + '}½({squared(now.loc[k]!)}² + <b>{nats(now.scale[k]!)}</b>² − 1 − ln <b>{nats(now.scale[k]!)}</b>²)</>
  ))
  return (
    <>
      <p>Rate: how many nats of information the code carries about the image. 0 means that the code is ignored.</p>
      <p class="line">KL(q(z|x) ‖ p(z)) = Σ ½(μ² + σ² − 1 − ln σ²)</p>
      <p class="line">= {terms}{parts.length > MOST_TERMS && ' + …'} = <b>{nats(rate)}</b> nats</p>
    </>
  )
}

function Distortion() {
  const now = journey.value!
  const about = store.manifest.value!
  const scale = scaleOf(about, now.pixelScale, store.calm.value?.likelihoodScale ?? null)
  const { distortion: value, rate } = own.value
  const exact = evidence.value?.elbo
  const whole = exact != null && rate !== null ? -exact - rate : null
  const error = squaredError(now.x, now.decoded)
  const D = now.x.length
  return (
    <>
      <p>Distortion: what it still costs to say the image, given its code; smaller is better. Pixels have a density here, which can be above 1: so nats can be negative.</p>
      {whole !== null && <p>Over all of q(z|x), by a grid, it is <b>{nats(whole)}</b> nats; of this z:</p>}
      {value !== null && scale instanceof Float32Array ? (
        <>
          <p class="line">−log p(x|z) = {about.likelihood.kind === 'laplace' ? 'Σ ln 2s + |x − x̂| / s' : 'Σ ½ ln 2πs² + (x − x̂)² / 2s²'} = <b>{nats(value)}</b> nats, over <b>{D}</b> pixels, each with its own s</p>
          <p>As if each pixel were off by <b>{nats(Math.sqrt(error / D), 3)}</b>; the model allows for s from <ScaleBar scale={scale} />.</p>
        </>
      ) : value !== null && typeof scale === 'number' && about.likelihood.kind === 'laplace' ? (
        <p class="line">−log p(x|z) = D ln 2s + Σ|x − x̂| / s = <b>{D}</b> · ln(2 · <b>{nats(scale, 3)}</b>) + <b>{nats(value - D * Math.log(2 * scale))}</b> = <b>{nats(value)}</b> nats</p>
      ) : value !== null && typeof scale === 'number' && about.likelihood.kind.endsWith('gaussian') ? (
        <>
          <p class="line">−log p(x|z) = (D/2) ln 2πs² + Σ(x − x̂)² / 2s²</p>
          <p class="line">= <b>{D / 2}</b> · ln(2π · <b>{nats(scale, 3)}</b>²) + <b>{nats(error)}</b> / (2 · <b>{nats(scale, 3)}</b>²) = <b>{nats(value)}</b> nats</p>
          <p>As if each pixel were off by <b>{nats(Math.sqrt(error / D), 3)}</b>; the model allows for s = {nats(scale, 3)}.</p>
        </>
      ) : value !== null ? (
        <p class="line">−Σ x ln x̂ + (1 − x) ln(1 − x̂) = <b>{nats(value)}</b> nats, over <b>{D}</b> pixels</p>
      ) : (
        <p class="line">−log p(x|z) of a {about.likelihood.kind.replaceAll('_', ' ')} likelihood; squared error of this image Σ(x − x̂)² = <b>{nats(error)}</b></p>
      )}
    </>
  )
}

function Draw() {
  const now = journey.value!
  const way = wayOf(now)
  const { loc, scale } = way ?? now
  const z = way ? landed(way) : now.z
  const some = Array.from({ length: Math.min(MOST_TERMS, z.length) }, (_, k) => k)
  return (
    <>
      <p>Noise ε comes from N(0, 1), whatever the image; the encoder says where it is carried, and how far it is spread there. So gradients pass through μ and σ.</p>
      <p class="line">z = μ + σ · ε</p>
      {now.draws ? (
        <p>This posterior has another way from noise to z.</p>
      ) : now.drawn || way ? (
        some.map((k) => <p key={k} class="line">z{k + 1} = <b>{nats(loc[k]!)}</b> + <b>{nats(scale[k]!)}</b> · <b>{nats((z[k]! - loc[k]!) / scale[k]!)}</b> = <b>{nats(z[k]!)}</b></p>)
      ) : (
        <p>Now ε = 0, and z is the mean μ; “draw” takes another ε.</p>
      )}
    </>
  )
}

function Elbo() {
  const { rate, distortion, elbo } = own.value
  const exact = evidence.value?.elbo
  return (
    <>
      <p>The evidence lower bound: log p(x) is at least this. Training makes it large, and beta is the price of the rate.</p>
      <p class="line">log p(x) ≥ ELBO = −(distortion + rate)</p>
      {elbo !== null && <p class="line">= −(<b>{nats(distortion!)}</b> + <b>{nats(rate!)}</b>) = <b>{nats(elbo)}</b> nats, of this image and this z</p>}
      {exact != null && <p>Over all of q(z|x), by a grid, it is <b>{nats(exact)}</b> nats.</p>}
    </>
  )
}

function Exact() {
  const found = evidence.value
  if (!found) return <p>log p(x) is being computed …</p>
  const { logEvidence, elbo, change, decoded, coarse, spacing, from, to } = found
  const each = (numbers: number[]) => numbers.map((value) => nats(value, value < 0.1 ? 4 : 2)).join(' × ')
  return (
    <>
      <p>log p(x): how likely the model finds this image, whatever its code. The ELBO falls short of it by what the encoder’s q(z|x) misses of the exact posterior.</p>
      <p class="line">log p(x) = log ∫ p(x|z) p(z) dz = <b>{nats(logEvidence)}</b> nats</p>
      {elbo !== null && <p class="line">log p(x) − ELBO = <b>{nats(logEvidence)}</b> − <b>{nats(elbo)}</b> = <b>{nats(logEvidence - elbo, 3)}</b> nats = KL(q(z|x) ‖ p(z|x))</p>}
      <p>
        By a grid of {decoded.toLocaleString('en')} codes over {from.map((low, k) => `${nats(low, 1)} … ${nats(to[k]!, 1)}`).join(' and ')}: first {each(coarse)} apart, where the mass is {each(spacing)}.{' '}
        {change < SETTLED ? `Twice as coarse there, it differs by ${change < 1e-4 ? 'less than 0.0001' : nats(change, 4)} nats.` : `It is not known better than this: twice as coarse there, it differs by ${nats(change)} nats.`}
        {elbo !== null && ' This ELBO is the mean over all of q(z|x), not that of one z.'}
      </p>
    </>
  )
}
