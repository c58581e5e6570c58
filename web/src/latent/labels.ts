import { classColour } from '../ui/palette'
import * as store from '../state/store'
import type { View } from '../state/view'
import { camera, pixelsPerUnit, size } from './camera'
import { medians, stands } from './classes'
import type { Ink } from './ink'
import { DIM } from './points'

/** Sides of an image and of a name, in letters. */
const THUMB = 2.1
const NAME = 1.05
const CLASS = 1.5
/** Where the name of a class may stand, from its median, in letters. */
const AROUND = [[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0]] as const

/** Images or class names at the places of their codes, as many as do not cover each other. */
export function drawLabels(context: CanvasRenderingContext2D, places: Float32Array, view: View, ink: Ink, thumbs: boolean): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const about = store.manifest.value
  if (!shown || !images || !about) return
  const [, height, width] = about.data.shape
  const side = (thumbs ? THUMB : NAME) * ink.letters
  const factor = side / Math.max(height, width)
  const [wide, tall] = [Math.round(width * factor), Math.round(height * factor)]
  const classes = about.data.classes.length
  const room = new Room(side)
  const hidden = new Set(view.hidden)
  const scale = pixelsPerUnit()
  context.font = `600 ${ink.letters}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineWidth = thumbs ? 2 : 3
  context.lineJoin = 'round'
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    const label = images.labels[image]!
    if (hidden.has(label)) continue
    const left = size.value.width / 2 + (places[2 * i]! - camera.value.x) * scale
    const top = size.value.height / 2 - (places[2 * i + 1]! - camera.value.y) * scale
    context.globalAlpha = stands(image, label, view) ? 1 : DIM
    if (left < 0 || top < 0 || left > size.value.width || top > size.value.height || !room.take(left, top)) continue
    if (thumbs) {
      const x = (image % images.columns) * width
      const y = Math.floor(image / images.columns) * height
      context.drawImage(images.atlas, x, y, width, height, left - wide / 2, top - tall / 2, wide, tall)
      context.strokeStyle = classColour(label, classes, ink.dark)
      context.strokeRect(left - wide / 2, top - tall / 2, wide, tall)
    } else {
      const name = about.data.classes[label] ?? '?'
      context.strokeStyle = ink.surface
      context.strokeText(name, left, top)
      context.fillStyle = classColour(label, classes, ink.dark)
      context.fillText(name, left, top)
    }
  }
  context.globalAlpha = 1
}

/** The name of each class at the median of its points, as far as names do not cover each other. */
export function drawMedians(context: CanvasRenderingContext2D, places: Float32Array, view: View, ink: Ink): void {
  const about = store.manifest.value
  if (!about || about.data.classes.length < 2) return
  const letters = CLASS * ink.letters
  const room = new Room(letters)
  const scale = pixelsPerUnit()
  context.font = `600 ${letters}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineJoin = 'round'
  context.lineWidth = letters / 4
  for (const { label, x, y } of medians(places, view.hidden)) {
    const left = size.value.width / 2 + (x - camera.value.x) * scale
    const top = size.value.height / 2 - (y - camera.value.y) * scale
    if (store.lit.value !== label && store.lit.value !== null) continue
    // beside it where another name is there already
    const free = store.lit.value === label ? [0, 0] as const : AROUND.find(([dx, dy]) => room.take(left + dx * letters, top + dy * letters))
    if (!free) continue
    const name = about.data.classes[label] ?? '?'
    context.strokeStyle = ink.surface
    context.strokeText(name, left + free[0] * letters, top + free[1] * letters)
    context.fillStyle = ink.text
    context.fillText(name, left + free[0] * letters, top + free[1] * letters)
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
