import { effect, type ReadonlySignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { paint } from '../model/pixels'
import * as store from '../state/store'

/** A decoded image that follows its signal without a new rendering. */
export function Picture({ of, side, testid, label }: { of: ReadonlySignal<{ x: Float32Array } | null>; side: number; testid?: string; label?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(
    () =>
      effect(() => {
        const shown = of.value
        if (canvas.current) draw(canvas.current, shown?.x ?? null)
      }),
    [of],
  )
  return <canvas ref={canvas} class="picture" style={{ width: `${side}px`, height: `${side}px` }} data-testid={testid} role="img" aria-label={label ?? 'decoded image'} />
}

/** An image that is there already. */
export function Still({ x, side, testid, label }: { x: Float32Array | null; side: number; testid?: string; label?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => draw(canvas.current!, x), [x])
  return <canvas ref={canvas} class="picture" style={{ width: `${side}px`, height: `${side}px` }} data-testid={testid} role="img" aria-label={label ?? 'image'} />
}

function draw(canvas: HTMLCanvasElement, x: Float32Array | null): void {
  const about = store.manifest.value
  if (!about) return
  const [, height, width] = about.data.shape
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  const context = canvas.getContext('2d')!
  if (x === null) {
    context.clearRect(0, 0, width, height)
    return
  }
  const image = context.createImageData(width, height)
  paint(x, 0, about.data.shape, about.data.domain, image.data)
  context.putImageData(image, 0, 0)
}
