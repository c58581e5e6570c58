import type { Codes } from '../model/networks'
import { type Axes, project } from '../state/plane'

/** A posterior seen in the plane: its mean, and what it looks like around it. */
export interface Shape {
  mean: [number, number]
  /** The image of the unit circle under the lower triangle (a, 0; b, c) is one standard deviation; null: it is no normal distribution. */
  ellipse: [a: number, b: number, c: number] | null
  /** Codes drawn from it, x and y one after the other, where it is not independent over dimensions. */
  dots: Float32Array | null
}

export function shapeOf({ loc, scale, draws, normal }: Codes, axes: Axes): Shape {
  const d = loc.length
  const [x, y] = project(loc, d, axes)
  const mean: [number, number] = [x!, y!]
  if (!draws) {
    const spread = (p: Float64Array, q: Float64Array) => p.reduce((sum, entry, k) => sum + entry * q[k]! * scale[k]! ** 2, 0)
    const none = axes.e2 ?? new Float64Array(d)
    return { mean, ellipse: factor(spread(axes.e1, axes.e1), spread(axes.e1, none), spread(none, none)), dots: null }
  }
  const dots = project(draws, d, axes)
  return { mean, ellipse: normal ? factor(...moments(dots)) : null, dots }
}

/** Variances and covariance of places, x and y one after the other. */
function moments(dots: Float32Array): [xx: number, xy: number, yy: number] {
  const n = dots.length / 2
  const middle = [0, 1].map((axis) => dots.reduce((sum, value, i) => sum + (i % 2 === axis ? value / n : 0), 0)) as [number, number]
  let [xx, xy, yy] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [dots[2 * i]! - middle[0], dots[2 * i + 1]! - middle[1]]
    xx += (dx * dx) / n
    xy += (dx * dy) / n
    yy += (dy * dy) / n
  }
  return [xx, xy, yy]
}

/** The Cholesky factor of a covariance. */
function factor(xx: number, xy: number, yy: number): [number, number, number] {
  const a = Math.sqrt(Math.max(xx, 1e-18))
  const b = xy / a
  return [a, b, Math.sqrt(Math.max(0, yy - b * b))]
}
