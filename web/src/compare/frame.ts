import { effect, signal, untracked } from '@preact/signals'
import { joint, spread } from '../latent/camera'
import { passing } from '../row/journey'
import type { Manifest } from '../model/manifest'
import { current } from '../readings/current'
import { decodeAt } from '../state/actions'
import { drawn, entryOf, showStep } from '../state/loading'
import { opensAtOwn } from '../state/own'
import { axes, firstCodes, imagesOf, project, type Turn, turn, unproject } from '../state/plane'
import * as store from '../state/store'
import { fromHash, toHash } from '../state/url'
import { change, DEFAULT_VIEW, type View, view } from '../state/view'
import { settingsOf } from './settings'

const NAME = 'vaelab '

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
  | { type: 'drawn'; epoch: number }
  | { type: 'film'; playing: boolean }
  | { type: 'codes'; images: string; loc: Float32Array }
  | { type: 'about'; reach: number; epoch: number; terms: Terms | null; measure: string; settings: Record<string, string>; turn: Turn | null }

export type Terms = NonNullable<typeof current.value>

/** What it is told; of what is drawn, that it is in all other pages. */
export type ToFrame = Exclude<FromFrame, { type: 'about' }> | { type: 'reach'; reach: number } | { type: 'align'; aligned: boolean } | { type: 'key'; key: string; code: string; shiftKey: boolean }

/** Milliseconds that a film waits for the other pages: one that fails does not hold it up for ever. */
const PATIENCE = 3000
let allHave = (_: number) => {}

/** Wait until the other pages of a comparison, if this is one, have drawn the step of an epoch. */
export async function drawnInAll(epoch: number): Promise<void> {
  if (frame === null) return
  const all = new Promise<void>((done) => (allHave = (of) => of === epoch && done()))
  await Promise.race([Promise.all([all, drawn()]), new Promise((done) => setTimeout(done, PATIENCE))])
}

/** Do what the other pages of a comparison do, and tell them what is done here. */
export function linkFrame(): void {
  if (frame === null) return
  document.documentElement.dataset.framed = ''
  change({ depth: 'play', lecture: false }) // there is no room for more
  opensAtOwn.value = false
  const tell = (message: FromFrame) => window.parent.postMessage(message, '*')
  let known = ''
  /** What is done here was told by another page, and is not told again. */
  let obeying = false
  let inside = false
  let turned = false
  let filmed = false
  let asked: number | null = null
  /** Show the step that is nearest to what another page shows, and tell when it is drawn. */
  const showToo = async (step: View['step'], epoch: number | null) => {
    asked = epoch
    if (step !== view.value.step) await showStep(step)
    await drawn()
    const about = store.manifest.value
    if (about && asked !== null && store.snapshot.value?.index === entryOf(about, view.value.step).index) tell({ type: 'drawn', epoch: asked })
  }
  /** Where the pointer is in the planes that all share, in whichever page. */
  let pointer: number[] | null = null
  const follow = () => {
    const z = pointer && taken(pointer)
    decodeAt(z)
    store.marked.value = inside ? null : z
  }
  document.addEventListener('pointerenter', () => (inside = true))
  document.addEventListener('pointerleave', () => (inside = false))
  document.addEventListener('pointermove', () => (inside = true), { capture: true })

  effect(() => {
    const now = shared()
    if (now === null) return
    const text = JSON.stringify(now)
    if (known && text !== known && !obeying) tell({ type: 'view', ...now })
    known = text
  })
  effect(() => {
    if (!turn.value && !turned) return
    turned = turn.value !== null
    const before = obeying
    obeying = true
    untracked(() => {
      place(placed())
      if (pointer) follow()
    })
    obeying = before
  })
  effect(() => {
    const playing = store.replaying.value
    if (playing !== filmed && !obeying) tell({ type: 'film', playing })
    filmed = playing
  })
  effect(() => {
    const { value } = store.hovered
    const image = passing.value
    if (inside) {
      store.marked.value = null
      pointer = value && told(value.z)
      tell({ type: 'hover', z: pointer, image })
    } else if (!value && pointer) untracked(follow) // the pointer has left this page after it came to another
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
    if (frame === 0 && about.latent === 2) tell({ type: 'codes', images: imagesOf(about), loc: shown.loc })
    tell({ type: 'about', turn: turn.value, reach: spread.value, epoch: shown.epoch, terms, measure: measure(about), settings: settingsOf(about.run.config) })
  })
  addEventListener('message', ({ source, data }: MessageEvent<ToFrame>) => {
    if (source !== window.parent) return
    if (data.type === 'reach') joint.value = data.reach
    if (data.type === 'hover') {
      if (!data.z && inside) return // it has come here
      inside = false
      const about = store.manifest.value
      pointer = data.z && data.z.length === about?.latent ? data.z : null
      follow()
      passing.value = data.image !== null && about && data.image < about.images.count ? data.image : null
    }
    if (data.type === 'key') document.body.dispatchEvent(new KeyboardEvent('keydown', { ...data, bubbles: true })) // the focus is beside the pages
    if (data.type === 'codes') firstCodes.value = data
    if (data.type === 'align') change({ aligned: data.aligned })
    if (data.type === 'decoded') first.value = data.x
    if (data.type === 'drawn') allHave(data.epoch)
    if (data.type === 'film') {
      obeying = true
      store.replaying.value = data.playing
      obeying = false
    }
    if (data.type === 'view') {
      const manifest = store.manifest.value
      if (!manifest) return
      const { step, z, path, cls, ...asked } = common(fromHash(data.hash))
      obeying = true
      change({ ...asked, ...(manifest.conditional.decoder ? { cls } : {}) })
      place({ z: z?.length === manifest.latent ? z : placed().z, path: path === null || path.from.length === manifest.latent ? path : placed().path })
      void showToo(data.epoch === null ? step : nearest(data.epoch), data.epoch)
      obeying = false
    }
  })
}

