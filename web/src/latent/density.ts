import { axes, positions } from '../state/plane'
import * as store from '../state/store'
import type { View } from '../state/view'
import { centre, pixelsPerUnit, size, stretch, toScreen } from './camera'
import { type Ink, rgb } from './ink'

const CELL = 6

/**
 * The aggregate posterior q(z) on the map, the mean of all posteriors' densities (each without the correlation that it may
 * have in a slanted plane), in cells of a few pixels.
 */
function densityOf(hiddenClasses: number[]): { values: Float32Array; columns: number; rows: number } {
  const columns = Math.ceil(size.value.width / CELL)
  const rows = Math.ceil(size.value.height / CELL)
  const values = new Float32Array(columns * rows)
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return { values, columns, rows }
  const d = shown.loc.length / shown.count
  const hidden = new Set(hiddenClasses)
  const scale = pixelsPerUnit()
  const { e1, e2 } = axes.value
  for (let i = 0; i < shown.count; i++) {
    if (hidden.has(images.labels[shown.imageOf[i]!]!)) continue
    const [x, y] = [positions.value[2 * i]!, positions.value[2 * i + 1]!]
    const [left, top] = toScreen(x, y)
    let wide = 0
    let tall = 0
    for (let k = 0; k < d; k++) {
      wide += (e1[k]! * shown.scale[i * d + k]!) ** 2
      tall += ((e2?.[k] ?? 0) * shown.scale[i * d + k]!) ** 2
    }
    // no narrower than a cell, or a point between two centres would vanish
    const sx = Math.max(CELL, Math.sqrt(wide) * scale * stretch(x, centre.value.x))
    const sy = Math.max(CELL, Math.sqrt(tall) * scale * stretch(y, centre.value.y))
    const first = Math.max(0, Math.floor((left - 2.5 * sx) / CELL))
    const last = Math.min(columns - 1, Math.floor((left + 2.5 * sx) / CELL))
    for (let row = Math.max(0, Math.floor((top - 2.5 * sy) / CELL)); row <= Math.min(rows - 1, Math.floor((top + 2.5 * sy) / CELL)); row++) {
      const dy = ((row + 0.5) * CELL - top) / sy
      const height = Math.exp(-0.5 * dy * dy) / (sx * sy)
      for (let column = first; column <= last; column++) {
        const dx = ((column + 0.5) * CELL - left) / sx
        values[row * columns + column]! += height * Math.exp(-0.5 * dx * dx)
      }
    }
  }
  return { values, columns, rows }
}

/** Where codes lie: darker where they are denser; or a veil where there are none. */
export function drawDensity(context: CanvasRenderingContext2D, view: View, ink: Ink, fog: boolean): void {
  const { values, columns, rows } = densityOf(view.hidden)
  const largest = values.reduce((most, value) => Math.max(most, value), 1e-9)
  const [r, g, b] = rgb(fog ? ink.fog : ink.accent)
  const small = document.createElement('canvas')
  small.width = columns
  small.height = rows
  const cells = small.getContext('2d')!
  const picture = cells.createImageData(columns, rows)
  values.forEach((value, i) => {
    const part = value / largest
    const alpha = fog ? 0.94 * Math.exp(-part * 40) : 0.85 * Math.sqrt(part)
    picture.data.set([r, g, b, Math.round(255 * alpha)], 4 * i)
  })
  cells.putImageData(picture, 0, 0)
  context.imageSmoothingEnabled = true
  context.drawImage(small, 0, 0, columns * CELL, rows * CELL)
}
