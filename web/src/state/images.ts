import type { Manifest } from '../model/manifest'
import { fromByte } from '../model/pixels'
import * as store from './store'

/** The atlas as pixels. */
export async function loadImages(manifest: Manifest, labels: Uint8Array, address: string): Promise<store.Images> {
  const picture = new Image()
  picture.src = address
  await picture.decode().catch(() => {
    throw new Error('The atlas of test images (thumbs.png) is damaged; delete the folder `explorer` of the run to have it made anew.')
  })
  const atlas = document.createElement('canvas')
  atlas.width = picture.naturalWidth
  atlas.height = picture.naturalHeight
  const context = atlas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(picture, 0, 0)
  if (labels.length !== manifest.images.count) throw new Error('The labels do not fit the manifest; export the run again.')
  const { data } = context.getImageData(0, 0, atlas.width, atlas.height)
  if (address.startsWith('blob:')) URL.revokeObjectURL(address)
  return { count: manifest.images.count, labels, pixels: data, width: atlas.width, atlas, columns: manifest.images.columns }
}

/** A test image in the pixels' domain, channels first. */
export function pixelsOf(index: number): Float32Array {
  const { data } = store.manifest.value!
  const { pixels, width: wide, columns } = store.images.value!
  const [channels, height, width] = data.shape
  const x = new Float32Array(channels * height * width)
  const top = Math.floor(index / columns) * height
  const left = (index % columns) * width
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        x[(c * height + row) * width + column] = fromByte(pixels[4 * ((top + row) * wide + left + column) + c]!, data.domain)
      }
    }
  }
  return x
}
