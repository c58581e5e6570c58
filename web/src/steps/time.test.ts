import { expect, it } from 'vitest'
import { along, named } from './time'

it('time begins at 0 and ends at the end, and is logarithmic between', () => {
  expect([along(0, 999), along(999, 999)]).toEqual([0, 1])
  expect(along(99, 999) - along(9, 999)).toBeCloseTo(along(999, 999) - along(99, 999))
})

it('names powers of ten and the end', () => {
  expect(named(2110)).toEqual([0, 1, 10, 100, 1000, 2110])
  expect(named(1010)).toEqual([0, 1, 10, 100, 1010])
  expect(named(1)).toEqual([0, 1])
})
