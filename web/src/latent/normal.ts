import { erf } from '../model/pointwise'

/** P(Z <= x) for Z ~ N(0, 1). */
export function cdf(x: number): number {
  return 0.5 * (1 + erf(x * Math.SQRT1_2))
}

export function density(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)
}

const CENTRE = [-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1, 2.506628277459239]
const CENTRE_BELOW = [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1]
const TAIL = [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783]
const TAIL_BELOW = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1]
const TAIL_STARTS = 0.02425

const polynomial = (coefficients: number[], x: number) => coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)

/** The x of which P(Z <= x) = p: Acklam's rational approximation, relative error below 1.2e-9. */
export function quantile(p: number): number {
  if (p > 0.5) return -quantile(1 - p)
  if (p < TAIL_STARTS) {
    const q = Math.sqrt(-2 * Math.log(p))
    return polynomial(TAIL, q) / polynomial(TAIL_BELOW, q)
  }
  const q = p - 0.5
  return (q * polynomial(CENTRE, q * q)) / polynomial(CENTRE_BELOW, q * q)
}

/** A draw by Box and Muller's transform. */
export function normal(random: () => number = Math.random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
