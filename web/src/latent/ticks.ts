import { axes } from '../state/plane'
import { fixed } from '../ui/number'
import { covered, pixelsPerUnit, size, stretch, toPlane, toScreen } from './camera'
import type { Ink } from './ink'

/** Length of a tick, in parts of the letters' size. */
const TICK = 0.45
/** Between a tick and its number, likewise. */
const GAP = 0.7
/** Of an axis the last letters, where its name stands. */
const END = 5
/** Letters between two numbers at least. */
const APART = 7

/** 1, 2 or 5 times a power of ten, no less than that: the distance between ticks, the end of an axis. */
export function tickStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10)
}

const text = (value: number, step: number) => fixed(value, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))

/** Numbers along the lower and the left edge of the plane, in units of the code. */
export function drawTicks(context: CanvasRenderingContext2D, { small: letters, muted, surface }: Ink): void {
  const { width, height } = size.value
  const step = tickStep((APART * letters) / (pixelsPerUnit() * Math.max(1, stretch(0, 0))))
  const [left, top] = toPlane(0, 0)
  const [right, bottom] = toPlane(width, height)
  context.font = `${letters}px system-ui, sans-serif`
  context.fillStyle = context.strokeStyle = muted
  context.lineWidth = Math.max(1, letters / 13)
  const tick = TICK * letters
  const { left: under, right: beside, top: above, bottom: below } = covered.value // no number lies under a panel
  const first = under && under + 2 * letters
  context.beginPath()
  context.textBaseline = 'middle'
  const names: [string, number, number, CanvasTextAlign][] = []
  /** Whether a name has room beside those there are: the map may be stretched. */
  const room = (at: number, wide: number, taken: [number, number][]) => taken.every(([other, w]) => Math.abs(other - at) > (w + wide) / 2) && taken.push([at, wide])
  const [across, upwards]: [number, number][][] = [[], []]
  for (let value = Math.ceil(left / step) * step; value <= right; value += step) {
    const [x] = toScreen(value, 0)
    if (x < first + 2 * letters || x > width - beside - END * letters) continue // the name of the axis stands at its end
    context.moveTo(x, height)
    context.lineTo(x, height - tick)
    if (room(x, context.measureText(text(value, step)).width + letters, across!)) names.push([text(value, step), x, height - 1.3 * tick - 0.55 * letters, 'center'])
  }
  if (axes.value.e2) {
    for (let value = Math.ceil(bottom / step) * step; value <= top; value += step) {
      const [, y] = toScreen(0, value)
      if (y < Math.max(4 * letters, above + letters) || y > height - Math.max(2.4 * letters, below + letters)) continue
      context.moveTo(first, y)
      context.lineTo(first + tick, y)
      if (room(y, 1.2 * letters, upwards!)) names.push([text(value, step), first + tick + GAP * letters, y, 'left']) // apart, or a tick is a minus
    }
  }
  context.stroke()
  for (const [words, x, y, align] of names) {
    context.textAlign = align
    context.strokeStyle = surface
    context.lineWidth = letters / 4
    context.strokeText(words, x, y)
    context.fillText(words, x, y)
  }
}
