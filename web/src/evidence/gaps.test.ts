import { expect, it } from 'vitest'
import { fullest, SHADES, shadesOf } from './gaps'

it('the fuller the shade the larger the gap, and one that is not known has its own', () => {
  const of = Float64Array.from({ length: 101 }, (_, i) => (i === 100 ? NaN : 10 - i / 10))
  expect(fullest(of)).toBeCloseTo(9.5, 5)
  const shades = shadesOf(of)
  expect([shades[0], shades[5], shades[99], shades[100]]).toEqual([SHADES - 1, SHADES - 1, 0, SHADES])
  expect(shades.slice(0, 100).every((shade, i) => i === 0 || shade <= shades[i - 1]!)).toBe(true)
  expect(shadesOf(Float64Array.of(NaN, -1e-9, 1))).toEqual(Uint8Array.of(SHADES, 0, SHADES - 1))
})