/** What all pages of a comparison have in common, as an address, and the epoch where a kept step is chosen. */
function shared(): { hash: string; epoch: number | null } | null {
  const about = store.manifest.value
  if (!about) return null
  const all = { ...common(view.value), ...placed() }
  const epoch = typeof all.step === 'number' ? entryOf(about, all.step).epoch : null
  return { hash: toHash({ ...DEFAULT_VIEW, ...all, step: epoch === null ? all.step : 'last' }), epoch }
}

function common({ step, z, layers, scale, cls, hidden, tool, path, probe, camera, aligned, theme }: View): Omit<View, 'run' | 'plane' | 'selected' | 'depth' | 'lecture'> {
  return { step, z, layers, scale, cls, hidden, tool, path, probe: probe?.kind === 'image' ? probe : null, camera, aligned, theme }
}

/** A code of this run as a place of the planes that all share, and back. */
const told = (z: number[]) => (turn.peek() ? Array.from(project(z, 2, axes.peek())) : [...z])
const taken = (z: number[]) => (turn.peek() ? unproject(z[0]!, z[1]!, axes.peek()) : z)

type Placed = Pick<View, 'z' | 'path'>
const moved = ({ z, path }: Placed, to: (z: number[]) => number[]): Placed => ({ z: z && to(z), path: path && { ...path, from: to(path.from), to: to(path.to) } })

/** Where point and path are in all planes, and the codes that are there of this run. */
let shown: { all: Placed; own: string } | null = null

/** The same as long as they are not moved here, however the plane is turned. */
function placed(): Placed {
  const own = JSON.stringify([view.value.z, view.value.path])
  if (shown?.own !== own) shown = { all: moved(view.value, told), own }
  return shown.all
}

function place(all: Placed): void {
  change(moved(all, taken))
  shown = { all, own: JSON.stringify([view.value.z, view.value.path]) }
}

function nearest(epoch: number): number {
  return store.manifest.value!.steps.reduce((near, entry) => (Math.abs(entry.epoch - epoch) < Math.abs(near.epoch - epoch) ? entry : near)).step
}

/** Log densities compare where they are of the same numbers and against the same measure. */
function measure({ data, likelihood }: Manifest): string {
  return [data.checksum, data.domain, likelihood.kind.includes('gaussian') ? 'gaussian' : likelihood.kind].join(' ')
}
