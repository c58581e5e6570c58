import { density } from '../latent/normal'
import type { Summary } from '../readings/summary'

const LEAST = 3.5
const MOST_IMAGES = 400
/** A posterior narrower than this part of a bin would fall between two of them. */
const NARROWEST = 0.7

/** How far a dimension's slider reaches: over the prior, and over three standard deviations of the aggregate posterior. */
export function reachOf({ mean, variance }: Summary, k: number): number {
  const reach = Math.max(LEAST, Math.abs(mean[k]!) + 3 * Math.sqrt(variance[k]!))
  return Number(reach.toPrecision(2))
}

/** The densities of one dimension in the middle of each bin from -reach to reach: aggregate posterior q(z_k), and N(0, 1). */
export function marginals(loc: Float32Array, scale: Float32Array, d: number, k: number, reach: number, bins: number): { posterior: Float64Array; prior: Float64Array } {
  const wide = (2 * reach) / bins
  const middle = (bin: number) => -reach + (bin + 0.5) * wide
  const posterior = new Float64Array(bins)
  const n = loc.length / d
  const every = Math.max(1, Math.ceil(n / MOST_IMAGES))
  const taken = Math.ceil(n / every)
  for (let i = 0; i < n; i += every) {
    const m = loc[i * d + k]!
    const s = Math.max(scale[i * d + k]!, NARROWEST * wide)
    const first = Math.max(0, Math.floor((m - 3 * s + reach) / wide))
    const last = Math.min(bins - 1, Math.ceil((m + 3 * s + reach) / wide))
    for (let bin = first; bin <= last; bin++) posterior[bin]! += density((middle(bin) - m) / s) / (s * taken)
  }
  return { posterior, prior: Float64Array.from({ length: bins }, (_, bin) => density(middle(bin))) }
}
