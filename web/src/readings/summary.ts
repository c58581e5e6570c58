/** What the codes of n images tell by themselves. */
export interface Summary {
  /** KL(q(z_k|x) || N(0, 1)), mean over images, nats. */
  rates: Float64Array
  /** Variance over images of each mean: Burda et al. (2016) count dimensions above 0.01 as active. */
  moved: Float64Array
  /** Of the aggregate posterior in each dimension. */
  mean: Float64Array
  variance: Float64Array
}

export const ACTIVE = 0.01

export function summarise(loc: Float32Array, scale: Float32Array, d: number): Summary {
  const n = loc.length / d
  const rates = new Float64Array(d)
  const mean = new Float64Array(d)
  const square = new Float64Array(d)
  const spread = new Float64Array(d)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < d; k++) {
      const m = loc[i * d + k]!
      const s = scale[i * d + k]! ** 2
      rates[k]! += (0.5 * (m * m + s - 1 - Math.log(s))) / n
      mean[k]! += m / n
      square[k]! += (m * m) / n
      spread[k]! += s / n
    }
  }
  const moved = square.map((value, k) => Math.max(0, value - mean[k]! ** 2))
  // law of total variance: of the means, plus the mean of the variances
  return { rates, moved, mean, variance: moved.map((value, k) => value + spread[k]!) }
}
