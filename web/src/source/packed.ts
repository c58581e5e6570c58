import { BundleError, type Packed, type Weights } from '../model/manifest'
import { fromHalf } from '../model/float16'

/** Numbers of two bytes that were written as all low bytes, then all high ones, by raw deflate. */
export async function inflated(content: ArrayBuffer): Promise<ArrayBuffer> {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  const halves = new Uint8Array(
    await new Response(stream).arrayBuffer().catch(() => {
      throw new BundleError('A file of the bundle is damaged and its numbers do not fit the manifest; export the run again.')
    }),
  )
  const count = halves.length / 2
  const bytes = new Uint8Array(halves.length)
  for (let i = 0; i < count; i++) {
    bytes[2 * i] = halves[i]!
    bytes[2 * i + 1] = halves[count + i]!
  }
  return bytes.buffer
}

/** Read once; what failed is read again when it is asked for again. */
export function remembered<T>(read: (index: number) => Promise<T>): (index: number) => Promise<T> {
  const known = new Map<number, Promise<T>>()
  return (index) => {
    const found = known.get(index) ?? read(index)
    known.set(index, found)
    found.catch(() => known.delete(index))
    return found
  }
}

/**
 * The weights of all kept steps: those of the last as they are, each one before it by its differences from the next.
 *
 * @param read the content of a step's file
 */
export function unpacked({ order, tensors, units }: Packed, read: (index: number) => Promise<ArrayBuffer>): (index: number) => Promise<Weights> {
  const get = remembered(async (index): Promise<Float32Array> => {
    const place = order.indexOf(index)
    if (place === 0) return fromHalf(await inflated(await read(index)))
    const weights = Float32Array.from(await get(order[place - 1]!))
    const steps = new Int16Array(await inflated(await read(index)))
    tensors.forEach(([offset, length], i) => {
      const unit = units[index]![i]!
      for (let k = offset; k < offset + length; k++) weights[k]! += steps[k]! * unit
    })
    return weights
  })
  return get
}
