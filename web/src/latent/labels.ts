import { classColour } from '../ui/palette'
import * as store from '../state/store'
import type { View } from '../state/view'
import { camera, pixelsPerUnit, size } from './camera'
import type { Ink } from './ink'

const THUMB = 28
const NAME = 14

/** Images or class names at the places of their codes, as many as do not cover each other. */
export function drawLabels(context: CanvasRenderingContext2D, places: Float32Array, view: View, ink: Ink, thumbs: boolean): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const about = store.manifest.value
  if (!shown || !images || !about) return
  const [, height, width] = about.data.shape
  const side = thumbs ? THUMB : NAME
  const room = new Room(side)
  const hidden = new Set(view.hidden)
  const scale = pixelsPerUnit()
  context.font = '600 12px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineWidth = 2
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    const label = images.labels[image]!
    if (hidden.has(label)) continue
    const left = size.value.width / 2 + (places[2 * i]! - camera.value.x) * scale
    const top = size.value.height / 2 - (places[2 * i + 1]! - camera.value.y) * scale
    if (left < 0 || top < 0 || left > size.value.width || top > size.value.height || !room.take(left, top)) continue
    if (thumbs) {
      const x = (image % images.columns) * width
      const y = Math.floor(image / images.columns) * height
      context.drawImage(images.atlas, x, y, width, height, left - side / 2, top - side / 2, side, side)
      context.strokeStyle = classColour(label, ink.dark)
      context.strokeRect(left - side / 2, top - side / 2, side, side)
    } else {
      const name = about.data.classes[label] ?? '?'
      context.strokeStyle = ink.surface
      context.strokeText(name, left, top)
      context.fillStyle = classColour(label, ink.dark)
      context.fillText(name, left, top)
    }
  }
}

/** Squares that may overlap by a fifth of their side and no more. */
class Room {
  private readonly cells = new Map<number, [number, number][]>()

  constructor(private readonly side: number) {}

  take(x: number, y: number): boolean {
    const least = 0.8 * this.side
    const column = Math.floor(x / this.side)
    const row = Math.floor(y / this.side)
    for (let i = -1; i <= 1; i++) {
      for (let j = -1; j <= 1; j++) {
        const near = this.cells.get((column + i) * 8192 + row + j)
        if (near?.some(([nx, ny]) => Math.abs(nx - x) < least && Math.abs(ny - y) < least)) return false
      }
    }
    const own = column * 8192 + row
    this.cells.set(own, [...(this.cells.get(own) ?? []), [x, y]])
    return true
  }
}
