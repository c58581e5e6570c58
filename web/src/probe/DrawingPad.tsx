import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { announce } from '../state/actions'
import { change, view } from '../state/view'
import { ink, SIDE } from './probe'

const PEN = 22

/** Where a digit is drawn, white on black as MNIST has them. */
export function DrawingPad() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef<[number, number] | null>(null)
  const context = () => canvas.current!.getContext('2d', { willReadFrequently: true })!
  useLayoutEffect(
    () =>
      effect(() => {
        if (ink.value.every((value) => value === 0)) context().clearRect(0, 0, SIDE, SIDE)
      }),
    [],
  )
  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect()
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height]
  }
  const stroke = (event: PointerEvent) => {
    if (!last.current) return
    const pen = context()
    const to = at(event)
    pen.strokeStyle = '#fff'
    pen.lineWidth = PEN
    pen.lineCap = 'round'
    pen.beginPath()
    pen.moveTo(...last.current)
    pen.lineTo(...to)
    pen.stroke()
    last.current = to
    const { data } = pen.getImageData(0, 0, SIDE, SIDE)
    ink.value = Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i + 3]! / 255)
    if (view.value.probe?.kind !== 'drawing') change({ probe: { kind: 'drawing' } })
  }
  const begin = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId)
    last.current = at(event)
    stroke(event)
  }
  const end = () => {
    last.current = null
    announce('drawing encoded')
  }
  return (
    <canvas ref={canvas} class="pad" width={SIDE} height={SIDE} data-testid="pad" role="img" aria-label="Drawing pad; without a pointer, choose a test image by its number"
      onPointerDown={begin} onPointerMove={stroke} onPointerUp={end} onPointerCancel={end} />
  )
}
