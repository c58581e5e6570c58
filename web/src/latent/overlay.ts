import * as store from '../state/store'
import { axes, project } from '../state/plane'
import type { View } from '../state/view'
import { between } from '../path/between'
import { centre, toScreen } from './camera'
import type { Ink } from './ink'

const CORNERS = 96
const RINGS = [1, 2, 3]
/** Pixels between two rings that their names need. */
const ROOM_FOR_WORDS = 24

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

/** The posterior N(loc, diag scale^2) seen in the plane, at so many standard deviations. */
function posterior(context: CanvasRenderingContext2D, loc: ArrayLike<number>, scale: ArrayLike<number>, times: number): void {
  const { e1, e2 } = axes.value
  const [x, y] = project(loc, loc.length, axes.value)
  const covariance = (p: Float64Array, q: Float64Array) => p.reduce((sum, entry, k) => sum + entry * q[k]! * scale[k]! ** 2, 0)
  const none = e2 ?? new Float64Array(e1.length)
  const a = Math.sqrt(covariance(e1, e1))
  const b = covariance(e1, none) / a
  const c = Math.sqrt(Math.max(0, covariance(none, none) - b * b))
  ellipse(context, x!, y!, times * a, times * b, times * c)
}

/** A line of the page's background below makes one of any colour stand out from tiles and points. */
function twice(context: CanvasRenderingContext2D, ink: Ink, colour: string, width: number, draw: () => void, dash: number[] = []): void {
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

/** The prior's standard deviations, the probe's posterior, the path and the pin. */
export function drawOverlay(context: CanvasRenderingContext2D, view: View, ink: Ink): void {
  const d = store.manifest.value?.latent ?? 2
  context.font = '11px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  if (view.layers.rings) drawRings(context, ink)
  const probe = store.probed.value
  if (probe && probe.loc.length === d) {
    for (const times of [1, 2]) twice(context, ink, ink.accent, 1.5, () => posterior(context, probe.loc, probe.scale, times))
  }
  if (view.path && view.path.from.length === d) drawPath(context, view.path, ink)
  const cross = (z: number[], length: number) => {
    const [x, y] = project(z, d, axes.value)
    const [left, top] = toScreen(x!, y!)
    context.beginPath()
    context.arc(left, top, length / 2, 0, 2 * Math.PI)
    context.moveTo(left - length, top)
    context.lineTo(left + length, top)
    context.moveTo(left, top - length)
    context.lineTo(left, top + length)
    context.stroke()
  }
  const marked = store.marked.value
  if (marked?.length === d) twice(context, ink, ink.text, 1.5, () => cross(marked, 6))
  const { z } = view
  if (z?.length === d) twice(context, ink, ink.accent, 2, () => cross(z, 9))
}

function drawRings(context: CanvasRenderingContext2D, ink: Ink): void {
  const { x, y } = centre.value
  for (const times of RINGS) {
    twice(context, ink, ink.text, 1, () => ellipse(context, x, y, times, 0, axes.value.e2 ? times : 0), [4, 3])
    const [left, top] = toScreen(x + times * Math.SQRT1_2, y + times * Math.SQRT1_2)
    if (toScreen(x + 1, y)[0] - toScreen(x, y)[0] < ROOM_FOR_WORDS) continue
    twice(context, ink, ink.surface, 1, () => context.strokeText(`${times}σ`, left + 8, top))
    context.fillStyle = ink.muted
    context.fillText(`${times}σ`, left + 8, top)
  }
}

function drawPath(context: CanvasRenderingContext2D, path: NonNullable<View['path']>, ink: Ink): void {
  const d = path.from.length
  const places = between(path, CORNERS).map((z) => Array.from(project(z, d, axes.value)) as [number, number])
  twice(context, ink, ink.text, 1.5, () => trace(context, places))
  context.fillStyle = ink.text
  context.font = '600 13px system-ui, sans-serif'
  for (const [letter, place] of [['A', places[0]!], ['B', places.at(-1)!]] as const) {
    const [left, top] = toScreen(...place)
    context.lineWidth = 3
    context.strokeStyle = ink.surface
    context.strokeText(letter, left, top - 4)
    context.fillText(letter, left, top - 4)
  }
}
