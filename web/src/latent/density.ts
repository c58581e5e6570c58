import { computed } from '@preact/signals'
import { axes, positions } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { centre, pixelsPerUnit, size, stretch, toPlane, toScreen } from './camera'
import { type Ink, rgb } from './ink'
import { around, fogAt } from './slice'

const CELL = 6
const SLICE_CELL = 12
const THICKEST = 0.94

/** Numbers of 0 to 1 in cells of the map, row by row. */
interface Cells {
  values: Float32Array
  columns: number
  rows: number
}

const hiddenClasses = computed(() => view.value.hidden)

/**
 * The aggregate posterior q(z) on the map, the mean of all posteriors' densities (each without the correlation that it may
 * have in a slanted plane), in cells of a few pixels; 1 where it is the largest. It is computed when codes or camera have
 * changed, not whenever the canvas is painted.
 */
const aggregate = computed<Cells>(() => {
  const columns = Math.ceil(size.value.width / CELL)
  const rows = Math.ceil(size.value.height / CELL)
  const values = new Float32Array(columns * rows)
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return { values, columns, rows }
  const d = shown.loc.length / shown.count
  const hidden = new Set(hiddenClasses.value)
  const places = positions.value
  const scale = pixelsPerUnit()
  const { e1, e2 } = axes.value
  for (let i = 0; i < shown.count; i++) {
    if (hidden.has(images.labels[shown.imageOf[i]!]!)) continue
    const [x, y] = [places[2 * i]!, places[2 * i + 1]!]
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
  const largest = values.reduce((most, value) => Math.max(most, value), 1e-9)
  return { values: values.map((value) => value / largest), columns, rows }
})

/** How foggy each cell of the map is, of the slice through the code that the plane is. */
const slice = computed<Cells>(() => {
  const columns = Math.ceil(size.value.width / SLICE_CELL)
  const rows = Math.ceil(size.value.height / SLICE_CELL)
  const values = new Float32Array(columns * rows)
  const shown = store.snapshot.value
  if (!shown) return { values, columns, rows }
  const seen = around(shown.loc, shown.loc.length / shown.count, axes.value)
  for (let i = 0; i < values.length; i++) {
    values[i] = fogAt(...toPlane(((i % columns) + 0.5) * SLICE_CELL, (Math.floor(i / columns) + 0.5) * SLICE_CELL), seen)
  }
  return { values, columns, rows }
})

/** A veil where no codes are near: in two dimensions where q(z) is thin, in more where the nearest code is far from the slice. */
export function drawFog(context: CanvasRenderingContext2D, ink: Ink): void {
  if ((store.manifest.value?.latent ?? 2) > 2) paint(context, slice.value, SLICE_CELL, ink.fog, (value) => THICKEST * value)
  else paint(context, aggregate.value, CELL, ink.fog, (value) => THICKEST * Math.exp(-40 * value))
}

/** Where codes lie, seen from the side onto the plane: darker where they are denser. */
export function drawDensity(context: CanvasRenderingContext2D, ink: Ink): void {
  paint(context, aggregate.value, CELL, ink.accent, (value) => 0.85 * Math.sqrt(value))
}

/** Cells of a colour, each as opaque as its number says. */
function paint(context: CanvasRenderingContext2D, { values, columns, rows }: Cells, cell: number, colour: string, opacity: (value: number) => number): void {
  const [r, g, b] = rgb(colour)
  const small = document.createElement('canvas')
  small.width = columns
  small.height = rows
  const cells = small.getContext('2d')!
  const picture = cells.createImageData(columns, rows)
  values.forEach((value, i) => picture.data.set([r, g, b, Math.round(255 * opacity(value))], 4 * i))
  cells.putImageData(picture, 0, 0)
  context.imageSmoothingEnabled = true
  context.drawImage(small, 0, 0, columns * cell, rows * cell)
}
