import { rates } from '../row/terms'
import { logDensity, logNormal, type Mixture } from '../state/prior'

interface Normal {
  loc: Float32Array
  scale: Float32Array
}

/** n draws of both codes of one image, with the distributions that they are drawn from and compared with; those of `q1` are of all. */
export interface Draws {
  q1: Normal
  z1: Float32Array
  q2: Normal
  z2: Float32Array
  p1: Normal
}

/**
 * What each level of one image costs, in nats: E[log q(z1|x) - log p(z1|z2)], and E KL(q(z2|z1) || p(z2)).
 *
 * The second is null where the density of the prior is not known.
 */
export function rateOf({ q1, z1, q2, z2, p1 }: Draws, prior: Mixture | null, standard: boolean): [number, number | null] {
  const lower = q1.loc.length
  const n = z1.length / lower
  const upper = z2.length / n
  let first = 0
  for (let i = 0; i < z1.length; i++) first += logNormal(z1[i]!, q1.loc[i % lower]!, q1.scale[i % lower]!) - logNormal(z1[i]!, p1.loc[i]!, p1.scale[i]!)
  if (standard) return [first / n, rates(q2.loc, q2.scale).reduce((sum, value) => sum + value, 0) / n]
  if (!prior?.exact) return [first / n, null]
  let second = 0
  for (let i = 0; i < z2.length; i++) second += logNormal(z2[i]!, q2.loc[i]!, q2.scale[i]!)
  for (let i = 0; i < z2.length / upper; i++) second -= logDensity(prior, z2, i, null)
  return [first / n, second / n]
}
