import { expect, it, vi } from 'vitest'
import type { Manifest } from '../model/manifest'
import type { Hearing, SnapshotFrame, Source } from '../source/source'
import { followTraining } from './live'
import * as store from './store'
import { change } from './view'

it('what trains does not take away the page from who has just chosen another run', async () => {
  let hear: Hearing | null = null
  const manifest = vi.fn(() => Promise.reject(new Error('not to be opened')))
  const live = { listen: (heard: Hearing) => void (hear = heard), watch: () => {} }
  store.source.value = { live, manifest, labels: manifest, thumbs: manifest, runs: async () => [] } as unknown as Source
  store.manifest.value = { run: { name: 'chosen' }, steps: [], weights: 1 } as unknown as Manifest
  change({ run: 'chosen', step: 'live' }) // as it was seen while the other was watched
  followTraining()
  const frame = { run: 'trained', step: 3, weights: new ArrayBuffer(2) } as SnapshotFrame
  await hear!.snapshot(frame)
  expect(manifest).not.toHaveBeenCalled()
  change({ run: 'trained' })
  await hear!.snapshot(frame)
  expect(manifest).toHaveBeenCalled()
})
