import { expect, it } from 'vitest'
import { summarise } from '../readings/summary'
import { marginals, reachOf } from './marginals'

it('both densities integrate to one', () => {
  const loc = Float32Array.from({ length: 600 }, (_, i) => Math.sin(i))
  const scale = Float32Array.from({ length: 600 }, (_, i) => 0.01 + (i % 3) * 0.2)
  const { posterior, prior } = marginals(loc, scale, 2, 1, 4, 80)
  const integral = (values: Float64Array) => values.reduce((sum, value) => sum + value * 0.1, 0)
  expect(integral(posterior)).toBeCloseTo(1, 2)
  expect(integral(prior)).toBeCloseTo(1, 3)
})

it('posteriors that are the prior add up to it', () => {
  const { posterior, prior } = marginals(new Float32Array(50), new Float32Array(50).fill(1), 1, 0, 3.5, 35)
  posterior.forEach((value, bin) => expect(value).toBeCloseTo(prior[bin]!, 2))
})

it('a slider reaches over prior and codes', () => {
  const of = (loc: number[], scale: number) => reachOf(summarise(Float32Array.from(loc), new Float32Array(loc.length).fill(scale), 1), 0)
  expect(of([0, 0], 1)).toBe(3.5)
  expect(of([-20, 20], 0.1)).toBe(60)
})
