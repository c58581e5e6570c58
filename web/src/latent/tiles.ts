import { axes, unproject } from '../state/plane'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { type Camera, view } from '../state/view'
import { paintInk } from '../ui/ink'
import { camera, hasPlace, pixelsPerUnit, size, toPlane } from './camera'
import { readInk } from './ink'
import { Known } from './known'

/** Of a tile, in letters. */
const TALL = 2.3
/** Images of fewer pixels a side stay sharp squares. */
const COARSE = 16
const AT_ONCE = 24
const COARSE_TO_FINE = [4, 2, 1]
/** Of paper around each tile, as a part of it. */
const GAP = 0.07
/** In which new weights take the place of old ones, in ms. */
const APPEARS = 200

/** How far the last call has come. */
export const progress = { drawn: 0, total: 0 }

interface Tile {
  column: number
  row: number
  span: number
  distance: number
}

/** The plane decoded: ink on the page's paper, tile by tile, the fainter the fewer codes lie there. */
export class Tiles {
  private canvas: HTMLCanvasElement | null = null
  /** What was there before, while what has taken its place appears. */
  private former: HTMLCanvasElement | null = null
  private since = 0
  private seen: Camera = camera.peek()
  private generation = 0
  private drawnFor = ''

  constructor(
    private readonly near: { x: number; y: number },
    private readonly show: () => void,
  ) {}

  /** Whether it is appearing now. */
  get moving(): boolean {
    return this.former !== null
  }

  /** Put it where the camera sees it by now. */
  paint(context: CanvasRenderingContext2D): void {
    if (!this.canvas) return
    const { width, height } = size.value
    const grown = this.seen.reach / camera.value.reach
    const scale = pixelsPerUnit()
    const left = width / 2 + (this.seen.x - camera.value.x) * scale - (width / 2) * grown
    const top = height / 2 - (this.seen.y - camera.value.y) * scale - (height / 2) * grown
    const part = this.former ? Math.min(1, (performance.now() - this.since) / APPEARS) : 1
    const put = (canvas: HTMLCanvasElement, alpha: number) => {
      context.globalAlpha = alpha
      context.drawImage(canvas, left, top, width * grown, height * grown)
    }
    if (this.former) put(this.former, 1 - part)
    put(this.canvas, part)
    context.globalAlpha = 1
    if (part === 1) this.former = null
  }

  /**
   * Draw all tiles, nearest the pointer first; a newer call ends it. Coarse to fine where the view is another one; where only
   * the weights are, what was there stays until all is new.
   */
  async draw(): Promise<void> {
    const mine = ++this.generation
    const about = store.manifest.value
    const engine = store.engines.value?.patient
    if (!about || !engine || size.value.width === 0) return
    const [, height, width] = about.data.shape
    const room = TALL * readInk().letters
    const side = width < COARSE ? width * Math.max(1, Math.round(room / width)) : Math.round(room)
    const gap = GAP * side
    const where = JSON.stringify([about.run.name, camera.value, size.value, view.value.scale, axes.value, theme.value])
    const same = where === this.drawnFor && this.canvas !== null
    const ratio = Math.min(2, devicePixelRatio)
    const canvas = document.createElement('canvas')
    canvas.width = size.value.width * ratio
    canvas.height = size.value.height * ratio
    const context = canvas.getContext('2d')!
    context.scale(ratio, ratio)
    context.imageSmoothingEnabled = width >= COARSE
    const cell = document.createElement('canvas')
    cell.width = width
    cell.height = height
    const small = cell.getContext('2d')!
    const image = small.createImageData(width, height)
    const { cls } = view.value
    const seen = camera.value
    const known = new Known(side / pixelsPerUnit())
    const tiles = this.list(side, same ? [1] : COARSE_TO_FINE)
    progress.drawn = 0
    progress.total = tiles.length
    for (let first = 0; first < tiles.length; first += AT_ONCE) {
      const batch = tiles.slice(first, first + AT_ONCE)
      const codes = batch.map(({ column, row, span }) => unproject(...toPlane((column + span / 2) * side, (row + span / 2) * side), axes.value))
      const x = (await engine.decode(Float32Array.from(codes.flat()), cls).catch(() => null))?.mean
      if (mine !== this.generation || !x) return
      batch.forEach(({ column, row, span }, i) => {
        paintInk(x, (i * x.length) / batch.length, about, store.images.value, image.data)
        small.putImageData(image, 0, 0)
        context.clearRect(column * side, row * side, span * side, span * side)
        context.globalAlpha = known.opacity(codes[i]!)
        context.drawImage(cell, column * side + gap, row * side + gap, span * side - 2 * gap, span * side - 2 * gap)
      })
      progress.drawn += batch.length
      if (same) continue
      this.former = null
      this.take(canvas, seen)
      this.show()
    }
    if (same) {
      this.former = this.canvas
      this.since = performance.now()
      this.take(canvas, seen)
      this.show()
    }
    this.drawnFor = where
  }

  private take(canvas: HTMLCanvasElement, seen: Camera): void {
    this.canvas = canvas
    this.seen = seen
  }

  stop(): void {
    this.generation++
    this.canvas = this.former = null
    this.drawnFor = ''
  }

  private list(side: number, spans: number[]): Tile[] {
    const tiles: Tile[] = []
    for (const span of spans) {
      for (let row = 0; row * side < size.value.height; row += span) {
        for (let column = 0; column * side < size.value.width; column += span) {
          const [x, y] = [(column + span / 2) * side, (row + span / 2) * side]
          if (hasPlace(x, y)) tiles.push({ column, row, span, distance: Math.hypot(x - this.near.x, y - this.near.y) })
        }
      }
    }
    return tiles.sort((a, b) => b.span - a.span || a.distance - b.distance)
  }
}
