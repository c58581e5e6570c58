import { expect, it } from 'vitest'
import { tickStep } from './ticks'

it.each([
  [0.9, 1],
  [1, 1],
  [1.1, 2],
  [3, 5],
  [7, 10],
  [0.03, 0.05],
])('ticks at least %d apart are %d apart', (least, step) => expect(tickStep(least)).toBeCloseTo(step, 12))
