import { useLayoutEffect, useRef } from 'preact/hooks'
import { evidence } from '../evidence/evidence'
import { type Ink, readInk, rgb } from '../latent/ink'
import { shapeOf } from '../latent/posterior'
import { axes, positions, project } from '../state/plane'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { fixed } from '../ui/number'
import { marks } from '../probe/probe'
import { classColour } from '../ui/palette'
import { type Fall, falling } from './fall'
import { type Journey, passing } from './journey'

const SIDE = 160
/** Standard deviations from the middle to the edge; and the widest and narrowest window, in units of z. */
const AROUND = 3.6
const WIDEST = 3.6
const NARROWEST = 0.3
const MOST_ROWS = 16

/** A canvas of fixed size that is drawn anew with what it shows. */
function useDrawing(draw: (context: CanvasRenderingContext2D, ink: Ink) => void, deps: unknown[]) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')!
    context.clearRect(0, 0, SIDE, SIDE)
    draw(context, readInk())
  }, [...deps, now])
  return canvas
}

/** q(z|x) seen in the plane, close by: its density, one and two standard deviations, and the codes of other images around it. */
export function Cloud({ journey }: { journey: Journey }) {
  const { loc, scale, z } = journey
  const onWay = wayOf(journey)
  const canvas = useDrawing((context, ink) => {
    const d = loc.length
    const { mean: [x, y], ellipse, dots } = shapeOf(journey, axes.value)
    const [a, b, c] = ellipse ?? [scale[0]!, 0, scale[1] ?? scale[0]!]
    const reach = Math.min(WIDEST, Math.max(NARROWEST, AROUND * Math.max(a, Math.hypot(b, c))))
    const place = (px: number, py: number): [number, number] => [SIDE / 2 + ((px - x) / reach) * (SIDE / 2), SIDE / 2 - ((py - y) / reach) * (SIDE / 2)]
    drawNeighbours(context, ink, place)
    const unit = SIDE / 2 / reach
    if (dots && !ellipse) {
      context.fillStyle = ink.text
      context.globalAlpha = 0.6
      for (let i = 0; i < dots.length; i += 2) {
        const [left, top] = place(dots[i]!, dots[i + 1]!)
        context.fillRect(left - 1, top - 1, 2, 2)
      }
      context.globalAlpha = 1
    }
    if (ellipse) drawEllipses(context, ink, unit, ellipse)
    evidence.value?.contours.forEach((segments, i) => {
      context.strokeStyle = ink.exact
      context.lineWidth = 2.5 - 0.5 * i
      context.beginPath()
      for (const segment of segments) {
        const [x1, y1, x2, y2] = project(segment, 2, axes.value)
        context.moveTo(...place(x1!, y1!))
        context.lineTo(...place(x2!, y2!))
      }
      context.stroke()
    })
    const onPlane = (code: number[]) => place(...(project(code, d, axes.value) as unknown as [number, number]))
    for (const mark of drawnMarks(journey)) faint(context, ink, ...onPlane(mark))
    if (onWay?.carried) dot(context, ink, ...onPlane(landed({ ...onWay, epsilon: onWay.epsilon.map((entry) => onWay.carried * entry) })), 7)
    else if (journey.drawn && !onWay) dot(context, ink, ...onPlane(z), 7)
  }, [journey, axes.value, onWay, marks.value, evidence.value])
  return <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`The posterior of this image: mean ${words(loc)}, standard deviation ${words(scale)}`} />
}

/** The density of a normal posterior, and one and two of its standard deviations. */
function drawEllipses(context: CanvasRenderingContext2D, ink: Ink, unit: number, [a, b, tall]: [number, number, number]): void {
  const c = tall || a // a code of one dimension has no height
  context.save()
  context.transform(a * unit, -b * unit, 0, -c * unit, SIDE / 2, SIDE / 2)
  const [r, g, bl] = rgb(ink.text)
  const cloud = context.createRadialGradient(0, 0, 0, 0, 0, 3)
  for (let t = 0; t <= 1; t += 0.1) cloud.addColorStop(t, `rgb(${r} ${g} ${bl} / ${0.5 * Math.exp(-0.5 * (3 * t) ** 2)})`)
  context.fillStyle = cloud
  context.beginPath()
  context.arc(0, 0, 3, 0, 2 * Math.PI)
  context.fill()
  context.restore()
  context.strokeStyle = ink.text
  context.lineWidth = 2
  for (const times of [1, 2]) {
    context.globalAlpha = 1 / times
    context.beginPath()
    for (let i = 0; i <= 64; i++) {
      const [cos, sin] = [Math.cos((i / 32) * Math.PI), Math.sin((i / 32) * Math.PI)]
      context.lineTo(SIDE / 2 + times * a * cos * unit, SIDE / 2 - times * (b * cos + c * sin) * unit)
    }
    context.stroke()
  }
  context.globalAlpha = 1
}

