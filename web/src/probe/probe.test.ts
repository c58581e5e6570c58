import { expect, it, vi } from 'vitest'
import type { Engine } from '../model/engine'
import type { Manifest } from '../model/manifest'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { keepProbeEncoded, strokes } from './probe'

it('a drawing is encoded once, pinned once, and leaves the pin free', async () => {
  const encode = vi.fn(() => Promise.resolve({ loc: Float32Array.of(0.3, 0.7), scale: Float32Array.of(1, 1) }))
  const engine = { encode, decode: () => Promise.resolve(new Float32Array(64)) } as unknown as Engine
  store.engines.value = { pointer: engine, patient: engine }
  store.manifest.value = { latent: 2, run: { config: {} }, data: { shape: [1, 8, 8], domain: 'unit', classes: ['0'] }, conditional: {}, likelihood: { kind: 'gaussian' } } as unknown as Manifest
  store.images.value = { count: 1 } as store.Images
  store.calm.value = { index: 0 } as store.Snapshot
  keepProbeEncoded()
  strokes.value = [[[100, 100], [150, 150]]]
  change({ probe: { kind: 'drawing' } })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(encode.mock.calls.length).toBeLessThanOrEqual(2)
  expect(view.value.z).toEqual([...Float32Array.of(0.3, 0.7)])
  change({ z: [5, 5] })
  store.calm.value = { index: 1 } as store.Snapshot
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(encode.mock.calls.length).toBeLessThanOrEqual(3)
  expect(view.value.z).toEqual([5, 5])
})
