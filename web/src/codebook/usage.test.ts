import { expect, it } from 'vitest'
import { usage } from './usage'

it('the perplexity of entries that are used alike is their number', () => {
  const use = usage([3, 1, 1, 3, 0, 0], 5)
  expect(use.perplexity).toBeCloseTo(3, 12)
  expect(use).toMatchObject({ total: 6, used: 3, order: [0, 1, 3, 2, 4] })
  expect([...use.counts]).toEqual([2, 2, 0, 2, 0])
})

it('of one entry alone it is 1, and of shares 1/2, 1/4, 1/4 it is 2^1.5', () => {
  expect(usage([2, 2, 2], 4).perplexity).toBe(1)
  expect(usage([0, 0, 1, 2], 4).perplexity).toBeCloseTo(2 ** 1.5, 12)
})
