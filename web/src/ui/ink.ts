import { computed } from '@preact/signals'
import { paint } from '../model/pixels'
import type { Manifest } from '../model/manifest'
import type { Images } from '../state/store'
import { theme } from '../state/theme'
import { readInk, rgb } from '../latent/ink'

type Rgb = [number, number, number]

let known: { of: Images; dark: boolean } | null = null

/** Whether grey images are bright strokes on a dark ground, judged by the rims of the test images. */
function brightOnDark(images: Images, about: Manifest): boolean {
  if (known?.of === images) return known.dark
  const [, height, width] = about.data.shape
  let sum = 0
  let count = 0
  for (let i = 0; i < images.count; i += Math.max(1, Math.floor(images.count / 200))) {
    const top = Math.floor(i / images.columns) * height
    const left = (i % images.columns) * width
    for (let x = 0; x < width; x++) {
      for (const y of [0, height - 1]) {
        sum += images.pixels[4 * ((top + y) * images.width + left + x)]!
        count++
      }
    }
  }
  known = { of: images, dark: sum < 127 * count }
  return known.dark
}

/** Ink on the page's own paper: grey images are strokes of the text's colour, of an opacity that is their brightness (or darkness); coloured ones stay as they are. */
export function paintInk(x: Float32Array, offset: number, about: Manifest, images: Images | null, into: Uint8ClampedArray): void {
  paint(x, offset, about.data.shape, about.data.domain, into)
  if (about.data.shape[0] !== 1) return
  const bright = images === null || brightOnDark(images, about)
  const ink = inkOfPage.value
  for (let i = 0; i < into.length; i += 4) {
    into[i + 3] = bright ? into[i]! : 255 - into[i]!
    into[i] = ink[0]
    into[i + 1] = ink[1]
    into[i + 2] = ink[2]
  }
}

let inked: { of: Images; theme: string; atlas: HTMLCanvasElement } | null = null

/** The atlas of test images, grey ones in ink on paper. */
export function atlasInInk(images: Images, about: Manifest): HTMLCanvasElement {
  if (about.data.shape[0] !== 1) return images.atlas
  if (inked?.of === images && inked.theme === theme.value) return inked.atlas
  const { width, height } = images.atlas
  const atlas = document.createElement('canvas')
  atlas.width = width
  atlas.height = height
  const context = atlas.getContext('2d')!
  const image = context.createImageData(width, height)
  const bright = brightOnDark(images, about)
  const ink = inkOfPage.value
  const paper = rgb(readInk().surface)
  for (let i = 0; i < image.data.length; i += 4) {
    const part = (bright ? images.pixels[i]! : 255 - images.pixels[i]!) / 255
    for (let k = 0; k < 3; k++) image.data[i + k] = paper[k]! + part * (ink[k]! - paper[k]!)
    image.data[i + 3] = 255
  }
  context.putImageData(image, 0, 0)
  inked = { of: images, theme: theme.value, atlas }
  return atlas
}

/** Asked of the styles once for each theme, not for each picture. */
const inkOfPage = computed<Rgb>(() => {
  void theme.value
  return rgb(readInk().text)
})
