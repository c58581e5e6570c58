import { positions } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { toScreen } from './camera'

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
export function nearest(x: number, y: number): number | null {
  const { points, thumbs, glyphs } = view.value.layers
  if (!points && !thumbs && !glyphs) return null
  let best: number | null = null
  let least = PICK_PIXELS
  for (const { image, left, top } of visible()) {
    const distance = Math.hypot(left - x, top - y)
    if (distance < least) {
      least = distance
      best = image
    }
  }
  return best
}
