import { paint } from '../model/pixels'
import { axes, unproject } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { size, toPlane } from './camera'

export const SIDE = 36
const AT_ONCE = 24
export const tilesDrawn = { drawn: 0, total: 0 }
let generation = 0

/**
 * Decode the plane tile by tile: coarse to fine, nearest the pointer first; a newer call ends it.
 *
 * @param near where the pointer is, in CSS pixels
 * @param show is given the canvas after each batch
 */
export async function drawTiles(near: { x: number; y: number }, show: (canvas: HTMLCanvasElement) => void): Promise<void> {
  const mine = ++generation
  const about = store.manifest.value
  const engine = store.engines.value?.patient
  if (!about || !engine) return
  const [, height, width] = about.data.shape
  const columns = Math.ceil(size.value.width / SIDE)
  const rows = Math.ceil(size.value.height / SIDE)
  const canvas = document.createElement('canvas')
  canvas.width = columns * SIDE
  canvas.height = rows * SIDE
  const context = canvas.getContext('2d')!
  context.imageSmoothingEnabled = width >= SIDE
  const cell = document.createElement('canvas')
  cell.width = width
  cell.height = height
  const small = cell.getContext('2d')!
  const image = small.createImageData(width, height)
  const jobs: { column: number; row: number; span: number; distance: number }[] = []
  for (const span of [4, 2, 1]) {
    for (let row = 0; row < rows; row += span) {
      for (let column = 0; column < columns; column += span) {
        if (span < 4 && row % (2 * span) === 0 && column % (2 * span) === 0 && span > 1) continue
        const distance = Math.hypot((column + span / 2) * SIDE - near.x, (row + span / 2) * SIDE - near.y)
        jobs.push({ column, row, span, distance })
      }
    }
  }
  jobs.sort((a, b) => b.span - a.span || a.distance - b.distance)
  tilesDrawn.drawn = 0
  tilesDrawn.total = jobs.length
  const { cls } = view.value
  for (let first = 0; first < jobs.length; first += AT_ONCE) {
    const batch = jobs.slice(first, first + AT_ONCE)
    const codes = batch.flatMap(({ column, row, span }) => unproject(...toPlane((column + span / 2) * SIDE, (row + span / 2) * SIDE), axes.value))
    const x = await engine.decode(Float32Array.from(codes), cls).catch(() => null)
    if (mine !== generation || x === null) return
    batch.forEach(({ column, row, span }, i) => {
      paint(x, (i * x.length) / batch.length, about.data.shape, about.data.domain, image.data)
      small.putImageData(image, 0, 0)
      context.drawImage(cell, column * SIDE, row * SIDE, span * SIDE, span * SIDE)
    })
    tilesDrawn.drawn += batch.length
    show(canvas)
  }
}

export function stopTiles(): void {
  generation++
}
