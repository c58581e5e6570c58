import { useLayoutEffect, useRef } from 'preact/hooks'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { paintInk } from '../ui/ink'
import { patches, patchOf } from './codebook'

/** What an entry stands for: the mean of the images where it is used; empty where it is not. */
export function Patch({ entry }: { entry: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  const patch = patches.value[entry] ?? null
  useLayoutEffect(() => {
    const about = store.manifest.value
    if (!about?.codebook) return
    const { height, width } = patchOf(0)
    canvas.current!.width = width
    canvas.current!.height = height
    if (patch?.length !== about.data.shape[0] * height * width) return
    const context = canvas.current!.getContext('2d')!
    const image = context.createImageData(width, height)
    paintInk(patch, 0, { ...about, data: { ...about.data, shape: [about.data.shape[0], height, width] } }, store.images.value, image.data)
    context.putImageData(image, 0, 0)
  }, [patch, now])
  return <canvas ref={canvas} class="patch" aria-hidden="true" />
}
