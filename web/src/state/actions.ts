import { batch, computed, effect } from '@preact/signals'
import { count, fixed } from '../ui/number'
import { latestWins } from './latest'
import { layers } from './layers'
import { axes, unproject } from './plane'
import * as store from './store'
import { together } from './together'
import { change, type Depth, type Layer, type Path, type Plane, type Tool, view } from './view'

/** Times that the page measures of itself, in ms: the last 200, and when the first picture was decoded, from the navigation on. */
export const latency = { hover: [] as number[], redraw: [] as number[], first: 0 }

export function measured(name: 'hover' | 'redraw', since: number): void {
  latency[name].push(performance.now() - since)
  if (latency[name].length > 200) latency[name].shift()
}

/** Where the pointer is; null: on no place of the plane. */
let under: number[] | null = null

const hover = latestWins(async (z: number[], since: number | null) => {
  const engines = store.engines.value
  if (!engines) return
  const cls = view.value.cls
  const found = await engines.pointer.decode(Float32Array.from(z), cls).catch(() => null)
  if (!found || !under || store.engines.value !== engines) return
  store.hovered.value = { z, cls, x: found.mean, scale: found.scale }
  if (since !== null) measured('hover', since)
})

/** Decode under the pointer. */
export function decodeAt(z: number[] | null): void {
  under = z
  if (z) hover(z, performance.now())
  else store.hovered.value = null
}

const decodePin = latestWins(async (z: number[], cls: number | null) => {
  const engines = store.engines.value
  const found = await engines?.pointer.decode(Float32Array.from(z), cls).catch(() => null)
  if (!found || store.engines.value !== engines) return
  latency.first ||= performance.now()
  together(() => (store.pinned.value = { z, cls, x: found.mean, scale: found.scale }))
})

/** The pin is decoded whenever it, the class or the weights change; so is what lies under a pointer that rests. */
export function keepDecoded(): void {
  effect(() => {
    const { z, cls } = view.value
    if (store.calm.value && z) decodePin(z, cls)
    else store.pinned.value = null
  })
  const weights = computed(() => [store.calm.value, view.value.cls])
  effect(() => {
    void weights.value
    if (under) hover(under, null)
  })
}

export function pin(z: number[] | null): void {
  change({ z })
}

/** Move the pin in the plane that is shown. */
export function movePin(dx: number, dy: number): void {
  const { z } = view.value
  const { e1, e2, origin } = axes.value
  const from = z ?? Array.from(origin)
  pin(from.map((entry, k) => entry + dx * e1[k]! + dy * (e2?.[k] ?? 0)))
}

/** Pin a place of the plane; outside the plane the pin stays where it is. */
export function pinAt(x: number, y: number): void {
  pin(unproject(x, y, axes.value))
}

/** The code of a test image at the step that is shown, where it has one. */
export function codeOf(image: number): { loc: Float32Array; scale: Float32Array } | null {
  const shown = store.snapshot.value
  const d = store.manifest.value?.latent ?? 0
  const row = shown ? nearestRow(shown.imageOf, image) : -1
  return shown && row >= 0 ? { loc: shown.loc.slice(row * d, (row + 1) * d), scale: shown.scale.slice(row * d, (row + 1) * d) } : null
}

function nearestRow(imageOf: Uint32Array, image: number): number {
  const row = imageOf.length && Math.round((image * imageOf.length) / (imageOf.at(-1)! + 1))
  for (const near of [row, row - 1, row + 1]) if (imageOf[near] === image) return near
  return imageOf.indexOf(image)
}

/** An image's index in the split that the bundle's images are taken from. */
export function indexOf(image: number): number {
  const { count, total } = store.manifest.value!.images
  return Math.floor((image * total) / count)
}

/** Put a test image into the probe, and the pin on its code. */
export function pickImage(index: number | null): void {
  if (index === null) {
    change({ probe: null })
    return
  }
  const code = codeOf(index)
  change({ probe: { kind: 'image', index }, ...(code ? { z: Array.from(code.loc) } : store.manifest.value?.codebook ? { z: null } : {}) })
  announce(`test image ${index}, ${nameOf(store.images.value?.labels[index])}`)
}

const nameOf = (k: number | undefined) => (k === undefined ? undefined : store.manifest.value?.data.classes[k]) ?? ''

export function toggleClass(k: number): void {
  const { hidden } = view.value
  const shown = hidden.includes(k)
  change({ hidden: shown ? hidden.filter((other) => other !== k) : [...hidden, k].sort((a, b) => a - b) })
  announce(`${nameOf(k)} ${shown ? 'shown' : 'hidden'}`)
}

/** This class alone; all again where it was alone. */
export function soloClass(k: number): void {
  const classes = store.manifest.value?.data.classes.map((_, index) => index) ?? []
  const others = classes.filter((other) => other !== k)
  const alone = view.value.hidden.length === others.length && !view.value.hidden.includes(k)
  change({ hidden: alone ? [] : others })
}

export function setLayer(layer: Layer, on: boolean): void {
  change({ layers: { ...view.value.layers, [layer]: on } })
}

export function toggleLayer(layer: Layer): void {
  setLayer(layer, !layers.value[layer])
}

export function setPlane(plane: Plane): void {
  change({ plane, camera: null })
}

/** There is no room for all the numbers in large letters: Measure and the lecture mode end each other. */
export function setDepth(depth: Depth): void {
  change({ depth, lecture: view.value.lecture && depth !== 'measure' })
}

export function toggleLecture(): void {
  const { depth, lecture } = view.value
  change({ lecture: !lecture, depth: !lecture && depth === 'measure' ? 'look' : depth })
}

export function setTool(tool: Tool): void {
  change({ tool })
}

export function setPath(path: Path | null): void {
  change({ path })
}

export function select(indices: number[]): void {
  batch(() => {
    change({ selected: indices })
    announce(`${count(indices.length, 'image')} selected`)
  })
}

/** ms that it takes to read a line. */
const READ = 6000
let reading: ReturnType<typeof setTimeout> | undefined

/** Say a line to everybody, and take it away again. */
export function notice(text: string): void {
  clearTimeout(reading)
  store.notice.value = text
  reading = setTimeout(() => (store.notice.value = null), READ)
}

export function announce(text: string): void {
  store.announced.value = text
}

/** Where z lies, in words, for people who do not see it. */
export function describePlace(z: number[]): string {
  return `z = ${z.slice(0, 4).map((entry) => fixed(entry, 2)).join(', ')}${z.length > 4 ? ', …' : ''}: ${placeInWords(z)}`
}

/** What lies around z. */
export function placeInWords(z: number[]): string {
  const shown = store.snapshot.value
  const about = store.manifest.value
  if (!shown || !about) return ''
  const d = about.latent
  const counts = new Map<number, number>()
  let near = 0
  for (let i = 0; i < shown.count; i++) {
    let distance = 0
    for (let k = 0; k < d; k++) distance += (shown.loc[i * d + k]! - z[k]!) ** 2
    if (distance > 0.25) continue
    near++
    const label = store.images.value!.labels[shown.imageOf[i]!]!
    counts.set(label, (counts.get(label) ?? 0) + 1)
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1])
  return most ? `near ${count(near, 'point')}, mostly ${about.data.classes[most[0]]}` : 'no points near'
}
