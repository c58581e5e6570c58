import { expect, it } from 'vitest'
import type { TrainingState } from '../source/source'
import * as store from '../state/store'
import { current } from './current'

it('terms of training batches are told of the run that trains only', () => {
  const terms = { distortion_nats: 1, rate_nats: 2, elbo_nats: -3 }
  store.calm.value = { run: 'a', index: null } as store.Snapshot
  store.training.value = { run: 'a', terms } as TrainingState
  expect(current.value).toEqual(terms)
  store.training.value = { run: 'b', terms } as TrainingState
  expect(current.value).toBeNull()
})
