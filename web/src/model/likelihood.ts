import { normal } from '../latent/normal'
import type { Manifest } from './manifest'
import { POINTWISE } from './pointwise'

const HALVINGS = 40
/** Beyond such a logit a continuous Bernoulli's pixels are black or white to six decimals. */
const LARGEST_LOGIT = 1e6

type Random = () => number

/**
 * A draw of the pixels from p(x|z), given its mean and, where it has one, the scale of all pixels; null where these do not
 * determine it.
 *
 * @param random uniform on [0, 1)
 */
export function drawPixels(mean: Float32Array, about: Manifest, scale: number | null, random: Random = Math.random): Float32Array | null {
  const draw = pixelOf(about.likelihood.kind, scale, random)
  return draw && mean.map(draw)
}

function pixelOf(kind: string, scale: number | null, random: Random): ((mean: number) => number) | null {
  switch (kind) {
    case 'gaussian':
    case 'optimal_gaussian':
      return scale === null ? null : (mean) => mean + scale * normal(random)
    case 'laplace':
      return scale === null ? null : (mean) => mean + scale * Math.log(1 - random()) * (random() < 0.5 ? 1 : -1)
    case 'bernoulli':
      return (mean) => Number(random() < mean)
    case 'continuous_bernoulli':
      return (mean) => {
        const logit = logitOf(mean)
        const u = random()
        return Math.abs(logit) < 1e-6 ? u : logit > 0 ? 1 + Math.log(u + (1 - u) * Math.exp(-logit)) / logit : Math.log1p(u * Math.expm1(logit)) / logit
      }
    default:
      return null
  }
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