function drawNeighbours(context: CanvasRenderingContext2D, ink: Ink, place: (x: number, y: number) => [number, number]): void {
  const shown = store.snapshot.peek()
  const images = store.images.peek()
  if (!shown || !images) return
  const all = positions.peek()
  context.globalAlpha = 0.45
  for (let i = 0; i < shown.count; i++) {
    const [left, top] = place(all[2 * i]!, all[2 * i + 1]!)
    if (left < 0 || top < 0 || left > SIDE || top > SIDE) continue
    context.fillStyle = classColour(images.labels[shown.imageOf[i]!]!, store.manifest.peek()!.data.classes.length, ink.dark)
    context.fillRect(left - 2, top - 2, 4, 4)
  }
  context.globalAlpha = 1
}

/** The code, one row for each of its numbers: the posterior's mean and standard deviation, and what was drawn from it. */
export function Code({ journey }: { journey: Journey }) {
  const { loc, scale, z } = journey
  const onWay = wayOf(journey)
  const canvas = useDrawing((context, ink) => {
    const rows = Math.min(MOST_ROWS, loc.length)
    const reach = Math.max(3.5, ...Array.from(loc, Math.abs), ...z.map(Math.abs), ...(onWay ? [...onWay.epsilon, ...landed(onWay)].map(Math.abs) : [])) * 1.08
    const high = SIDE / rows
    const across = (value: number) => SIDE / 2 + (value / reach) * (SIDE / 2 - 6)
    const old = drawnMarks(journey)
    context.strokeStyle = ink.line
    context.lineWidth = 2
    context.beginPath()
    context.moveTo(SIDE / 2, 0)
    context.lineTo(SIDE / 2, SIDE)
    context.stroke()
    for (let k = 0; k < rows; k++) {
      const middle = (k + 0.5) * high
      const thick = Math.min(0.36 * high, 16)
      context.fillStyle = ink.line
      context.fillRect(6, middle - 1, SIDE - 12, 2)
      context.fillStyle = ink.muted
      context.globalAlpha = 0.55
      context.fillRect(across(loc[k]! - 2 * scale[k]!), middle - thick / 2, Math.max(2, across(4 * scale[k]!) - across(0)), thick)
      context.globalAlpha = 1
      for (const mark of old) faint(context, ink, across(mark[k]!), middle)
      const above = onWay ? drawBell(context, ink, onWay, k, across, middle, 0.46 * high) : 0
      dot(context, ink, across(onWay ? at(onWay)[k]! : z[k]!), middle - above, Math.min(8, Math.max(4, 0.3 * high)))
    }
  }, [journey, onWay, marks.value])
  return <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`The code z: ${words(z)}`} />
}

/** The draw that is on its way, where it is of this image. */
export const wayOf = (journey: Journey): Fall | null => (passing.value === null && falling.value?.loc.length === journey.loc.length ? falling.value : null)

const drawnMarks = (journey: Journey) => (passing.value === null ? marks.value.filter((mark) => mark.length === journey.loc.length && mark !== journey.z) : [])

/** Where epsilon ends. */
export const landed = ({ loc, scale, epsilon }: Fall) => epsilon.map((entry, k) => loc[k]! + scale[k]! * entry)

/** Where it is: at epsilon until it is carried to mu + sigma epsilon. */
const at = (way: Fall) => landed(way).map((end, k) => way.epsilon[k]! + way.carried * (end - way.epsilon[k]!))

/** The curve of N(0, 1), which becomes that of N(mu, sigma^2) while epsilon is carried; returns how high above the line epsilon is. */
function drawBell(context: CanvasRenderingContext2D, ink: Ink, { loc, scale, epsilon, fallen, carried }: Fall, k: number, across: (value: number) => number, middle: number, tall: number): number {
  const [mean, deviation] = [carried * loc[k]!, 1 + carried * (scale[k]! - 1)]
  context.strokeStyle = ink.text
  context.lineWidth = 2
  context.globalAlpha = 0.7
  context.beginPath()
  for (let t = -3.5; t <= 3.5; t += 0.125) context.lineTo(across(mean + deviation * t), middle - tall * Math.exp(-0.5 * t * t))
  context.stroke()
  context.globalAlpha = 1
  return (1 - fallen) * tall * Math.exp(-0.5 * epsilon[k]! ** 2)
}

/** Where a draw before has ended. */
function faint(context: CanvasRenderingContext2D, ink: Ink, x: number, y: number): void {
  context.globalAlpha = 0.45
  context.fillStyle = ink.text
  context.beginPath()
  context.arc(x, y, 3.5, 0, 2 * Math.PI)
  context.fill()
  context.globalAlpha = 1
}

function dot(context: CanvasRenderingContext2D, ink: Ink, x: number, y: number, radius: number): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fillStyle = ink.accent
  context.strokeStyle = ink.surface
  context.lineWidth = 3
  context.stroke()
  context.fill()
}

/** Its first numbers. */
export function words(numbers: ArrayLike<number>, most = 2): string {
  const first = Array.from({ length: Math.min(most, numbers.length) }, (_, k) => fixed(numbers[k]!, 2))
  return `${first.join(', ')}${numbers.length > most ? ', …' : ''}`
}
