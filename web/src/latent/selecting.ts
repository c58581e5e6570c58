import { layers } from '../state/layers'
import { positions } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { size, toScreen } from './camera'

const PICK_PIXELS = 8

/** Every code whose class is shown, with its place on the screen. */
function* visible(): Generator<{ image: number; left: number; top: number }> {
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return
  const hidden = new Set(view.value.hidden)
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    if (hidden.has(images.labels[image]!)) continue
    const [left, top] = toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    yield { image, left, top }
  }
}

/** Images whose codes lie inside an outline, by the even-odd rule. */
export function inside(outline: [number, number][]): number[] {
  const found: number[] = []
  for (const { image, left, top } of visible()) {
    let within = false
    for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
      const [ax, ay] = outline[a]!
      const [bx, by] = outline[b]!
      if (ay > top !== by > top && left < ((bx - ax) * (top - ay)) / (by - ay) + ax) within = !within
    }
    if (within) found.push(image)
  }
  return found
}

/** The test image whose point is under the pointer, if one is. */
export function nearest(x: number, y: number, within = PICK_PIXELS): number | null {
  const { points, thumbs, glyphs } = layers.value
  if (!points && !thumbs && !glyphs) return null
  let best: number | null = null
  let least = within
  for (const { image, left, top } of visible()) {
    const distance = Math.hypot(left - x, top - y)
    if (distance < least) {
      least = distance
      best = image
    }
  }
  return best
}

/** All images whose points are in sight. */
export function inSight(): number[] {
  const { width, height } = size.value
  return Array.from(visible()).filter(({ left, top }) => left >= 0 && top >= 0 && left <= width && top <= height).map(({ image }) => image)
}

/** The images whose points are nearest to a place of the plane. */
export function nearestTo(x: number, y: number, count: number): number[] {
  const [atLeft, atTop] = toScreen(x, y)
  const away = ({ left, top }: { left: number; top: number }) => Math.hypot(left - atLeft, top - atTop)
  return Array.from(visible()).sort((a, b) => away(a) - away(b)).slice(0, count).map(({ image }) => image)
}
