import { axes, positions } from '../state/plane'
import * as store from '../state/store'
import { camera, size, toScreen } from './camera'

const CELL = 8

/** The aggregate posterior q(z) on the plane: the mean of all posteriors' densities, in cells of a few pixels. */
export function densityOf(hiddenClasses: number[]): { values: Float32Array; columns: number; rows: number; cell: number } {
  const columns = Math.ceil(size.value.width / CELL)
  const rows = Math.ceil(size.value.height / CELL)
  const values = new Float32Array(columns * rows)
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return { values, columns, rows, cell: CELL }
  const d = shown.loc.length / shown.count
  const hidden = new Set(hiddenClasses)
  const scale = Math.min(size.value.width, size.value.height) / (2 * camera.value.reach)
  const { e1, e2 } = axes.value
  for (let i = 0; i < shown.count; i++) {
    if (hidden.has(images.labels[shown.imageOf[i]!]!)) continue
    const [left, top] = toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    let wide = 0
    let tall = 0
    for (let k = 0; k < d; k++) {
      wide += (e1[k]! * shown.scale[i * d + k]!) ** 2
      tall += ((e2?.[k] ?? 0) * shown.scale[i * d + k]!) ** 2
    }
    // no narrower than a cell, or a point between two centres would vanish
    const sx = Math.max(CELL, Math.sqrt(wide) * scale)
    const sy = Math.max(CELL, Math.sqrt(tall) * scale)
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
  return { values, columns, rows, cell: CELL }
}
