import { expect, it } from 'vitest'
import type { MetricRow, StepEntry } from '../model/manifest'
import { betaAt, trailOf, windowOf } from './trail'

const entry = (step: number, rate: number, distortion: number) => ({ step, readings: { rate_nats: rate, distortion_nats: distortion } }) as StepEntry

it('the trail holds what was measured, and its window the end of it', () => {
  const trail = trailOf([entry(0, 0, 1e6), entry(1, 1, 100), entry(2, 4, 20), entry(3, NaN, 5), entry(4, 6, 10), entry(5, 6.5, 9)])
  expect(trail.map(({ step }) => step)).toEqual([0, 1, 2, 4, 5])
  const [left, right, bottom, top] = windowOf(trail)
  expect(left).toBe(0)
  expect(right).toBeGreaterThan(6.5)
  expect(bottom).toBeLessThan(9)
  expect(top).toBeGreaterThan(100)
  expect(top).toBeLessThan(1000)
})

it('beta is what was logged last, or first where nothing was logged yet', () => {
  const rows = [{ step: 10, beta: 2 }, { step: 20 }, { step: 30, beta: 5 }] as unknown as MetricRow[]
  expect([0, 10, 29, 30, 99].map((step) => betaAt(rows, [], step))).toEqual([2, 2, 2, 5, 5])
  expect(betaAt([{ step: 1 }] as unknown as MetricRow[], [], 1)).toBeNull()
})

it('beta is what was set while it trained, before the log tells', () => {
  const rows = [{ step: 10, beta: 0 }, { step: 20, beta: 0 }] as unknown as MetricRow[]
  const changes = [{ step: 12, beta: 2 }, { step: 20, beta: 1 }, { step: 25, learning_rate: 0.1 }]
  expect([11, 12, 19, 20, 30].map((step) => betaAt(rows, changes, step))).toEqual([0, 2, 2, 1, 1])
})
