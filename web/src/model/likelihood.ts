import { normal } from '../latent/normal'
import type { Manifest } from './manifest'
import { POINTWISE } from './pointwise'

const HALVINGS = 40
/** Beyond such a logit a continuous Bernoulli's pixels are black or white to six decimals. */
const LARGEST_LOGIT = 1e6

type Random = () => number

/** Of p(x|z): of each pixel, or of all of them; null: it has none. In the units of decoded pixels. */
export type Scale = Float32Array | number | null

/** Black and white, where pixels are real numbers, which the page has by their brightness only. */
function realRange(about: Manifest): { low: number; high: number } | null {
  const { pixels } = (about.run.config.data ?? {}) as { pixels?: { values?: string; low: number; high: number } }
  return pixels?.values === 'real' ? pixels : null
}

/** What 1 among decoded pixels is in the units that the model's have. */
export function unitOf(about: Manifest): number {
  const range = realRange(about)
  return range ? range.high - range.low : 1
}

/** Whether the decoder gives each pixel a scale of its own. */
export const hasScales = (about: Manifest) => about.decoder?.outputs.scale !== undefined

/** @param shared the scale of all pixels, in the model's units */
export const scaleOf = (about: Manifest, own: Float32Array | null, shared: number | null): Scale => own ?? (shared === null ? null : shared / unitOf(about))

const at = (scale: Float32Array | number): ((i: number) => number) => (typeof scale === 'number' ? () => scale : (i) => scale[i]!)

/** -log p(x|z) of one image by its decoded mean, in nats; null where the page does not know the density. */
export function distortion(about: Manifest, x: Float32Array, mean: Float32Array, scale: Scale): number | null {
  const loss = lossOf(about, scale)
  return loss && x.reduce((sum, value, i) => sum + loss(value, mean[i]!, i), 0)
}

/** Of one pixel. */
export function lossOf(about: Manifest, scale: Scale): ((x: number, mean: number, i: number) => number) | null {
  const { kind } = about.likelihood
  if (realRange(about)) return null // of which brightness is a rounded and clipped picture
  if (kind === 'bernoulli') {
    return (x, mean) => {
      const p = Math.min(1 - 1e-7, Math.max(1e-7, mean))
      return -x * Math.log(p) - (1 - x) * Math.log(1 - p)
    }
  }
  if (scale === null) return null
  const s = at(scale)
  if (kind.endsWith('gaussian')) return (x, mean, i) => 0.5 * Math.log(2 * Math.PI * s(i) ** 2) + (x - mean) ** 2 / (2 * s(i) ** 2)
  return kind === 'laplace' ? (x, mean, i) => Math.log(2 * s(i)) + Math.abs(x - mean) / s(i) : null
}

/**
 * A draw of the pixels from p(x|z), given its mean and scale; null where these do not determine it.
 *
 * @param random uniform on [0, 1)
 */
export function drawPixels(mean: Float32Array, about: Manifest, scale: Scale, random: Random = Math.random): Float32Array | null {
  const draw = pixelOf(about.likelihood.kind, scale, random)
  return draw && mean.map(draw)
}

function pixelOf(kind: string, scale: Scale, random: Random): ((mean: number, i: number) => number) | null {
  if (kind === 'bernoulli') return (mean) => Number(random() < mean)
  if (kind === 'continuous_bernoulli') {
    return (mean) => {
      const logit = logitOf(mean)
      const u = random()
      return Math.abs(logit) < 1e-6 ? u : logit > 0 ? 1 + Math.log(u + (1 - u) * Math.exp(-logit)) / logit : Math.log1p(u * Math.expm1(logit)) / logit
    }
  }
  if (scale === null) return null
  const s = at(scale)
  if (kind.endsWith('gaussian')) return (mean, i) => mean + s(i) * normal(random)
  return kind === 'laplace' ? (mean, i) => mean + s(i) * Math.log(1 - random()) * (random() < 0.5 ? 1 : -1) : null
}

/** The logit at which a continuous Bernoulli has this mean, by bisection. */
function logitOf(mean: number): number {
  const [x, y] = [new Float32Array(1), new Float32Array(1)]
  let [low, high] = [-LARGEST_LOGIT, LARGEST_LOGIT]
  for (let i = 0; i < HALVINGS; i++) {
    x[0] = (low + high) / 2
    POINTWISE.continuous_bernoulli_mean!(x, y, 1, { op: '', in: [], out: 0, shape: [] })
    if (y[0]! < mean) low = x[0]!
    else high = x[0]!
  }
  return (low + high) / 2
}
