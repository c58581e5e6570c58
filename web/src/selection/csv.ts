import { codeOf, indexOf } from '../state/actions'
import * as store from '../state/store'
import type { Cells } from '../ui/Save'

/** Of images of the bundle: index in the split, class, and where there is a code its loc and scale. */
export function codesOf(images: number[]): Cells {
  const { latent: d, data } = store.manifest.value!
  const names = (what: string) => Array.from({ length: d }, (_, k) => `${what}_${k + 1}`)
  const rows = images.map((image) => {
    const code = codeOf(image)
    return [indexOf(image), data.classes[store.images.value!.labels[image]!] ?? '', ...(code ? [...code.loc, ...code.scale] : new Array<string>(2 * d).fill(''))]
  })
  return [['index', 'class', ...names('loc'), ...names('scale')], ...rows]
}

/** Decoded images in lines: their codes, and their pixels in the data's domain, channels first. */
export function imagesOf(decoded: { z: ArrayLike<number>; x: Float32Array }[]): Cells {
  const names = (what: string, count = 0) => Array.from({ length: count }, (_, k) => `${what}_${k + 1}`)
  return [[...names('z', decoded[0]?.z.length), ...names('x', decoded[0]?.x.length)], ...decoded.map(({ z, x }) => [...Array.from(z), ...x])]
}
