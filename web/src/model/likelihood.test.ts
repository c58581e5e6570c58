import { expect, it } from 'vitest'
import { drawPixels } from './likelihood'
import type { Manifest } from './manifest'

const about = (kind: string) => ({ likelihood: { kind } }) as Manifest
let seed = 1
const random = () => {
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
}
const MANY = 40_000
const moments = (kind: string, mean: number, scale: number | null) => {
  const x = drawPixels(new Float32Array(MANY).fill(mean), about(kind), scale, random)!
  const average = x.reduce((sum, value) => sum + value, 0) / MANY
  return [average, Math.sqrt(x.reduce((sum, value) => sum + (value - average) ** 2, 0) / MANY)] as const
}

it.each([
  ['gaussian', 0.3, 0.2, 0.2],
  ['laplace', 0.3, 0.2, 0.2 * Math.SQRT2],
  ['bernoulli', 0.3, null, Math.sqrt(0.3 * 0.7)],
  // at the logit 3 the mean is 1 / (1 - e^-3) - 1 / 3 and the variance 1 / 9 - e^3 / (e^3 - 1)^2
  ['continuous_bernoulli', 1 / (1 - Math.exp(-3)) - 1 / 3, null, Math.sqrt(1 / 9 - Math.exp(3) / Math.expm1(3) ** 2)],
  ['continuous_bernoulli', 1 + 1 / 3 - 1 / (1 - Math.exp(-3)), null, Math.sqrt(1 / 9 - Math.exp(3) / Math.expm1(3) ** 2)],
])('draws of %s have its mean %d and its standard deviation', (kind, mean, scale, deviation) => {
  const [average, spread] = moments(kind, mean, scale)
  expect(average).toBeCloseTo(mean, 2)
  expect(spread).toBeCloseTo(deviation, 2)
})

it('where the mean does not say it, nothing is drawn', () => {
  expect(drawPixels(new Float32Array(4), about('categorical'), null)).toBeNull()
  expect(drawPixels(new Float32Array(4), about('gaussian'), null)).toBeNull()
})
