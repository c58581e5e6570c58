import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { paintInk } from './ink'

/** Part of an image's side that is left free between images. */
const GAP = 1 / 14

/** Images in rows on one canvas, which costs a browser less than one for each; `children` lie over them in the same columns. */
export function Sheet({ images, columns, testid, children }: { images: Float32Array[]; columns: number; testid: string; children: ComponentChildren }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  useLayoutEffect(() => draw(canvas.current!, images, columns), [images, columns, now])
  return (
    <div class="sheet" data-testid={testid}>
      <canvas ref={canvas} aria-hidden="true" />
      <div class="over" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>{children}</div>
    </div>
  )
}

function draw(canvas: HTMLCanvasElement, images: Float32Array[], columns: number): void {
  const about = store.manifest.value
  if (!about) return
  const [channels, height, width] = about.data.shape
  const across = width + Math.max(1, Math.round(width * GAP))
  const down = height + Math.max(1, Math.round(height * GAP))
  canvas.width = columns * across
  canvas.height = Math.max(1, Math.ceil(images.length / columns)) * down
  const context = canvas.getContext('2d')!
  const cell = context.createImageData(width, height)
  images.forEach((x, i) => {
    if (x.length !== channels * height * width) return // of another run
    paintInk(x, 0, about, store.images.value, cell.data)
    context.putImageData(cell, (i % columns) * across, Math.floor(i / columns) * down)
  })
}
