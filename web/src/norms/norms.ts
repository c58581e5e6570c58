import { normal } from '../latent/normal'

/** ln Gamma(d / 2). */
function logGammaOfHalf(d: number): number {
  let sum = d % 2 ? 0.5 * Math.log(Math.PI) : 0
  for (let x = d % 2 ? 0.5 : 1; x < d / 2 - 0.25; x++) sum += Math.log(x)
  return sum
}

/** Density of the norm of a draw from N(0, I) in d dimensions: the chi distribution. */
export function chiDensity(r: number, d: number): number {
  if (r <= 0) return 0
  return Math.exp((d - 1) * Math.log(r) - 0.5 * r * r - (d / 2 - 1) * Math.LN2 - logGammaOfHalf(d))
}

/** So far above sqrt(d) a norm is never seen: less than one draw in 10^14. */
const BEYOND = 8

/** P(|z| <= r) of such a draw: the regularised lower incomplete gamma function P(d / 2, r^2 / 2) by its series. */
export function chiBelow(r: number, d: number): number {
  const x = 0.5 * r * r
  if (x === 0) return 0
  if (r > Math.sqrt(d) + BEYOND) return 1
  const a = d / 2
  const first = a * Math.log(x) - x - logGammaOfHalf(d) - Math.log(a)
  let [term, sum] = [1, 1]
  for (let n = 1; n < 10_000 && term > 1e-12 * sum; n++) {
    term *= x / (a + n)
    sum += term
  }
  return Math.min(1, Math.exp(first + Math.log(sum)))
}

/** The mean of such a norm, about sqrt(d - 1/2). */
export function chiMean(d: number): number {
  return Math.SQRT2 * Math.exp(logGammaOfHalf(d + 1) - logGammaOfHalf(d))
}

export interface Norms {
  /** |mu| of each image, and |z| of one draw from each posterior. */
  means: Float64Array
  draws: Float64Array
}

/** The same noise at every step: what moves is the model. */
export function normsOf(loc: Float32Array, scale: Float32Array, d: number): Norms {
  const n = loc.length / d
  const [means, draws] = [new Float64Array(n), new Float64Array(n)]
  let seed = 1
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  for (let i = 0; i < n; i++) {
    let [mean, draw] = [0, 0]
    for (let k = i * d; k < (i + 1) * d; k++) {
      mean += loc[k]! ** 2
      draw += (loc[k]! + scale[k]! * normal(random)) ** 2
    }
    means[i] = Math.sqrt(mean)
    draws[i] = Math.sqrt(draw)
  }
  return { means, draws }
}

export function quantileOf(values: Float64Array, part: number): number {
  return Float64Array.from(values).sort()[Math.min(values.length - 1, Math.floor(part * values.length))] ?? 0
}

/** How densely values lie in each bin from 0 to `reach`; those beyond it count, and are not shown. */
export function histogram(values: Float64Array, reach: number, bins: number): Float64Array {
  const found = new Float64Array(bins)
  for (const value of values) {
    const bin = Math.floor((value / reach) * bins)
    if (bin < bins) found[bin]! += bins / (reach * values.length)
  }
  return found
}
