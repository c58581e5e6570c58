import { bytesOf } from '../model/base64'
import type { PriorTold } from '../model/manifest'
import { logSum } from '../evidence/grid'
import { type Axes, project } from './plane'

/** p(z) as a mixture of m normal distributions, each independent over dimensions. */
export interface Mixture {
  weights: number[]
  /** m x d */
  loc: Float32Array
  scale: Float32Array
  /** Whether that is the prior itself; else loc are draws of it, and scale the width of a kernel. */
  exact: boolean
  byClass: boolean
}

export function mixtureOf(told: PriorTold, d: number): Mixture {
  const values = new Int16Array(bytesOf(told.parts).buffer)
  const m = told.weights.length
  const loc = new Float32Array(m * d)
  const scale = new Float32Array(m * d)
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < d; k++) {
      loc[i * d + k] = values[2 * i * d + k]! * told.loc_unit
      scale[i * d + k] = Math.exp(values[(2 * i + 1) * d + k]! * told.log_scale_unit)
    }
  }
  return { weights: told.weights, loc, scale, exact: told.exact, byClass: told.by_class }
}

/**
 * A draw from the prior, or of p(z|c) where there is one for each class.
 *
 * @param uniform a draw from [0, 1), which chooses the part
 * @param epsilon d draws from N(0, 1)
 */
export function drawPrior({ weights, loc, scale, exact, byClass }: Mixture, cls: number | null, uniform: number, epsilon: number[]): number[] {
  const d = loc.length / weights.length
  let part = byClass && cls !== null ? cls : 0
  if (!byClass || cls === null) {
    for (let left = uniform * weights.reduce((sum, weight) => sum + weight, 0); part < weights.length - 1 && left > weights[part]!; part++) left -= weights[part]!
  }
  return Array.from({ length: d }, (_, k) => loc[part * d + k]! + (exact ? scale[part * d + k]! * epsilon[k]! : 0))
}

/** log p(z) in nats at one of n codes; of one class where there is a part for each. */
export function logDensity({ weights, loc, scale, byClass }: Mixture, codes: ArrayLike<number>, at: number, cls: number | null): number {
  const d = loc.length / weights.length
  return logSum(
    weights.flatMap((weight, part) => {
      if (byClass && cls !== null && part !== cls) return []
      let sum = byClass && cls !== null ? 0 : Math.log(weight)
      for (let k = 0; k < d; k++) sum += logNormal(codes[at * d + k]!, loc[part * d + k]!, scale[part * d + k]!)
      return [sum]
    }),
  )
}

export const logNormal = (x: number, loc: number, scale: number) => -0.5 * ((x - loc) / scale) ** 2 - Math.log(scale) - 0.5 * Math.log(2 * Math.PI)

/** What of a mixture is seen from the side onto a plane: weight, place and inverse covariance of each part. */
export interface Seen {
  weight: number
  x: number
  y: number
  a: number
  b: number
  c: number
}

export function seen({ weights, loc, scale, byClass }: Mixture, axes: Axes, cls: number | null): Seen[] {
  const d = axes.e1.length
  const places = project(loc, d, axes)
  const e2 = axes.e2 ?? new Float64Array(d)
  return weights.flatMap((weight, i) => {
    if (byClass && cls !== null && i !== cls) return []
    let [xx, xy, yy] = [0, 0, 0]
    for (let k = 0; k < d; k++) {
      const variance = scale[i * d + k]! ** 2
      xx += axes.e1[k]! ** 2 * variance
      xy += axes.e1[k]! * e2[k]! * variance
      yy += e2[k]! ** 2 * variance
    }
    const volume = xx * yy - xy * xy
    return [{ weight: weight / (2 * Math.PI * Math.sqrt(volume)), x: places[2 * i]!, y: places[2 * i + 1]!, a: yy / volume, b: -xy / volume, c: xx / volume }]
  })
}

/** Density of the shadow at a place, not normalised where one class is shown. */
export function densityAt(x: number, y: number, parts: Seen[]): number {
  let sum = 0
  for (const { weight, x: px, y: py, a, b, c } of parts) {
    const [dx, dy] = [x - px, y - py]
    const distance = a * dx * dx + 2 * b * dx * dy + c * dy * dy
    if (distance < 50) sum += weight * Math.exp(-0.5 * distance)
  }
  return sum
}

/** Of the mass, what one, two and three standard deviations of a normal distribution hold in two dimensions. */
export const MASSES = [1, 2, 3].map((times) => 1 - Math.exp(-0.5 * times * times))
const DRAWS = 2000

/**
 * The densities above which so much of the mass lies: quantiles of the density at draws of it, "Computing and graphing highest
 * density regions" (Hyndman, 1996).
 */
export function levels(parts: Seen[]): number[] {
  const total = parts.reduce((sum, { weight, a, b, c }) => sum + weight / Math.sqrt(a * c - b * b), 0)
  const densities: number[] = []
  for (const part of parts) {
    const share = part.weight / Math.sqrt(part.a * part.c - part.b * part.b) / total
    const { sx, sy, tilt } = spreads(part)
    const count = Math.max(1, Math.round(share * DRAWS))
    for (let i = 0; i < count; i++) {
      // places of equal mass, by the golden angle: the same at every call
      const r = Math.sqrt(-2 * Math.log(1 - (i + 0.5) / count))
      const angle = i * 2.399963229728653
      const u = r * Math.cos(angle)
      densities.push(densityAt(part.x + sx * u, part.y + tilt * u + sy * r * Math.sin(angle), parts))
    }
  }
  densities.sort((p, q) => q - p)
  return MASSES.map((mass) => densities[Math.min(densities.length - 1, Math.floor(mass * densities.length))]!)
}

/** The Cholesky factor of a part's covariance, from its inverse. */
function spreads({ a, b, c }: Seen): { sx: number; sy: number; tilt: number } {
  const volume = a * c - b * b
  const [xx, xy, yy] = [c / volume, -b / volume, a / volume]
  const sx = Math.sqrt(xx)
  const tilt = xy / sx
  return { sx, tilt, sy: Math.sqrt(Math.max(0, yy - tilt * tilt)) }
}
