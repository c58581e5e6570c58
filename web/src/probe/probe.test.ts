import { expect, it, vi } from 'vitest'
import type { Engine } from '../model/engine'
import type { Manifest } from '../model/manifest'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { drawAgain, draws, keepProbeEncoded, marks, more, result, strokes } from './probe'

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

it('ten draws are mu + sigma epsilon of ten times noise and leave their marks; other weights keep the noise', async () => {
  vi.stubGlobal('document', { hidden: true }) // nothing moves
  const code = { loc: Float32Array.of(0.5, -2), scale: Float32Array.of(0.1, 0.3) }
  const engine = { encode: () => Promise.resolve(code), decode: () => Promise.resolve(new Float32Array(64)) } as unknown as Engine
  store.engines.value = { pointer: engine, patient: engine }
  const epsilon = () => result.value!.z.map((entry, k) => (entry - code.loc[k]!) / code.scale[k]!)
  drawAgain(10)
  await vi.waitUntil(() => marks.value.length === 10)
  expect(new Set(marks.value.map(([x]) => x)).size).toBe(10)
  expect(marks.value.at(-1)).toEqual(result.value!.z)
  expect(more.value).toBe(0)
  const before = epsilon()
  code.loc = Float32Array.of(3, 3)
  store.calm.value = { index: 2 } as store.Snapshot
  await vi.waitUntil(() => marks.value.length === 0)
  epsilon().forEach((entry, k) => expect(entry).toBeCloseTo(before[k]!, 5))
  draws.value = 0
  await vi.waitUntil(() => result.value!.z[0] === 3)
})
