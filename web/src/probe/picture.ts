import type { Ink } from '../model/manifest'
import { centreOfMass } from './stroked'

/** A picture in brightness 0..1: one plane for each channel. */
export interface Raster {
  width: number
  height: number
  planes: Float32Array[]
}

/** A place in a picture, in its pixels. */
interface Box {
  left: number
  top: number
  width: number
  height: number
}

/** Between ground and ink lies paper that is not evenly lit; parts of the way from one to the other. */
const PAPER = 0.25
const INKED = 0.75
/** Of the pixels, what may be brighter than the ink, or darker. */
const OUTLIERS = 0.005
/** A picture whose ink differs less from its ground is blank. */
const LEAST = 0.06

/** RGBA on white; grey is the luma of ITU-R 601. */
export function rasterOf(pixels: Uint8ClampedArray, width: number, height: number, channels: number): Raster {
  const planes = Array.from({ length: channels }, () => new Float32Array(width * height))
  for (let i = 0; i < width * height; i++) {
    const alpha = pixels[4 * i + 3]! / 255
    const [r, g, b] = [0, 1, 2].map((c) => 1 + alpha * (pixels[4 * i + c]! / 255 - 1)) as [number, number, number]
    if (channels === 1) planes[0]![i] = 0.299 * r + 0.587 * g + 0.114 * b
    else [r, g, b].forEach((value, c) => (planes[c]![i] = value))
  }
  return { width, height, planes }
}

/** A picture scaled to cover an image, and cropped at its centre: channels one after the other. */
export function covering({ width, height, planes }: Raster, [tall, wide]: [number, number]): Float32Array {
  const scale = Math.min(width / wide, height / tall)
  const box = { left: (width - wide * scale) / 2, top: (height - tall * scale) / 2, width: wide * scale, height: tall * scale }
  return Float32Array.from(planes.flatMap((plane) => [...averaged(plane, width, height, box, wide, tall)]))
}

/** A drawn picture as the training images are: the same ground and ink, as large, at the same place. */
export function asDrawn({ width, height, planes: [plane] }: Raster, [tall, wide]: [number, number], ink: Ink): Float32Array {
  const part = inkIn(plane!, width, height)
  const own = boxAround(part, width, height)
  const image = new Float32Array(tall * wide)
  if (own) {
    const scale = Math.max(own.width, own.height) / ink.longest
    const [y, x] = ink.at
    const at = (down: number, across: number) => averaged(part, width, height, { left: own.left + own.width / 2 - across * scale, top: own.top + own.height / 2 - down * scale, width: wide * scale, height: tall * scale }, wide, tall)
    const first = at(y, x)
    const [mass, sideways] = ink.centre === 'mass' ? centreOfMass(first, wide) : [y, x]
    image.set(ink.centre === 'mass' ? at(2 * y - mass, 2 * x - sideways) : first)
  }
  return image.map((value) => ink.ground + value * (ink.ink - ink.ground))
}

/** How inked each pixel is, 0 to 1: the ground is what most of the rim is, the ink what differs most from it. */
function inkIn(plane: Float32Array, width: number, height: number): Float32Array {
  const rim = Float32Array.from(plane.filter((_, i) => i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1)).sort()
  const ground = rim[Math.floor(rim.length / 2)]!
  const sorted = plane.map((value) => value - ground).sort()
  const [dark, bright] = [sorted[Math.floor(OUTLIERS * sorted.length)]!, sorted[Math.floor((1 - OUTLIERS) * (sorted.length - 1))]!]
  const ink = -dark > bright ? dark : bright
  if (Math.abs(ink) < LEAST) return new Float32Array(plane.length)
  return plane.map((value) => Math.min(1, Math.max(0, ((value - ground) / ink - PAPER) / (INKED - PAPER))))
}

function boxAround(part: Float32Array, width: number, height: number): Box | null {
  let [left, top, right, bottom] = [width, height, 0, 0]
  part.forEach((value, i) => {
    if (value < 0.5) return
    const [x, y] = [i % width, Math.floor(i / width)]
    left = Math.min(left, x)
    right = Math.max(right, x + 1)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y + 1)
  })
  return right > left ? { left, top, width: right - left, height: bottom - top } : null
}

/** The mean over each of `wide` x `tall` parts of a box; outside of the picture there is nothing. */
function averaged(plane: Float32Array, width: number, height: number, box: Box, wide: number, tall: number): Float32Array {
  const across = shares(box.left, box.width, wide, width)
  const down = shares(box.top, box.height, tall, height)
  const image = new Float32Array(wide * tall)
  down.forEach((rows, y) =>
    across.forEach((columns, x) => {
      let sum = 0
      for (const [row, high] of rows) {
        for (const [column, broad] of columns) sum += plane[row * width + column]! * high * broad
      }
      image[y * wide + x] = sum
    }),
  )
  return image
}

/** For each of `count` parts of a line, which pixels lie in it, and with how much of its length. */
function shares(start: number, length: number, count: number, pixels: number): [pixel: number, share: number][][] {
  const step = length / count
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [start + i * step, start + (i + 1) * step]
    const found: [number, number][] = []
    for (let pixel = Math.max(0, Math.floor(from)); pixel < Math.min(pixels, to); pixel++) {
      const share = (Math.min(to, pixel + 1) - Math.max(from, pixel)) / step
      if (share > 0) found.push([pixel, share])
    }
    return found
  })
}
