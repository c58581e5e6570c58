import { shades, SHADES } from '../evidence/gaps'
import { classColour, LIGHT } from '../ui/palette'
import { layers } from '../state/layers'
import * as store from '../state/store'
import type { View } from '../state/view'
import { camera, pixelsPerUnit, size } from './camera'
import { stands } from './classes'
import { type Ink, rgb } from './ink'

/** Pixels of a disc: how far from its middle, and what colour in RGBA; opaque ones cover what is there, the others do not. */
interface Sprite {
  dx: Int8Array
  dy: Int8Array
  colour: Uint32Array
}

/** Radius from which on a ring can be told from a disc. */
const HOLLOW = 2.2
/** Size of letters for which the radii are meant. */
export const LETTERS = 14
/** Where points are so small that a rim would be most of them, there is none. */
const RIM = 0.9
const RIMMED = 1500

/** A disc with a soft edge, and a rim that parts it from its neighbours. */
function sprite(radius: number, wide: number, fill: string, rim: string, hole: number): Sprite {
  const reach = Math.ceil(radius + wide)
  const found: [number, number, number][] = []
  const [inside, outside] = [rgb(fill), rgb(rim)]
  const covered = (r: number, distance: number) => Math.min(1, Math.max(0, r + 0.5 - distance))
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const distance = Math.hypot(x, y)
      const alpha = covered(radius + wide, distance)
      if (alpha < 0.1 || distance < hole) continue
      const part = covered(radius, distance) / alpha
      const [r, g, b] = inside.map((value, i) => Math.round(part * value + (1 - part) * outside[i]!)) as [number, number, number]
      const opaque = alpha > 0.5 ? 255 : Math.round(255 * alpha)
      found.push([x, y, ((opaque << 24) | (b << 16) | (g << 8) | r) >>> 0])
    }
  }
  return { dx: Int8Array.from(found, (one) => one[0]), dy: Int8Array.from(found, (one) => one[1]), colour: Uint32Array.from(found, (one) => one[2]) }
}

export function radiusOf(count: number): number {
  return count > 4000 ? 1.3 : count > 1500 ? 1.9 : count > 600 ? 2.5 : 3.2
}

let kept: ImageData | null = null
let stamps: { key: string; sprites: Sprite[] } = { key: '', sprites: [] }
/** How much of its colour what does not stand out keeps. */
export const DIM = 0.14

/** From a small gap to a large one, then of those that are not known. */
export const coloursOfGaps = (ink: Ink) => Array.from({ length: SHADES + 1 }, (_, k) => (k < SHADES ? mixed(ink.exact, ink.surface, 0.2 + (0.8 * k) / (SHADES - 1)) : mixed(ink.muted, ink.surface, DIM)))

/** One for each colour, then the same for those that do not stand out, made once; the last is that of a lit class without a colour. */
function spritesOf(radius: number, rim: number, ink: Ink, colours: string[], hole: number): Sprite[] {
  const key = `${radius} ${rim} ${ink.surface} ${colours} ${hole}`
  if (stamps.key === key) return stamps.sprites
  const dimmed = colours.map((colour) => mixed(colour, ink.surface, DIM))
  stamps = { key, sprites: [...colours, ...dimmed, ink.accent].map((colour, i) => sprite(radius, i < colours.length || i === 2 * colours.length ? rim : 0, colour, ink.surface, hole)) }
  return stamps.sprites
}

function mixed(one: string, other: string, part: number): string {
  const ground = rgb(other)
  return `#${rgb(one).map((value, i) => Math.round(part * value + (1 - part) * ground[i]!).toString(16).padStart(2, '0')).join('')}`
}

/** All points into one ImageData: 10,000 take a millisecond or two. */
export function drawPoints(context: CanvasRenderingContext2D, places: Float32Array, view: View, ink: Ink, ratio: number): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const { width, height } = context.canvas
  if (!shown || !images || !view.layers.points) {
    context.clearRect(0, 0, width, height)
    return
  }
  if (kept?.width !== width || kept.height !== height) kept = context.createImageData(width, height)
  const pixels = new Uint32Array(kept.data.buffer)
  pixels.fill(0)
  const radius = radiusOf(shown.count) * ratio * Math.sqrt(ink.letters / LETTERS)
  const rim = shown.count > RIMMED ? 0 : RIM
  const classes = store.manifest.value!.data.classes.length
  // above decoded tiles only what is needed to see whose place it is
  const gap = shades.value
  const palette = gap ? coloursOfGaps(ink) : Array.from({ length: Math.min(classes, LIGHT.length) }, (_, k) => classColour(k, classes, ink.dark))
  const sprites = spritesOf(radius, rim, ink, palette, layers.value.tiles && radius > HOLLOW * ratio ? 0.55 * radius : 0)
  const colours = (sprites.length - 1) / 2
  const apart = store.lit.value !== null || view.selected.length > 0
  const hidden = new Set(view.hidden)
  const reach = Math.ceil(radius + rim)
  const scale = pixelsPerUnit() * ratio
  const left = (size.value.width / 2) * ratio - camera.value.x * scale
  const top = (size.value.height / 2) * ratio + camera.value.y * scale
  // those that stand out lie above the others
  for (let pass = apart ? 0 : 1; pass < 2; pass++) for (let i = 0; i < shown.count; i++) {
    const label: number = images.labels[shown.imageOf[i]!]!
    if (hidden.has(label) || (apart && stands(shown.imageOf[i]!, label, view) !== (pass === 1))) continue
    const x = Math.round(left + places[2 * i]! * scale)
    const y = Math.round(top - places[2 * i + 1]! * scale)
    if (!(x >= reach && y >= reach && x < width - reach && y < height - reach)) continue
    const { dx, dy, colour }: Sprite = sprites[gap ? gap[i]! + (pass === 0 ? colours : 0) : label === store.lit.value && classes > LIGHT.length ? 2 * colours : (label % colours) + (pass === 0 ? colours : 0)]!
    for (let k = 0; k < colour.length; k++) {
      const at = (y + dy[k]!) * width + x + dx[k]!
      const value = colour[k]!
      if (value >= 0xff000000 || pixels[at] === 0) pixels[at] = value
    }
  }
  context.putImageData(kept, 0, 0)
}
