import { computed, effect, signal, untracked } from '@preact/signals'
import { axes, positions, project } from '../state/plane'
import { manifest } from '../state/store'
import { type Camera, view } from '../state/view'
import { eased } from './motion'
import { cdf, density, quantile } from './normal'

/** Size of the latent view in CSS pixels. */
export const size = signal({ width: 0, height: 0 })

const LEAST = 3.3
const STEP = 1.25
const QUANTILE = 0.995
const WHOLE_MAP = 1.04
/** Probabilities nearer to 0 and 1 lie on the map's edge. */
const EDGE = 1e-6

/** Where the prior's mean lies in the plane. */
export const centre = computed(() => {
  const d = axes.value.e1.length
  const [x, y] = project(new Float64Array(d), d, axes.value)
  return { x: x!, y: y! }
})

const even = computed(() => view.value.scale === 'cdf')

/**
 * The map of the plane: the plane as it is, or each coordinate by its probability under the prior N(0, 1), from -1 to 1,
 * so that the prior covers a square evenly.
 */
const onMap = (value: number, middle: number) => (even.value ? 2 * cdf(value - middle) - 1 : value)
const offMap = (place: number, middle: number) => (even.value ? middle + quantile(Math.min(1 - EDGE, Math.max(EDGE, (place + 1) / 2))) : place)

/** How much wider the map is than the plane at a coordinate. */
export function stretch(value: number, middle: number): number {
  return even.value ? 2 * density(value - middle) : 1
}

/** Places of the snapshot's codes on the map: x and y one after the other. */
export const places = computed(() => {
  if (!even.value) return positions.value
  const { x, y } = centre.value
  return positions.value.map((value, i) => onMap(value, i % 2 ? y : x))
})

/** Half the width that holds nearly all points and the prior's three rings; in steps, so that it is quiet while points move. */
let steady = LEAST
export const spread = computed(() => {
  const distances = positions.value.map(Math.abs).sort()
  const reach = Math.max(LEAST, 1.05 * (distances[Math.floor(QUANTILE * distances.length)] ?? 0))
  if (reach > steady || reach < steady / STEP ** 2) steady = LEAST * STEP ** Math.ceil(Math.log(reach / LEAST) / Math.log(STEP) - 1e-9)
  return steady
})

/** What the pages of a comparison show at least, so that all show the same; 0: this page stands alone. */
export const joint = signal(0)

export type Side = 'left' | 'right' | 'top' | 'bottom'

/** Pixels of each side that panels lie over. */
export const covered = signal<Record<Side, number>>({ left: 0, right: 0, top: 0, bottom: 0 })

export function cover(side: Side, pixels: number): void {
  if (covered.peek()[side] !== pixels) covered.value = { ...covered.peek(), [side]: pixels }
}

/** All of the map in the middle of what no panel covers. */
export const whole = computed<Camera>(() => {
  const { left, right, top, bottom } = covered.value
  const { width, height } = size.value
  const reach = even.value ? WHOLE_MAP : Math.max(spread.value, joint.value)
  const seen = Math.max(1, Math.min(width, height))
  const part = seen / Math.max(1, Math.min(width - left - right, height - top - bottom))
  return { x: ((right - left) / seen) * reach * part, y: ((top - bottom) / seen) * reach * part, reach: reach * part }
})

/** What of the map is to be seen. */
const wanted = computed<Camera>(() => view.value.camera ?? whole.value)

/** What of it is seen: on its way there where it moves by itself. */
export const camera = signal<Camera>(wanted.peek())

/** Whether the camera moves by itself now. */
export const gliding = signal(false)

const GLIDE = 200

/** The camera follows what is wanted: at once under the hand, else in a glide. */
export function keepCamera(): () => void {
  let frame = 0
  let by: Camera | null = null
  let run: unknown = null
  let map: unknown = null
  return effect(() => {
    const to = wanted.value
    const { camera: chosen, scale } = view.value
    const shown = size.value.width > 0 && positions.value.length > 0
    cancelAnimationFrame(frame)
    const byHand = chosen !== null && by !== null
    const still = !shown || run !== manifest.peek() || map !== scale || matchMedia('(prefers-reduced-motion: reduce)').matches
    by = chosen
    run = shown ? manifest.peek() : null
    map = scale
    const from = untracked(() => camera.value)
    if (byHand || still || document.hidden) {
      gliding.value = false
      camera.value = to
      return
    }
    if (from.x === to.x && from.y === to.y && from.reach === to.reach) return
    const began = performance.now()
    gliding.value = true
    const step = () => {
      const t = eased((performance.now() - began) / GLIDE)
      const mix = (a: number, b: number) => (t === 1 ? b : a + t * (b - a))
      camera.value = { x: mix(from.x, to.x), y: mix(from.y, to.y), reach: mix(from.reach, to.reach) }
      if (t < 1) frame = requestAnimationFrame(step)
      else gliding.value = false
    }
    frame = requestAnimationFrame(step)
  })
}

export const pixelsPerUnit = () => Math.max(1, Math.min(size.value.width, size.value.height)) / (2 * camera.value.reach)

export function toScreen(x: number, y: number): [number, number] {
  const s = pixelsPerUnit()
  const { x: cx, y: cy } = centre.value
  return [size.value.width / 2 + (onMap(x, cx) - camera.value.x) * s, size.value.height / 2 - (onMap(y, cy) - camera.value.y) * s]
}

export function toPlane(left: number, top: number): [number, number] {
  const [x, y] = toMap(left, top)
  return [offMap(x, centre.value.x), offMap(y, centre.value.y)]
}

function toMap(left: number, top: number): [number, number] {
  const s = pixelsPerUnit()
  return [camera.value.x + (left - size.value.width / 2) / s, camera.value.y - (top - size.value.height / 2) / s]
}

/** Whether there is a place of the plane at all; beyond the edge of probability there is none. */
export function hasPlace(left: number, top: number): boolean {
  return !even.value || toMap(left, top).every((value) => Math.abs(value) < 1)
}

/** The camera moved by pixels, or zoomed about a place. */
export function panned(dx: number, dy: number): Camera {
  const s = pixelsPerUnit()
  return { ...camera.value, x: camera.value.x - dx / s, y: camera.value.y + dy / s }
}

export function zoomed(factor: number, left = size.value.width / 2, top = size.value.height / 2): Camera {
  const [x, y] = toMap(left, top)
  const reach = Math.min(1e4, Math.max(0.01, camera.value.reach * factor))
  const part = reach / camera.value.reach
  return { x: x + (camera.value.x - x) * part, y: y + (camera.value.y - y) * part, reach }
}
