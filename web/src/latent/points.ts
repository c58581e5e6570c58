import { classColour, COLOURS } from '../ui/palette'
import * as store from '../state/store'
import type { View } from '../state/view'
import { camera, pixelsPerUnit, size } from './camera'
import { type Ink, rgb } from './ink'

/** Pixels of a disc: how far from its middle, and what colour in RGBA; opaque ones cover what is there, the others do not. */
interface Sprite {
  dx: Int8Array
  dy: Int8Array
  colour: Uint32Array
}

/** Where points are so small that a rim would be most of them, there is none. */
const RIM = 0.9
const RIMMED = 1500

/** A disc with a soft edge, and a rim that parts it from its neighbours. */
function sprite(radius: number, wide: number, fill: string, rim: string): Sprite {
  const reach = Math.ceil(radius + wide)
  const found: [number, number, number][] = []
  const [inside, outside] = [rgb(fill), rgb(rim)]
  const covered = (r: number, distance: number) => Math.min(1, Math.max(0, r + 0.5 - distance))
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const distance = Math.hypot(x, y)
      const alpha = covered(radius + wide, distance)
      if (alpha < 0.1) continue
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

/** One for each colour, made once. */
function spritesOf(radius: number, rim: number, ink: Ink): Sprite[] {
  const key = `${radius} ${rim} ${ink.dark} ${ink.surface}`
  if (stamps.key !== key) stamps = { key, sprites: Array.from({ length: COLOURS }, (_, k) => sprite(radius, rim, classColour(k, ink.dark), ink.surface)) }
  return stamps.sprites
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
  const radius = radiusOf(shown.count) * ratio
  const rim = shown.count > RIMMED ? 0 : RIM
  const sprites = spritesOf(radius, rim, ink)
  const hidden = new Set(view.hidden)
  const reach = Math.ceil(radius + rim)
  const scale = pixelsPerUnit() * ratio
  const left = (size.value.width / 2) * ratio - camera.value.x * scale
  const top = (size.value.height / 2) * ratio + camera.value.y * scale
  for (let i = 0; i < shown.count; i++) {
    const label: number = images.labels[shown.imageOf[i]!]!
    if (hidden.has(label)) continue
    const x = Math.round(left + places[2 * i]! * scale)
    const y = Math.round(top - places[2 * i + 1]! * scale)
    if (!(x >= reach && y >= reach && x < width - reach && y < height - reach)) continue
    const { dx, dy, colour }: Sprite = sprites[label % COLOURS]!
    for (let k = 0; k < colour.length; k++) {
      const at = (y + dy[k]!) * width + x + dx[k]!
      const value = colour[k]!
      if (value >= 0xff000000 || pixels[at] === 0) pixels[at] = value
    }
  }
  context.putImageData(kept, 0, 0)
}
