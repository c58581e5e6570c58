import { expect, it } from 'vitest'
import type { MetricRow } from '../model/manifest'
import { merged } from './rows'

const row = (step: number, split = 'train'): MetricRow => ({ step, epoch: step / 10, split })

it('new rows come behind the known ones', () => {
  expect(merged([row(1)], [row(2), row(3)])).toEqual([row(1), row(2), row(3)])
})

it('both splits of one step stay, whichever message brings them', () => {
  const known = merged([row(1), row(2)], [row(2, 'valid')])
  expect(known).toEqual([row(1), row(2), row(2, 'valid')])
  expect(merged(known, [row(2), row(2, 'valid'), row(3)])).toEqual([...known, row(3)])
})

it('a training that goes back takes the place of what was after', () => {
  expect(merged([row(1), row(2), row(3), row(4)], [row(3)])).toEqual([row(1), row(2), row(3)])
})

it('a training that begins anew keeps nothing', () => {
  expect(merged([row(1), row(2)], [], 0)).toEqual([])
  expect(merged([row(1), row(2)], [], 1)).toEqual([row(1)])
})
