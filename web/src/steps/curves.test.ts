import { expect, it } from 'vitest'
import type { MetricRow } from '../model/manifest'
import { columns, rangeOf, readingsAt } from './curves'

const rows: MetricRow[] = [
  { step: 10, epoch: 0.5, split: 'train', distortion_nats: 5, rate_nats: 1, elbo_nats: -6, loss_nats: 7 },
  { step: 20, epoch: 1, split: 'train', distortion_nats: 4, rate_nats: 2, elbo_nats: -6, loss_nats: 6 },
  { step: 20, epoch: 1, split: 'valid', distortion_nats: 4.5, rate_nats: 2.5, elbo_nats: -7 },
]

it('reads the validation where there is one, up to the step', () => {
  expect(readingsAt(rows, 20)).toEqual({ split: 'valid', terms: { distortion_nats: 4.5, rate_nats: 2.5, elbo_nats: 7, loss_nats: 6 } })
  expect(readingsAt(rows, 15).terms).toEqual({ loss_nats: 7 })
  expect(readingsAt(rows.slice(0, 1), 15)).toEqual({ split: 'train', terms: { distortion_nats: 5, rate_nats: 1, elbo_nats: 6, loss_nats: 7 } })
})

it('distortion and rate add up to -ELBO on one axis, and no column is empty', () => {
  const { series, data } = columns(rows)
  expect(series.map(({ curve, split }) => `${curve.name} ${split}`)).toEqual(['distortion valid', '−ELBO valid', '−ELBO train', 'loss train'])
  expect(data[0]).toEqual([10, 20])
  expect(data[1]).toEqual([null, 4.5])
  expect(data[2]).toEqual([null, 7])
  expect(data[2]![1]! - data[1]![1]!).toBe(2.5) // the rate
  expect(columns(rows.filter((row) => row.split === 'train')).series.map(({ curve, split }) => `${curve.name} ${split}`)).toEqual(['distortion train', '−ELBO train', 'loss train'])
})

it('leaves a few wild values out of sight', () => {
  const values = [1e6, ...Array.from({ length: 199 }, (_, i) => i)]
  const [low, high] = rangeOf([values, [null]])
  expect(high).toBeLessThan(250)
  expect(low).toBeLessThan(1)
  expect(rangeOf([[3, 3]])).toEqual([2.7, 3.3])
  expect(rangeOf([[]])).toEqual([0, 1])
})
