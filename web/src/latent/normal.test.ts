import { expect, it } from 'vitest'
import { cdf, density, quantile } from './normal'

it('agrees with tables of the normal distribution', () => {
  expect(cdf(0)).toBe(0.5)
  expect(cdf(1.96)).toBeCloseTo(0.9750021, 6)
  expect(cdf(-3)).toBeCloseTo(0.001349898, 6)
  expect(quantile(0.5)).toBe(0)
  expect(quantile(0.975)).toBeCloseTo(1.959963985, 8)
  expect(quantile(0.001)).toBeCloseTo(-3.090232306, 8)
})

it('quantiles undo probabilities', () => {
  for (let x = -4; x <= 4; x += 0.25) expect(quantile(cdf(x))).toBeCloseTo(x, 2)
  for (let p = 0.01; p < 1; p += 0.01) expect(cdf(quantile(p))).toBeCloseTo(p, 6)
})

it('the density is the slope of the probability', () => {
  for (const x of [-2, -0.3, 0, 1.5]) expect((cdf(x + 1e-3) - cdf(x - 1e-3)) / 2e-3).toBeCloseTo(density(x), 3)
})
