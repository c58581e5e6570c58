import { change, view } from '../state/view'
import * as store from '../state/store'
import { places, size, spread, whole } from './camera'

export interface Box {
  left: number
  top: number
  right: number
  bottom: number
}

/** Pixels between what is fitted and what bounds it. */
const ROOM = 12
/** What lies over the plane. */
const PANELS = '.float > .panel, .tools > *, .foot > *, .said'

/** All points again: in the middle of the plane, or where some of them lie below panels there, in its largest free part. */
export function fit(): void {
  const points = shownPoints()
  const boxes = panels()
  const { x, y, reach } = whole.value
  const scale = Math.min(size.value.width, size.value.height) / (2 * reach)
  const hidden = points.some(([px, py]) => {
    const left = size.value.width / 2 + (px - x) * scale
    const top = size.value.height / 2 - (py - y) * scale
    return left < 0 || top < 0 || left > size.value.width || top > size.value.height || boxes.some((box) => left > box.left && left < box.right && top > box.top && top < box.bottom)
  })
  change({ camera: hidden ? around(points, boxes) : null })
}

/** The camera that has the points in the part of the plane in which they are largest. */
function around(points: [number, number][], boxes: Box[]) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const { width, height } = size.value
  const wide = Math.max(right - left, 1e-3)
  const tall = Math.max(high - low, 1e-3)
  const free = freest({ left: 0, top: 0, right: width, bottom: height }, boxes, wide, tall)
  const scale = scaleIn(free, wide, tall)
  return {
    x: (left + right) / 2 + (width / 2 - (free.left + free.right) / 2) / scale,
    y: (low + high) / 2 - (height / 2 - (free.top + free.bottom) / 2) / scale,
    reach: Math.min(width, height) / (2 * scale),
  }
}

const scaleIn = ({ left, top, right, bottom }: Box, wide: number, tall: number) => Math.min((right - left - 2 * ROOM) / wide, (bottom - top - 2 * ROOM) / tall)

/** The part of a box that is free of others in which something of a width and a height gets largest. */
export function freest(all: Box, taken: Box[], wide: number, tall: number): Box {
  const between = (least: number, most: number, edges: number[]) => [...new Set([least, most, ...edges.filter((edge) => edge > least && edge < most)])]
  const xs = between(all.left, all.right, taken.flatMap(({ left, right }) => [left, right]))
  const ys = between(all.top, all.bottom, taken.flatMap(({ top, bottom }) => [top, bottom]))
  let best = all
  let most = 0
  for (const left of xs) for (const right of xs) for (const top of ys) for (const bottom of ys) {
    const box = { left, top, right, bottom }
    const scale = scaleIn(box, wide, tall)
    if (scale <= most || taken.some((other) => other.left < right && other.right > left && other.top < bottom && other.bottom > top)) continue
    best = box
    most = scale
  }
  return best
}

function panels(): Box[] {
  const plane = document.getElementById('plane')!.getBoundingClientRect()
  const boxes = [...document.querySelectorAll(PANELS)].map((panel) => panel.getBoundingClientRect())
  return boxes.map(({ left, top, right, bottom }) => ({ left: left - plane.left, top: top - plane.top, right: right - plane.left, bottom: bottom - plane.top }))
}

/** Of the classes that are shown, on the map, but for the few that are far away. */
function shownPoints(): [number, number][] {
  const shown = store.snapshot.value
  const labels = store.images.value?.labels
  if (!shown || !labels) return []
  const found: [number, number][] = []
  for (let i = 0; i < shown.count; i++) {
    const [x, y] = [places.value[2 * i]!, places.value[2 * i + 1]!]
    if (!view.value.hidden.includes(labels[shown.imageOf[i]!]!) && Math.max(Math.abs(x), Math.abs(y)) <= spread.value) found.push([x, y])
  }
  return found
}
