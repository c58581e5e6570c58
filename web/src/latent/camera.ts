import { computed, signal } from '@preact/signals'
import { positions } from '../state/plane'
import { view } from '../state/view'

/** Size of the latent view in CSS pixels. */
export const size = signal({ width: 0, height: 0 })

const LEAST = 3.2
const QUANTILE = 0.995

/** Half the width that holds nearly all points and the prior's three rings; steady while points move. */
let steady = LEAST
const wanted = computed(() => {
  const distances = positions.value.map(Math.abs).sort()
  const reach = Math.max(LEAST, 1.1 * (distances[Math.floor(QUANTILE * distances.length)] ?? 0))
  if (reach > steady || reach < 0.6 * steady) steady = reach
  return steady
})

/** What of the plane is seen. */
export const camera = computed(() => view.value.camera ?? { x: 0, y: 0, reach: wanted.value })

const pixelsPerUnit = () => Math.max(1, Math.min(size.value.width, size.value.height)) / (2 * camera.value.reach)

export function toScreen(x: number, y: number): [number, number] {
  const s = pixelsPerUnit()
  return [size.value.width / 2 + (x - camera.value.x) * s, size.value.height / 2 - (y - camera.value.y) * s]
}

export function toPlane(left: number, top: number): [number, number] {
  const s = pixelsPerUnit()
  return [camera.value.x + (left - size.value.width / 2) / s, camera.value.y - (top - size.value.height / 2) / s]
}

/** The camera moved by pixels, or zoomed about a place. */
export function panned(dx: number, dy: number): { x: number; y: number; reach: number } {
  const s = pixelsPerUnit()
  return { ...camera.value, x: camera.value.x - dx / s, y: camera.value.y + dy / s }
}

export function zoomed(factor: number, left: number, top: number): { x: number; y: number; reach: number } {
  const [x, y] = toPlane(left, top)
  const reach = Math.min(1e4, Math.max(0.01, camera.value.reach * factor))
  const part = reach / camera.value.reach
  return { x: x + (camera.value.x - x) * part, y: y + (camera.value.y - y) * part, reach }
}
