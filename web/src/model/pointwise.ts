import type { Op } from './manifest'

type Pointwise = (x: Float32Array, y: Float32Array, n: number, op: Op) => void

const each =
  (f: (value: number, op: Op) => number): Pointwise =>
  (x, y, n, op) => {
    for (let i = 0; i < n; i++) y[i] = f(x[i]!, op)
  }

const softplus = (v: number) => (v > 30 ? v : Math.log1p(Math.exp(v)))

/** erf to 1e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, refined by its series near 0. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a < 0.5) {
    // 2 / sqrt(pi) (x - x^3 / 3 + x^5 / 10 - x^7 / 42 + x^9 / 216 - x^11 / 1320)
    const s = x * x
    return 1.1283791670955126 * x * (1 - s * (1 / 3 - s * (1 / 10 - s * (1 / 42 - s * (1 / 216 - s / 1320)))))
  }
  const t = 1 / (1 + 0.3275911 * a)
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - tail * Math.exp(-a * a))
}

/** Functions of one value, by the name of their operation. */
export const POINTWISE: Record<string, Pointwise> = {
  relu: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = x[i]! > 0 ? x[i]! : 0
  },
  leaky_relu: (x, y, n, op) => {
    const slope = op.slope!
    for (let i = 0; i < n; i++) y[i] = x[i]! > 0 ? x[i]! : slope * x[i]!
  },
  tanh: each(Math.tanh),
  sigmoid: each((v) => 1 / (1 + Math.exp(-v))),
  silu: each((v) => v / (1 + Math.exp(-v))),
  gelu: each((v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2))),
  soft_bound: each((v, op) => {
    const below = op.bound! - softplus(op.bound! - v)
    return softplus(below + op.bound!) - op.bound!
  }),
  exp_half: each((v) => Math.exp(v / 2)),
  abs_plus: each((v, op) => Math.abs(v) + op.floor!),
  times: each((v, op) => v * op.factor!),
  continuous_bernoulli_mean: each((l) =>
    Math.abs(l) < 0.05 ? 0.5 + l / 12 - l ** 3 / 720 : -1 / Math.expm1(-l) - 1 / l,
  ),
}
