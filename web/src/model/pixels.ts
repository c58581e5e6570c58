import type { Domain } from './manifest'

/** A byte of the atlas as the model's pixel. */
export function fromByte(byte: number, domain: Domain): number {
  switch (domain) {
    case 'unit':
      return byte / 255
    case 'signed':
      return byte / 127.5 - 1
    case 'levels':
      return byte
    case 'binary':
      return byte > 127 ? 1 : 0
  }
}

/** The model's pixel as brightness 0..255, clipped. */
function toByte(value: number, domain: Domain): number {
  const unit = domain === 'signed' ? (value + 1) / 2 : domain === 'levels' ? value / 255 : value
  return Math.round(255 * Math.min(1, Math.max(0, unit)))
}

/** One image, channels first, into RGBA. */
export function paint(x: Float32Array, offset: number, shape: [number, number, number], domain: Domain, into: Uint8ClampedArray): void {
  const [channels, height, width] = shape
  const plane = height * width
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) into[4 * i + c] = toByte(x[offset + (channels === 1 ? 0 : c) * plane + i]!, domain)
    into[4 * i + 3] = 255
  }
}
