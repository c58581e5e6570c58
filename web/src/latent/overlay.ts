import { computed } from '@preact/signals'
import type { Codes } from '../model/networks'
import { marks } from '../probe/probe'
import { lit } from '../row/Formula'
import { journey, passing } from '../row/journey'
import * as store from '../state/store'
import { axes, project } from '../state/plane'
import { type View, view as seenView } from '../state/view'
import { densityAt, levels, seen } from '../state/prior'
import { between } from '../path/between'
import { centre, covered, size, toPlane, toScreen } from './camera'
import { contour, type Segment } from './contours'
import type { Ink } from './ink'
import { shapeOf } from './posterior'

const CORNERS = 96
const RINGS = [1, 2, 3]
/** Pixels between two places at which a density is computed. */
const CELL = 6
/** Between two rings that their names need, in letters. */
const ROOM_FOR_WORDS = 2

/** A closed or open line through places of the plane. */
function trace(context: CanvasRenderingContext2D, places: [number, number][]): void {
  context.beginPath()
  for (const place of places) context.lineTo(...toScreen(...place))
  context.stroke()
}

/** Where the plane cuts an ellipse around (x, y) that is the image of the unit circle under the lower triangle (a, 0; b, c). */
function ellipse(context: CanvasRenderingContext2D, x: number, y: number, a: number, b: number, c: number): void {
  trace(
    context,
    Array.from({ length: CORNERS + 1 }, (_, i) => {
      const angle = (2 * Math.PI * i) / CORNERS
      return [x + a * Math.cos(angle), y + b * Math.cos(angle) + c * Math.sin(angle)]
    }),
  )
}

/** A posterior as it is: ellipses at one and two standard deviations of a normal one, draws of one that is not independent. */
function drawPosterior(context: CanvasRenderingContext2D, ink: Ink, code: Codes, width: number): void {
  const { mean, ellipse: shape, dots } = shapeOf(code, axes.value)
  context.fillStyle = ink.text
  context.globalAlpha = 0.5
  for (let i = 0; dots && !shape && i < dots.length; i += 2) {
    const [left, top] = toScreen(dots[i]!, dots[i + 1]!)
    context.fillRect(left - 0.75, top - 0.75, 1.5, 1.5)
  }
  context.globalAlpha = 1
  if (!shape) return
  const [a, b, c] = shape
  for (const times of [1, 2]) twice(context, ink, ink.text, width, () => ellipse(context, ...mean, times * a, times * b, times * c))
}

/** A line of the page's background below makes one of any colour stand out from tiles and points. */
export function twice(context: CanvasRenderingContext2D, ink: Ink, colour: string, width: number, draw: () => void, dash: number[] = []): void {
  context.setLineDash([])
  context.strokeStyle = ink.surface
  context.lineWidth = width + 2
  context.globalAlpha = 0.75
  draw()
  context.globalAlpha = 1
  context.setLineDash(dash)
  context.strokeStyle = colour
  context.lineWidth = width
  draw()
}

/** The probe's posterior (mean and standard deviation, one after the other), that of the image under the pointer, the path and the pin. */
export function drawOverlay(context: CanvasRenderingContext2D, view: View, ink: Ink, probe: Float32Array): void {
  const d = store.manifest.value?.latent ?? 2
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  const width = 1.5 * (lit.value === 'rate' || lit.value === 'elbo' ? 2 : 1)
  const code = store.probed.value
  if (code && probe.length === 2 * d) drawPosterior(context, ink, { ...code, loc: probe.subarray(0, d), scale: probe.subarray(d) }, width)
  context.fillStyle = ink.text
  for (const mark of marks.value) {
    if (mark.length !== d) continue
    context.globalAlpha = 0.6
    context.beginPath()
    context.arc(...toScreen(...(project(mark, d, axes.value) as unknown as [number, number])), 2.5, 0, 2 * Math.PI)
    context.fill()
    context.globalAlpha = 1
  }
  const now = journey.value
  if (passing.value !== null && now?.loc.length === d) drawPosterior(context, ink, now, width / 1.5)
  if (view.path && view.path.from.length === d) drawPath(context, view.path, ink)
  const cross = (z: number[], length: number) => {
    const [x, y] = project(z, d, axes.value)
    const [left, top] = toScreen(x!, y!)
    context.beginPath()
    context.arc(left, top, length, 0, 2 * Math.PI) // open, so that points under it are seen
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
      context.moveTo(left + dx * length, top + dy * length)
      context.lineTo(left + 1.8 * dx * length, top + 1.8 * dy * length)
    }
    context.stroke()
  }
  const marked = store.marked.value
  if (marked?.length === d) twice(context, ink, ink.text, 1.5, () => cross(marked, 4))
  const { z } = view
  if (z?.length === d) twice(context, ink, ink.text, 2, () => cross(z, 7))
}

