import { expect, it } from 'vitest'
import type { Manifest, StepEntry } from '../model/manifest'
import type { Source } from '../source/source'
import { entryOf, showStep } from './loading'
import { opensAtOwn } from './own'
import * as store from './store'

it('a step that cannot be read does not hold up the one that is wanted after it, and is not told of then', async () => {
  const steps = [0, 1].map((index) => ({ index, step: index, epoch: index, loc_unit: 1, log_scale_unit: 1, scale: null }) as unknown as StepEntry)
  store.manifest.value = { run: { name: 'a' }, steps, weights: 1, latent: 1, images: { count: 1 } } as unknown as Manifest
  store.source.value = {
    weights: (_: string, index: number) => (index === 0 ? Promise.reject(new Error('gone')) : Promise.resolve(new ArrayBuffer(2))),
    codes: () => Promise.resolve(new ArrayBuffer(4)),
  } as unknown as Source
  const first = showStep(0)
  await showStep(1)
  await first
  expect(store.snapshot.value?.step).toBe(1)
  expect(store.problem.value).toBeNull()
  await showStep(0)
  expect(store.problem.value).toBe('gone')
})

it('a run opens at its own weights where they are old, and at its last step beside others', () => {
  const steps = [0, 1, 2].map((index) => ({ index, step: index, epoch: 10 * index, best: index === 1 }) as unknown as StepEntry)
  expect(entryOf({ steps } as Manifest, null).index).toBe(1)
  opensAtOwn.value = false
  expect(entryOf({ steps } as Manifest, null).index).toBe(2)
  opensAtOwn.value = true
})
