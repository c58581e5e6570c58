import { expect, it } from 'vitest'
import { summarise } from './summary'

it('a posterior equal to the prior has no rate and does not move', () => {
  const { rates, moved, mean, variance } = summarise(new Float32Array(8), new Float32Array(8).fill(1), 2)
  expect([...rates, ...moved, ...mean]).toEqual([0, 0, 0, 0, 0, 0])
  expect([...variance]).toEqual([1, 1])
})

it('rate and variance follow their closed forms', () => {
  const { rates, moved, mean, variance } = summarise(Float32Array.of(1, 3), Float32Array.of(0.5, 0.25), 1)
  const kl = (m: number, s: number) => 0.5 * (m * m + s * s - 1 - Math.log(s * s))
  expect(rates[0]).toBeCloseTo((kl(1, 0.5) + kl(3, 0.25)) / 2, 10)
  expect(mean[0]).toBeCloseTo(2)
  expect(moved[0]).toBeCloseTo(1)
  expect(variance[0]).toBeCloseTo(1 + (0.25 + 0.0625) / 2)
})
