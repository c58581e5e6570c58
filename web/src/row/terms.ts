import type { Manifest } from '../model/manifest'

/** KL(N(loc, diag scale^2) || N(0, I)) of one image, dimension by dimension, in nats. */
export function rates(loc: ArrayLike<number>, scale: ArrayLike<number>): number[] {
  return Array.from({ length: loc.length }, (_, k) => 0.5 * (loc[k]! ** 2 + scale[k]! ** 2 - 1 - 2 * Math.log(scale[k]!)))
}

/** Whether the rate of one image is what `rates` says: the posterior has no correlation and the prior is N(0, I). */
export function knowsRate(about: Manifest): boolean {
  const model = about.run.config.model as { posterior?: { kind: string } } | undefined
  return about.prior.kind === 'standard_normal' && model?.posterior?.kind === 'diagonal_normal'
}

export function squaredError(x: Float32Array, mean: Float32Array): number {
  return x.reduce((sum, value, i) => sum + (value - mean[i]!) ** 2, 0)
}

/** -log p(x|z) of one image by its decoded mean, in nats; null where the page does not know the likelihood's density. */
export function distortion(about: Manifest, x: Float32Array, mean: Float32Array, scale: number | null): number | null {
  const { kind } = about.likelihood
  if (kind.endsWith('gaussian') && scale !== null) {
    return (x.length / 2) * Math.log(2 * Math.PI * scale ** 2) + squaredError(x, mean) / (2 * scale ** 2)
  }
  if (kind === 'bernoulli') {
    return -x.reduce((sum, value, i) => {
      const p = Math.min(1 - 1e-7, Math.max(1e-7, mean[i]!))
      return sum + value * Math.log(p) + (1 - value) * Math.log(1 - p)
    }, 0)
  }
  return null
}
