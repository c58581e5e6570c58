import { useLayoutEffect, useRef } from 'preact/hooks'
import * as store from '../state/store'

export const TOO_BRIGHT = [230, 110, 20] as const
export const TOO_DARK = [50, 120, 225] as const

/** Decoded minus seen, pixel by pixel: orange is too bright, blue too dark. */
export function ErrorMap({ from, to }: { from: Float32Array | null; to: Float32Array | null }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    const about = store.manifest.value
    if (!about) return
    const [channels, height, width] = about.data.shape
    const range = { unit: 1, signed: 2, binary: 1, levels: 255 }[about.data.domain]
    canvas.current!.width = width
    canvas.current!.height = height
    const context = canvas.current!.getContext('2d')!
    const image = context.createImageData(width, height)
    for (let i = 0; from && to && i < width * height; i++) {
      let difference = 0
      for (let c = 0; c < channels; c++) difference += (to[c * width * height + i]! - from[c * width * height + i]!) / (channels * range)
      const part = Math.min(1, Math.abs(difference) * 2)
      const [r, g, b] = difference > 0 ? TOO_BRIGHT : TOO_DARK
      image.data.set([r, g, b, 255 * part], 4 * i)
    }
    if (from && to) context.putImageData(image, 0, 0)
  }, [from, to])
  return <canvas ref={canvas} class="picture" role="img" aria-label="error map: orange where the decoded image is brighter, blue where it is darker" />
}
