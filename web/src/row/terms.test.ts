import { expect, it } from 'vitest'
import type { Manifest } from '../model/manifest'
import { distortion, rates, squaredError } from './terms'

const normal = (x: number, m: number, s: number) => Math.exp(-0.5 * ((x - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI))

/** Midpoint rule over what is not negligible. */
function integral(f: (x: number) => number, from: number, to: number, n = 200_000): number {
  const wide = (to - from) / n
  let sum = 0
  for (let i = 0; i < n; i++) sum += f(from + (i + 0.5) * wide) * wide
  return sum
}

it.each([
  [0, 1],
  [1.5, 0.3],
  [-2, 0.05],
])('the rate of N(%d, %d^2) is the integral of q log q/p', (m, s) => {
  const kl = integral((z) => normal(z, m, s) * (Math.log(normal(z, m, s)) - Math.log(normal(z, 0, 1))), m - 9 * s, m + 9 * s)
  expect(rates([m], [s])[0]).toBeCloseTo(kl, 6)
})

const about = (kind: string) => ({ likelihood: { kind } }) as Manifest
const x = Float32Array.of(0.2, 1, 0)
const mean = Float32Array.of(0.25, 0.75, 0.125)

it('a Gaussian distortion is the sum of log densities', () => {
  const wanted = -Array.from(x, (value, i) => Math.log(normal(value, mean[i]!, 0.3))).reduce((a, b) => a + b)
  expect(distortion(about('gaussian'), x, mean, 0.3)).toBeCloseTo(wanted, 5)
  expect(squaredError(x, mean)).toBeCloseTo(0.0025 + 0.0625 + 0.015625, 6)
})

it('a Bernoulli distortion is minus the log probability of the pixels', () => {
  const bits = Float32Array.of(0, 1, 0)
  expect(distortion(about('bernoulli'), bits, mean, null)).toBeCloseTo(-Math.log(0.75 * 0.75 * 0.875), 6)
})

it('what the page cannot compute it does not guess', () => {
  expect(distortion(about('laplace'), x, mean, 0.3)).toBeNull()
  expect(distortion(about('gaussian'), x, mean, null)).toBeNull()
})
