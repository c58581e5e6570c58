import { atlasInInk } from '../ui/ink'
import { classColour } from '../ui/palette'
import { areWords } from '../state/layers'
import * as store from '../state/store'
import type { View } from '../state/view'
import { camera, pixelsPerUnit, size } from './camera'
import { medians, stands } from './classes'
import type { Ink } from './ink'
import { DIM } from './points'

/** The longer side of an image, and the letters of a class's name at its median, in letters. */
const THUMB = 2.1
const CLASS = 1.5
/** Of an image what no other may lie over; of a name its height, of a word with what hangs below, and the room between two, in its letters. */
const BARE = 0.8
const WORD = 1.1
const APART = 0.25
const DIAGONAL = [[1, 1], [-1, 1], [1, -1], [-1, -1]].map(([x, y]) => [x! * Math.SQRT1_2, y! * Math.SQRT1_2] as const)
/** Where the name of a class may stand, from its median, in letters: the nearest first. */
const AROUND = [[0, 0], ...[1, 1.7, 2.4].flatMap((far) => [[0, far], [0, -far], [far, 0], [-far, 0], ...DIAGONAL.map(([x, y]) => [x * far, y * far])])] as [number, number][]

/** Images or class names at the places of their codes, as many as do not cover each other. */
export function drawLabels(context: CanvasRenderingContext2D, places: Float32Array, view: View, ink: Ink, thumbs: boolean): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const about = store.manifest.value
  if (!shown || !images || !about) return
  const [, height, width] = about.data.shape
  const factor = (THUMB * ink.letters) / Math.max(height, width)
  const [wide, tall] = [Math.round(width * factor), Math.round(height * factor)]
  const classes = about.data.classes.length
  const room = new Room(ink.letters)
  const hidden = new Set(view.hidden)
  const atlas = thumbs ? atlasInInk(images, about) : null
  const scale = pixelsPerUnit()
  context.font = `600 ${ink.letters}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineWidth = thumbs ? 2 : 3
  context.lineJoin = 'round'
  const names = about.data.classes.map((name) => context.measureText(name).width + APART * ink.letters)
  const high = (areWords(about.data.classes) ? WORD : BARE) * ink.letters
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    const label = images.labels[image]!
    if (hidden.has(label)) continue
    const left = size.value.width / 2 + (places[2 * i]! - camera.value.x) * scale
    const top = size.value.height / 2 - (places[2 * i + 1]! - camera.value.y) * scale
    context.globalAlpha = stands(image, label, view) ? 1 : DIM
    if (left < 0 || top < 0 || left > size.value.width || top > size.value.height || !(thumbs ? room.take(left, top, BARE * wide, BARE * tall) : room.take(left, top, names[label] ?? 0, high))) continue
    if (thumbs) {
      const x = (image % images.columns) * width
      const y = Math.floor(image / images.columns) * height
      context.drawImage(atlas!, x, y, width, height, left - wide / 2, top - tall / 2, wide, tall)
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
  const words = areWords(about.data.classes)
  const letters = (words || view.lecture ? 1 : CLASS) * ink.letters // which are large there as they are
  const room = new Room(letters)
  const scale = pixelsPerUnit()
  context.font = `600 ${letters}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineJoin = 'round'
  const stand: { name: string; from: readonly [number, number]; at: readonly [number, number] }[] = []
  for (const { label, x, y } of medians(places, view.hidden)) {
    const left = size.value.width / 2 + (x - camera.value.x) * scale
    const top = size.value.height / 2 - (y - camera.value.y) * scale
    if (store.lit.value !== label && store.lit.value !== null) continue
    const name = about.data.classes[label] ?? '?'
    const wide = context.measureText(name).width + APART * letters
    // beside it where another name is there already, a word above or below; none where all of that is taken
    const places = AROUND.map(([dx, dy]) => [left + (words ? 0 : dx) * letters, top + WORD * dy * letters] as const)
    const free = places.find(([x, y]) => store.lit.value === label || room.take(x, y, wide, (words ? WORD : BARE) * letters))
    if (free) stand.push({ name, from: [left, top], at: free })
  }
  context.lineWidth = letters / 16
  context.strokeStyle = ink.text
  for (const { from, at } of stand) { // nothing to be seen where it stands in its place
    context.beginPath()
    context.moveTo(...from)
    context.lineTo(...at)
    context.stroke()
  }
  context.lineWidth = letters / 4
  context.strokeStyle = ink.surface
  context.fillStyle = ink.text
  for (const { name, at } of stand) {
    context.strokeText(name, ...at)
    context.fillText(name, ...at)
  }
}

/** Boxes that do not overlap. */
export class Room {
  private readonly cells = new Map<number, [x: number, y: number, wide: number, tall: number][]>()

  constructor(private readonly side: number) {}

  /** Take a box around (x, y), where nothing lies that has been taken. */
  take(x: number, y: number, wide: number, tall: number): boolean {
    const cells: number[] = []
    const at = (place: number) => Math.floor(place / this.side)
    for (let i = at(x - wide / 2); i <= at(x + wide / 2); i++) for (let j = at(y - tall / 2); j <= at(y + tall / 2); j++) cells.push(i * 8192 + j)
    const over = ([nx, ny, nw, nt]: [number, number, number, number]) => 2 * Math.abs(nx - x) < nw + wide && 2 * Math.abs(ny - y) < nt + tall
    if (cells.some((cell) => this.cells.get(cell)?.some(over))) return false
    for (const cell of cells) this.cells.set(cell, [...(this.cells.get(cell) ?? []), [x, y, wide, tall]])
    return true
  }
}
