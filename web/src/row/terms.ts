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
