import { effect, type ReadonlySignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { paintInk } from './ink'

/** A decoded image that follows its signal without a new rendering. */
export function Picture({ of, testid, label }: { of: ReadonlySignal<{ x: Float32Array } | null>; testid?: string; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => effect(() => draw(canvas.current!, of.value?.x ?? null)), [of])
  return <canvas ref={canvas} class="picture" data-testid={testid} role="img" aria-label={label} />
}

/** An image that is there already. */
export function Still({ x, testid, label }: { x: Float32Array | null; testid?: string; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  useLayoutEffect(() => draw(canvas.current!, x), [x, now]) // in the same frame
  return <canvas ref={canvas} class="picture" data-testid={testid} role="img" aria-label={label} />
}

function draw(canvas: HTMLCanvasElement, x: Float32Array | null): void {
  const about = store.manifest.value
  if (!about) return
  const [channels, height, width] = about.data.shape
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  const context = canvas.getContext('2d')!
  if (x?.length !== channels * height * width) {
    context.clearRect(0, 0, width, height) // nothing, or of another run
    return
  }
  const image = context.createImageData(width, height)
  paintInk(x, 0, about, store.images.value, image.data)
  context.putImageData(image, 0, 0)
}
