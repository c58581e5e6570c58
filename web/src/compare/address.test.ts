import { expect, test } from 'vitest'
import { comparedIn, compareHash, frameHash } from './address'

test('an address names two to four runs, and goes through the page unchanged', () => {
  const runs = ['beta 0', 'a~b', 'c&d=e', 'ü']
  const hash = compareHash(runs, '#v=1&run=x&step=12&camera=0_0_3')
  expect(comparedIn(hash)).toEqual(runs)
  expect(frameHash('c&d=e', hash)).toBe(`#v=1&run=${encodeURIComponent('c&d=e')}&step=12&camera=0_0_3`)
  expect(compareHash(runs, hash)).toBe(hash)
  expect(comparedIn(compareHash([...runs, 'fifth']))).toEqual(runs)
})

test.each(['', '#v=1&run=a', '#compare=', '#compare=one', '#compare=a/', '#compare=a/..%2Fb', '#compare=a/%'])('%j compares nothing', (hash) => {
  expect(comparedIn(hash)).toEqual([])
})
