import { expect, it } from 'vitest'
import { distortion, drawPixels, scaleOf } from './likelihood'
import type { Manifest } from './manifest'

const about = (kind: string, pixels: object = {}) => ({ likelihood: { kind }, run: { config: { data: { pixels } } } }) as unknown as Manifest
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

it.each(['gaussian', 'laplace'])('draws of %s have the scale of each pixel', (kind) => {
  const wanted = (i: number) => 0.01 * (1 + (i % 4))
  const x = drawPixels(new Float32Array(MANY).fill(0.5), about(kind), Float32Array.from({ length: MANY }, (_, i) => wanted(i)), random)!
  for (let first = 0; first < 4; first++) {
    const own = x.filter((_, i) => i % 4 === first)
    const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / own.length)
    expect(deviation / (wanted(first) * (kind === 'laplace' ? Math.SQRT2 : 1))).toBeCloseTo(1, 1)
  }
})

it('where the mean does not say it, nothing is drawn', () => {
  expect(drawPixels(new Float32Array(4), about('categorical'), null)).toBeNull()
  expect(drawPixels(new Float32Array(4), about('gaussian'), null)).toBeNull()
})

const x = Float32Array.of(0.2, 1, 0)
const mean = Float32Array.of(0.25, 0.75, 0.125)
const scales = Float32Array.of(0.3, 0.1, 0.02)
const normal = (at: number, m: number, s: number) => Math.exp(-0.5 * ((at - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI))
const laplace = (at: number, m: number, s: number) => Math.exp(-Math.abs(at - m) / s) / (2 * s)

it.each([
  ['gaussian', normal],
  ['optimal_gaussian', normal],
  ['laplace', laplace],
])('the distortion of %s is minus the sum of log densities', (kind, density) => {
  const sum = (scale: (i: number) => number) => -Array.from(x, (value, i) => Math.log(density(value, mean[i]!, scale(i)))).reduce((a, b) => a + b)
  expect(distortion(about(kind), x, mean, 0.3)).toBeCloseTo(sum(() => 0.3), 5)
  expect(distortion(about(kind), x, mean, scales)).toBeCloseTo(sum((i) => scales[i]!), 5)
})

it('a Bernoulli distortion is minus the log probability of the pixels', () => {
  const bits = Float32Array.of(0, 1, 0)
  expect(distortion(about('bernoulli'), bits, mean, null)).toBeCloseTo(-Math.log(0.75 * 0.75 * 0.875), 6)
})

it('what the page cannot compute it does not guess', () => {
  expect(distortion(about('categorical'), x, mean, 0.3)).toBeNull()
  expect(distortion(about('discretized_logistic'), x, mean, 0.3)).toBeNull()
  expect(distortion(about('gaussian'), x, mean, null)).toBeNull()
})

it('real numbers are drawn in units of their brightness, and have no nats, being shown rounded and clipped', () => {
  const real = about('gaussian', { kind: 'float', values: 'real', low: -3, high: 5 })
  expect(scaleOf(real, null, 0.8)).toBeCloseTo(0.1, 12)
  expect(scaleOf(real, scales, null)).toBe(scales)
  expect(distortion(real, x, mean, 0.3)).toBeNull()
})
