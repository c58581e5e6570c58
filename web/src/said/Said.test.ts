import { expect, it } from 'vitest'
import type { StepEntry } from '../model/manifest'
import { past } from './Said'

const steps = [0, 8, 11, 200].map((epoch, index) => ({ index, epoch, best: epoch === 8 }) as StepEntry)

it('says that weights are long past the best of their run', () => {
  expect(past(steps, { index: 3, epoch: 200 })).toContain('epoch 8 at ★')
  expect(past(steps, { index: 2, epoch: 11 })).toContain('epoch 8 at ★')
  for (const [index, epoch] of [[0, 0], [1, 8], [2, 10]] as const) expect(past(steps, { index, epoch })).toBe('')
  expect(past(steps, { index: null, epoch: 200 })).toBe('')
  expect(past(steps.map((entry) => ({ ...entry, best: false })), { index: 3, epoch: 200 })).toBe('')
})
