import { expect, test } from 'vitest'
import type { Ready } from '../source/source'
import { wantedOf } from './ready'

const row = (...parts: [seconds: number, run: string | null][]): Ready => ({ name: 'n', title: 't', about: 'a', parts: parts.map(([seconds, run]) => ({ base: 'b', set: {}, name: 'p', seconds, run })) })

test.each([
  [row([15, 'a'], [30, 'b']), null],
  [row([15, null], [30, 'b']), '1 run, about 15 seconds'],
  [row([15, null], [15, null], [30, null]), '3 runs, about a minute'],
  [row([60, null], [60, null]), '2 runs, about 2 minutes'],
])('what is missing is said with its time', (given, said) => {
  expect(wantedOf(given)).toBe(said)
})
