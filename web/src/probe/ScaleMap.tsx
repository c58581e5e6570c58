import { useLayoutEffect, useRef } from 'preact/hooks'
import { unitOf } from '../model/likelihood'
import * as store from '../state/store'
import { fixed } from '../ui/number'

const FULL = [140, 60, 170] as const

/** In the model's units, pixel by pixel: of colours the mean. */
function eachPixel(scale: Float32Array): Float32Array {
  const about = store.manifest.value!
  const [channels, height, width] = about.data.shape
  return Float32Array.from({ length: height * width }, (_, i) => {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += scale[c * height * width + i]!
    return (sum * unitOf(about)) / channels
  })
}

const ends = (each: Float32Array) => [Math.min(...each), Math.max(...each)] as const
const words = (value: number) => fixed(value, value < 0.1 ? 3 : value < 10 ? 2 : 0)

/** The scale of each pixel in p(x|z): empty where it is least, of full colour where it is largest. */
export function ScaleMap({ scale, testid }: { scale: Float32Array; testid?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const each = eachPixel(scale)
  const [least, most] = ends(each)
  useLayoutEffect(() => {
    const [, height, width] = store.manifest.value!.data.shape
    canvas.current!.width = width
    canvas.current!.height = height
    const context = canvas.current!.getContext('2d')!
    const image = context.createImageData(width, height)
    each.forEach((value, i) => image.data.set([...FULL, most > least ? (255 * (value - least)) / (most - least) : 0], 4 * i))
    context.putImageData(image, 0, 0)
  }, [scale])
  return <canvas ref={canvas} class="picture" data-testid={testid} role="img" aria-label={`scale of each pixel, ${words(least)} to ${words(most)}`} />
}

/** What its colours mean. */
export function ScaleBar({ scale }: { scale: Float32Array }) {
  const [least, most] = ends(eachPixel(scale)).map(words)
  return (
    <span class="ramp numbers" data-about="The scale of each pixel in p(x|z), which the decoder gives beside the mean, in units of the pixels: the fuller the colour, the less certain the pixel">
      {least}<i style={{ background: `linear-gradient(to right, transparent, rgb(${FULL.join(' ')}))` }} />{most}
    </span>
  )
}
