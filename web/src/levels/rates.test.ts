import { expect, it } from 'vitest'
import type { Mixture } from '../state/prior'
import { rateOf } from './rates'

const at = (loc: number[], scale: number[]) => ({ loc: Float32Array.from(loc), scale: Float32Array.from(scale) })

it('the lower level costs log q less log p at the draws, the mean over them', () => {
  const q1 = at([1, 0], [1, 2])
  const [first] = rateOf({ q1, z1: Float32Array.of(1, 2, 2, 0), q2: at([0, 0], [1, 1]), z2: Float32Array.of(0, 0), p1: at([0, 0, 2, 0], [1, 1, 1, 1]) }, null, true)
  // draw 1: (-0 + 1/2) + (-1/2 - log 2 + 2); draw 2: (-1/2 + 0) + (-log 2 + 0)
  expect(first).toBeCloseTo((0.5 + 1.5 - Math.log(2) - 0.5 - Math.log(2)) / 2, 6)
})

it('the upper level has a closed form against N(0, I), and else draws against the mixture', () => {
  const q1 = at([0], [1])
  const draws = { q1, z1: Float32Array.of(0, 0), p1: at([0, 0], [1, 1]), q2: at([1, 3], [1, 1]), z2: Float32Array.of(1, 3) }
  expect(rateOf(draws, null, true)[1]).toBeCloseTo((0.5 + 4.5) / 2, 6)
  const same: Mixture = { weights: [1], loc: Float32Array.of(1), scale: Float32Array.of(1), exact: true, byClass: false }
  expect(rateOf(draws, same, false)[1]).toBeCloseTo(2 / 2, 6) // at z = 3 the density is exp(-2) of that of q
  expect(rateOf(draws, { ...same, exact: false }, false)[1]).toBeNull()
})