/** The prior below the points: one, two and three standard deviations of N(0, 1), or what holds as much of another prior. */
export function drawPrior(context: CanvasRenderingContext2D, ink: Ink): void {
  if (contours.value) drawContours(context, ink, contours.value)
  else drawRings(context, ink)
}

const cls = computed(() => seenView.value.cls)

/** Of the model's own prior, from the inmost on, in cells; computed when prior or camera have changed. null: it has none. */
const contours = computed(() => {
  const prior = store.snapshot.value?.prior
  if (!prior || !axes.value.e2) return null
  const parts = seen(prior, axes.value, cls.value)
  const columns = Math.ceil(size.value.width / CELL) + 1
  const rows = Math.ceil(size.value.height / CELL) + 1
  const values = Float64Array.from({ length: columns * rows }, (_, i) => densityAt(...toPlane((i % columns) * CELL, Math.floor(i / columns) * CELL), parts))
  return levels(parts).map((level) => contour(values, columns, rows, level))
})

function drawContours(context: CanvasRenderingContext2D, ink: Ink, rings: Segment[][]): void {
  rings.forEach((lines, i) => {
    twice(context, ink, ink.text, 1.5 - 0.35 * i, () => {
      context.beginPath()
      for (const [x1, y1, x2, y2] of lines) {
        context.moveTo(x1 * CELL, y1 * CELL)
        context.lineTo(x2 * CELL, y2 * CELL)
      }
      context.stroke()
    })
  })
}

const DIAGONALS = [[1, 1], [-1, 1], [1, -1], [-1, -1]].map(([x, y]) => [x! * Math.SQRT1_2, y! * Math.SQRT1_2] as const)

let measured = ''
let place: Record<'left' | 'right' | 'top' | 'bottom', number> | null = null

/** Where the preview lies on the plane, asked of the page once a layout: at every step that would lay it out anew. */
function previewBox(): typeof place {
  const layout = [size.value.width, size.value.height, seenView.value.depth, seenView.value.lecture].join()
  const preview = document.getElementById('preview')
  if (layout === measured || !preview) return place
  const { left, top } = document.getElementById('plane')!.getBoundingClientRect()
  const box = preview.getBoundingClientRect()
  measured = layout
  return (place = { left: box.left - left, right: box.right - left, top: box.top - top, bottom: box.bottom - top })
}

function drawRings(context: CanvasRenderingContext2D, ink: Ink): void {
  const preview = previewBox()
  const room = 2 * ink.small
  /** Whether a name there would lie under a panel. */
  const under = (left: number, top: number) => {
    const { left: l, right: r, top: t, bottom: b } = covered.value
    const hidden = preview && left > preview.left - room && left < preview.right && top < preview.bottom + room && top > preview.top
    return hidden || left < l + room || left > size.value.width - r - room || top < t + room || top > size.value.height - b
  }
  context.font = `${ink.small}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  const { x, y } = centre.value
  for (const times of RINGS) {
    twice(context, ink, ink.text, 1, () => ellipse(context, x, y, times, 0, axes.value.e2 ? times : 0), [4, 3])
    const [left, top] = DIAGONALS.map(([dx, dy]) => toScreen(x + dx * times, y + dy * times)).find((place) => !under(...place)) ?? [0, 0]
    if (left === 0 || toScreen(x + 1, y)[0] - toScreen(x, y)[0] < ROOM_FOR_WORDS * ink.small) continue
    const beside = left + 0.7 * ink.small
    twice(context, ink, ink.surface, 1, () => context.strokeText(`${times}σ`, beside, top))
    context.fillStyle = ink.muted
    context.fillText(`${times}σ`, beside, top)
  }
}

function drawPath(context: CanvasRenderingContext2D, path: NonNullable<View['path']>, ink: Ink): void {
  const d = path.from.length
  const places = between(path, CORNERS).map((z) => Array.from(project(z, d, axes.value)) as [number, number])
  twice(context, ink, ink.text, 1.5, () => trace(context, places))
  context.fillStyle = ink.text
  context.font = `600 ${ink.letters}px system-ui, sans-serif`
  for (const [letter, place] of [['A', places[0]!], ['B', places.at(-1)!]] as const) {
    const [left, top] = toScreen(...place)
    context.lineWidth = 3
    context.strokeStyle = ink.surface
    context.strokeText(letter, left, top - 4)
    context.fillText(letter, left, top - 4)
  }
}
