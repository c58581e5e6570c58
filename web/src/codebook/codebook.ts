import { computed, effect, signal } from '@preact/signals'
import { result } from '../probe/probe'
import { announce } from '../state/actions'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { type Use, usage } from './usage'

/** Images by which entries are pictured, at most. */
const PICTURED = 1000

/** The place whose entry is being exchanged. */
export const chosen = signal<number | null>(null)
/** The place that is pointed at, or has the keyboard. */
export const under = signal<number | null>(null)
/** The entry of the codebook that is pointed at. */
export const lit = signal<number | null>(null)

/** The entries that the encoder has chosen for what is probed, place by place. */
export const encoded = computed(() => (store.manifest.value?.codebook && store.probed.value ? Array.from(store.probed.value.loc) : null))
/** The same, with those that were exchanged. */
export const code = computed(() => (encoded.value && z.value) ?? encoded.value)
// of the view only this
const z = computed(() => view.value.z)

/** What is decoded from the code as the encoder chose it, and as it is now. */
export const before = computed(() => (encoded.value && result.value?.decoded) ?? null)
export const decoded = computed(() => (encoded.value && z.value ? (store.pinned.value?.x ?? null) : before.value))

/** How often each entry is used over the images. */
export const use = computed<Use | null>(() => {
  const { entries } = store.calm.value ?? {}
  const book = store.manifest.value?.codebook
  return entries && book ? usage(entries, book.entries) : null
})

/** Sides of the part of an image that a place of the grid stands for, in pixels: whole ones, the last may overlap. */
export function patchOf(place: number): { top: number; left: number; height: number; width: number } {
  const { data, codebook } = store.manifest.value!
  const [, high, wide] = data.shape
  const [rows, columns] = codebook!.grid
  const height = Math.max(1, Math.round(high / rows))
  const width = Math.max(1, Math.round(wide / columns))
  const top = Math.min(high - height, Math.round((Math.floor(place / columns) * high) / rows))
  return { top, left: Math.min(wide - width, Math.round(((place % columns) * wide) / columns)), height, width }
}

/** For each entry the mean of what the images show at the places that it stands at, channels first; null: it stands nowhere. */
export const patches = computed<(Float32Array | null)[]>(() => {
  const { entries } = store.calm.value ?? {}
  const about = store.manifest.value
  if (!entries || !about?.codebook || !store.images.value) return []
  const places = about.latent
  const images = entries.length / places
  const [channels, high, wide] = about.data.shape
  const { height, width } = patchOf(0)
  const sums = new Map<number, { sum: Float32Array; count: number }>()
  for (let i = 0; i < Math.min(images, PICTURED); i++) {
    const x = pixelsOf(Math.floor((i * about.images.count) / images))
    for (let place = 0; place < places; place++) {
      const entry = entries[i * places + place]!
      if (!sums.has(entry)) sums.set(entry, { sum: new Float32Array(channels * height * width), count: 0 })
      const of = sums.get(entry)!
      const { top, left } = patchOf(place)
      let k = 0
      for (let c = 0; c < channels; c++) for (let row = top; row < top + height; row++) for (let column = left; column < left + width; column++) of.sum[k++]! += x[(c * high + row) * wide + column]!
      of.count++
    }
  }
  return Array.from({ length: about.codebook.entries }, (_, entry) => {
    const of = sums.get(entry)
    return of ? of.sum.map((value) => value / of.count) : null
  })
})

/** What would be decoded if the entry that is used most stood at the place that is pointed at. */
export const without = signal<{ place: number; x: Float32Array } | null>(null)

const takeAway = latestWins(async (place: number, now: number[], common: number) => {
  const x = (await store.engines.value?.patient.decode(Float32Array.from(now, (entry, i) => (i === place ? common : entry)), null).catch(() => null))?.mean
  if (x) without.value = { place, x }
})

/** Exchange the entry at a place. */
export function put(place: number, entry: number): void {
  const now = code.value
  if (!now) return
  const next = now.map((other, i) => (i === place ? entry : other))
  change({ z: next.every((other, i) => other === encoded.value![i]) ? null : next })
  announce(`${whereIs(place)}: entry ${entry}`)
}

export function reset(): void {
  change({ z: null })
  announce('as it was encoded')
}

export function whereIs(place: number): string {
  const [, columns] = store.manifest.value!.codebook!.grid
  return `row ${Math.floor(place / columns) + 1}, column ${(place % columns) + 1}`
}

/** Entries of one step are not those of another: what was exchanged is forgotten with the step. */
export function keepCodebook(): void {
  let shown: store.Snapshot | null = null
  effect(() => {
    const now = store.calm.value
    if (now?.entries && shown?.run === now.run && shown.step !== now.step) change({ z: null })
    if (shown?.run !== now?.run) chosen.value = under.value = null
    shown = now
  })
  effect(() => {
    const place = under.value
    const now = code.value
    const common = use.value?.order[0]
    without.value = null
    if (place !== null && now && place < now.length && common !== undefined) takeAway(place, now, common)
  })
}
