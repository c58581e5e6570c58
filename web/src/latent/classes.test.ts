import { beforeEach, expect, it } from 'vitest'
import type { Manifest } from '../model/manifest'
import { layers } from '../state/layers'
import * as store from '../state/store'
import { change, DEFAULT_VIEW, view } from '../state/view'
import { medians, stands } from './classes'

beforeEach(() => {
  view.value = DEFAULT_VIEW
  store.lit.value = null
  store.images.value = { labels: Uint8Array.of(0, 1, 0, 1, 1) } as store.Images
  store.snapshot.value = { count: 5, imageOf: Uint32Array.of(0, 1, 2, 3, 4) } as store.Snapshot
})

it('names are seen where points are few, unless somebody says otherwise', () => {
  expect(layers.value.glyphs).toBe(true)
  const named = (...classes: string[]) => (store.manifest.value = { latent: 2, data: { classes } } as unknown as Manifest)
  named('0', '10')
  expect(layers.value.glyphs).toBe(true)
  named('chanterelle', 'fly_agaric')
  expect(layers.value.glyphs).toBe(false) // words would cover the points
  store.manifest.value = null
  store.snapshot.value = { ...store.snapshot.value!, count: 600 }
  expect(layers.value.glyphs).toBe(false)
  change({ layers: { ...view.value.layers, glyphs: true } })
  expect(layers.value.glyphs).toBe(true)
})

it('a label stands at the median of its points', () => {
  const places = Float32Array.of(0, 0, 1, 5, 2, 8, 2, 6, 90, 7)
  expect(medians(places, [])).toEqual([{ label: 1, x: 2, y: 6 }, { label: 0, x: 2, y: 8 }])
  expect(medians(places, [1])).toEqual([{ label: 0, x: 2, y: 8 }])
})

it('the lit class stands out, else what is selected, else all', () => {
  const who = () => [0, 1, 2, 3, 4].filter((image) => stands(image, store.images.value!.labels[image]!, view.value))
  expect(who()).toEqual([0, 1, 2, 3, 4])
  change({ selected: [2, 3] })
  expect(who()).toEqual([2, 3])
  store.lit.value = 1
  expect(who()).toEqual([1, 3, 4])
})
