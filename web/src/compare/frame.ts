import { effect, signal } from '@preact/signals'
import { joint, spread } from '../latent/camera'
import { passing } from '../row/journey'
import type { Manifest } from '../model/manifest'
import { current } from '../readings/current'
import { decodeAt, showStep } from '../state/actions'
import { entryOf } from '../state/loading'
import * as store from '../state/store'
import { fromHash, toHash } from '../state/url'
import { count } from '../ui/number'
import { change, DEFAULT_VIEW, type View, view } from '../state/view'

const NAME = 'vaelab '
/** Parts of a config that make a run what it is. */
const ASKED = ['data', 'model', 'objective', 'training']

/** The name of the n-th page of a comparison. */
export const frameName = (n: number) => `${NAME}${n}`

/** Which page of a comparison this is; null: it stands alone. */
export const frame = globalThis.window && window.parent !== window && window.name.startsWith(NAME) ? Number(window.name.slice(NAME.length)) : null

/** What the first run's decoder makes of the same place. */
export const first = signal<Float32Array | null>(null)

/** What a page tells the comparison, which tells the others. */
export type FromFrame =
  | { type: 'view'; hash: string; epoch: number | null }
  | { type: 'hover'; z: number[] | null; image: number | null }
  | { type: 'decoded'; x: Float32Array }
  | { type: 'about'; reach: number; epoch: number; terms: Terms | null; measure: string; settings: Record<string, string> }

export type Terms = NonNullable<typeof current.value>

/** What it is told. */
export type ToFrame = Exclude<FromFrame, { type: 'about' }> | { type: 'reach'; reach: number }

/** Do what the other pages of a comparison do, and tell them what is done here. */
export function linkFrame(): void {
  if (frame === null) return
  document.documentElement.dataset.framed = ''
  change({ depth: 'play', lecture: false }) // there is no room for more
  const tell = (message: FromFrame) => window.parent.postMessage(message, '*')
  let known = ''
  let inside = false
  /** Where the pointer of another page is. */
  let elsewhere: number[] | null = null
  document.addEventListener('pointerenter', () => (inside = true))
  document.addEventListener('pointerleave', () => (inside = false))
  document.addEventListener('pointermove', () => (inside = true), { capture: true })

  effect(() => {
    const now = shared()
    if (now === null) return
    const text = JSON.stringify(now)
    if (known && text !== known) tell({ type: 'view', ...now })
    known = text
  })
  effect(() => {
    const { value } = store.hovered
    const image = passing.value
    if (inside) store.marked.value = null
    if (inside) tell({ type: 'hover', z: value && [...value.z], image })
    else if (!value && elsewhere) decodeAt(elsewhere) // the pointer has left this page after it came to another
  })
  effect(() => {
    const shown = store.hovered.value ?? store.pinned.value
    if (frame === 0 && shown) tell({ type: 'decoded', x: shown.x })
  })
  effect(() => {
    const about = store.manifest.value
    const shown = store.calm.value
    if (!about || !shown) return
    const terms = current.value && { ...current.value }
    tell({ type: 'about', reach: spread.value, epoch: shown.epoch, terms, measure: measure(about), settings: flat(Object.fromEntries(ASKED.map((part) => [part, about.run.config[part]]))) })
  })
  addEventListener('message', ({ source, data }: MessageEvent<ToFrame>) => {
    if (source !== window.parent) return
    if (data.type === 'reach') joint.value = data.reach
    if (data.type === 'hover') {
      if (!data.z && inside) return // it has come here
      inside = false
      elsewhere = data.z
      const about = store.manifest.value
      if (data.z?.length !== about?.latent) elsewhere = null
      decodeAt(elsewhere)
      store.marked.value = elsewhere
      passing.value = data.image !== null && about && data.image < about.images.count ? data.image : null
    }
    if (data.type === 'decoded') first.value = data.x
    if (data.type === 'view') {
      const manifest = store.manifest.value
      if (!manifest) return
      const { step, z, path, cls, ...asked } = common(fromHash(data.hash))
      change({ ...asked, ...(z?.length === manifest.latent ? { z } : {}), ...(manifest.conditional.decoder ? { cls } : {}), ...(path?.from.length === manifest.latent ? { path } : {}) })
      const chosen = data.epoch === null ? step : nearest(data.epoch)
      if (chosen !== view.value.step) void showStep(chosen)
      known = JSON.stringify(shared())
    }
  })
}

/** What all pages of a comparison have in common, as an address, and the epoch where a kept step is chosen. */
function shared(): { hash: string; epoch: number | null } | null {
  const about = store.manifest.value
  if (!about) return null
  const all = common(view.value)
  const epoch = typeof all.step === 'number' ? entryOf(about, all.step).epoch : null
  return { hash: toHash({ ...DEFAULT_VIEW, ...all, step: epoch === null ? all.step : 'last' }), epoch }
}

function common({ step, z, layers, scale, cls, hidden, tool, path, probe, camera, theme }: View): Omit<View, 'run' | 'plane' | 'selected' | 'depth' | 'lecture'> {
  return { step, z, layers, scale, cls, hidden, tool, path, probe: probe?.kind === 'image' ? probe : null, camera, theme }
}

function nearest(epoch: number): number {
  return store.manifest.value!.steps.reduce((near, entry) => (Math.abs(entry.epoch - epoch) < Math.abs(near.epoch - epoch) ? entry : near)).step
}

/** Log densities compare where they are of the same numbers and against the same measure. */
function measure({ data, likelihood }: Manifest): string {
  return [data.checksum, data.domain, likelihood.kind.includes('gaussian') ? 'gaussian' : likelihood.kind].join(' ')
}

/** A config as dotted keys and their values as JSON. */
function flat(config: unknown, prefix = ''): Record<string, string> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return { [prefix]: JSON.stringify(config) }
  if ('value' in config && 'kind' in config && config.kind === 'constant') return { [prefix]: JSON.stringify(config.value) } // of a schedule
  if ('start' in config && 'end' in config && 'epochs' in config) return { [prefix]: `${String(config.start)} to ${String(config.end)} in ${count(Number(config.epochs), 'epoch')}` }
  const parts = Object.entries(config).map(([key, value]) => flat(value, prefix ? `${prefix}.${key}` : key))
  return Object.assign({}, ...parts) as Record<string, string>
}
