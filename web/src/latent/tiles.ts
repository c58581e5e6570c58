import { paint } from '../model/pixels'
import { axes, unproject } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { camera, hasPlace, size, toPlane } from './camera'

const LARGEST = 40
const AT_ONCE = 24
const COARSE_TO_FINE = [4, 2, 1]

/** How far the last call has come. */
export const progress = { drawn: 0, total: 0 }

interface Tile {
  column: number
  row: number
  span: number
  distance: number
}

/** The plane decoded, tile by tile, on a canvas of its own. */
export class Tiles {
  canvas: HTMLCanvasElement | null = null
  private generation = 0
  private drawnFor = ''

  constructor(
    private readonly near: { x: number; y: number },
    private readonly show: () => void,
  ) {}

  /**
   * Draw all tiles, nearest the pointer first; a newer call ends it. Coarse to fine where the view is another one, tile over
   * tile where only the weights are.
   */
  async draw(): Promise<void> {
    const mine = ++this.generation
    const about = store.manifest.value
    const engine = store.engines.value?.patient
    if (!about || !engine || size.value.width === 0) return
    const [, height, width] = about.data.shape
    const side = width <= LARGEST ? width * Math.floor(LARGEST / width) : LARGEST
    const where = JSON.stringify([about.run.name, camera.value, size.value, view.value.scale, axes.value])
    const same = where === this.drawnFor && this.canvas !== null
    const canvas = same ? this.canvas! : document.createElement('canvas')
    if (!same) {
      canvas.width = size.value.width
      canvas.height = size.value.height
    }
    const context = canvas.getContext('2d')!
    context.imageSmoothingEnabled = width > LARGEST
    const cell = document.createElement('canvas')
    cell.width = width
    cell.height = height
    const small = cell.getContext('2d')!
    const image = small.createImageData(width, height)
    const { cls } = view.value
    const tiles = this.list(side, same ? [1] : COARSE_TO_FINE)
    progress.drawn = 0
    progress.total = tiles.length
    for (let first = 0; first < tiles.length; first += AT_ONCE) {
      const batch = tiles.slice(first, first + AT_ONCE)
      const codes = batch.flatMap(({ column, row, span }) => unproject(...toPlane((column + span / 2) * side, (row + span / 2) * side), axes.value))
      const x = await engine.decode(Float32Array.from(codes), cls).catch(() => null)
      if (mine !== this.generation || x === null) return
      batch.forEach(({ column, row, span }, i) => {
        paint(x, (i * x.length) / batch.length, about.data.shape, about.data.domain, image.data)
        small.putImageData(image, 0, 0)
        context.drawImage(cell, column * side, row * side, span * side, span * side)
      })
      progress.drawn += batch.length
      this.canvas = canvas
      this.show()
    }
    this.drawnFor = where
  }

  stop(): void {
    this.generation++
    this.canvas = null
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
