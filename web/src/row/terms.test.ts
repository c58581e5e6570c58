import { expect, it } from 'vitest'
import { rates, squaredError } from './terms'

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

it('a squared error is summed over the pixels', () => {
  expect(squaredError(Float32Array.of(0.2, 1, 0), Float32Array.of(0.25, 0.75, 0.125))).toBeCloseTo(0.0025 + 0.0625 + 0.015625, 6)
})
