import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Ink } from '../model/manifest'
import { announce } from '../state/actions'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { dropped, penOf, SIDE, strokes } from './probe'
import type { Point } from './stroked'

const PEN = 22
const shade = (brightness: number) => `rgb(${[0, 0, 0].fill(Math.round(255 * brightness)).join()})`

/** Where one draws, in ink and on ground of the brightness that the training images have. */
export function DrawingPad() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawing = useRef(false)
  useLayoutEffect(
    () =>
      effect(() => {
        if (!store.manifest.value) return
        paint(canvas.current!, strokes.value, penOf(store.manifest.value))
        if (dropped.value) paintPicture(canvas.current!, dropped.value)
        canvas.current!.classList.toggle('own', dropped.value !== null)
      }),
    [],
  )
  const at = (event: PointerEvent): Point => {
    const box = canvas.current!.getBoundingClientRect()
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height]
  }
  const put = (before: Point[][], stroke: Point[]) => {
    strokes.value = [...before, stroke]
    if (view.value.probe?.kind !== 'drawing') change({ probe: { kind: 'drawing' } })
  }
  const begin = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId)
    drawing.current = true
    dropped.value = null
    put(strokes.value, [at(event)])
  }
  const move = (event: PointerEvent) => {
    if (drawing.current) put(strokes.value.slice(0, -1), [...(strokes.value.at(-1) ?? []), at(event)])
  }
  const end = () => {
    if (drawing.current) announce('drawing encoded')
    drawing.current = false
  }
  return (
    <canvas ref={canvas} class="pad" width={SIDE} height={SIDE} data-testid="pad" role="img" aria-label="Drawing pad; without a pointer, choose a test image by its number"
      onPointerDown={begin} onPointerMove={move} onPointerUp={end} onPointerCancel={end} />
  )
}

/** All of it, in the middle. */
function paintPicture(canvas: HTMLCanvasElement, picture: HTMLCanvasElement): void {
  const scale = SIDE / Math.max(picture.width, picture.height)
  const [width, height] = [picture.width * scale, picture.height * scale]
  canvas.getContext('2d')!.clearRect(0, 0, SIDE, SIDE)
  canvas.getContext('2d')!.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height)
}

function paint(canvas: HTMLCanvasElement, drawn: Point[][], ink: Ink): void {
  const context = canvas.getContext('2d')!
  context.fillStyle = shade(ink.ground)
  context.fillRect(0, 0, SIDE, SIDE)
  context.strokeStyle = shade(ink.ink)
  context.lineWidth = PEN
  context.lineCap = context.lineJoin = 'round'
  for (const stroke of drawn) {
    context.beginPath()
    stroke.forEach(([x, y]) => context.lineTo(x, y))
    if (stroke.length === 1) context.lineTo(...stroke[0]!)
    context.stroke()
  }
}
