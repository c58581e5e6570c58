import { bytesOf } from './base64'
import { KERNEL } from '../../build/kernel'

/** Sizes of a convolution, or of the transpose that undoes it. */
export interface Sliding {
  channels: number
  height: number
  width: number
  kernel: [number, number]
  outHeight: number
  outWidth: number
  stride: number
  padding: number
}

/** The functions of a network that take time, over memory of their own. */
export interface Backend {
  readonly name: 'wasm' | 'plain'
  /** All memory is taken before the first computation. */
  allocate(length: number): Float32Array
  /** c (m, n) = a (m, k) b (k, n), started from a bias per row or per column. */
  product(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number, bias: Float32Array | null, perRow: boolean): void
  /** The patches of x as columns of p. */
  unfold(x: Float32Array, p: Float32Array, s: Sliding): void
  /** Patches of a transposed convolution added up into y. */
  fold(p: Float32Array, y: Float32Array, s: Sliding, bias: Float32Array | null): void
}

const PAGE = 65536
const ALIGN = 4

interface Kernel {
  product(a: number, b: number, c: number, m: number, k: number, n: number, bias: number, perRow: number): void
  unfold(...numbers: number[]): void
  fold(...numbers: number[]): void
}

/** WebAssembly with SIMD, or null where the browser has or allows none. */
export function wasmBackend(floats: number): Backend | null {
  try {
    const bytes = bytesOf(KERNEL)
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * floats) / PAGE) + 1 })
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })
    return new WasmBackend(instance.exports as unknown as Kernel, memory)
  } catch {
    return null
  }
}

class WasmBackend implements Backend {
  readonly name = 'wasm'
  private next = 16

  constructor(
    private readonly kernel: Kernel,
    private readonly memory: WebAssembly.Memory,
  ) {}

  allocate(length: number): Float32Array {
    const view = new Float32Array(this.memory.buffer, this.next, length)
    this.next += 4 * Math.ceil(length / ALIGN) * ALIGN
    return view
  }

  product(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number, bias: Float32Array | null, perRow: boolean): void {
    this.kernel.product(a.byteOffset, b.byteOffset, c.byteOffset, m, k, n, bias?.byteOffset ?? 0, Number(perRow))
  }

  unfold(x: Float32Array, p: Float32Array, s: Sliding): void {
    this.kernel.unfold(x.byteOffset, p.byteOffset, s.channels, s.height, s.width, ...s.kernel, s.outHeight, s.outWidth, s.stride, s.padding)
  }

  fold(p: Float32Array, y: Float32Array, s: Sliding, bias: Float32Array | null): void {
    this.kernel.fold(
      p.byteOffset, y.byteOffset, s.channels, s.height, s.width, ...s.kernel, s.outHeight, s.outWidth, s.stride, s.padding,
      bias?.byteOffset ?? 0,
    )
  }
}

/** The same in plain TypeScript, where WebAssembly is forbidden. */
export class PlainBackend implements Backend {
  readonly name = 'plain'

  allocate(length: number): Float32Array {
    return new Float32Array(length)
  }

  product(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number, bias: Float32Array | null, perRow: boolean): void {
    for (let row = 0; row < m; row++) {
      const out = c.subarray(row * n, row * n + n)
      if (bias === null) out.fill(0)
      else if (perRow) out.fill(bias[row]!)
      else out.set(bias.subarray(0, n))
      for (let i = 0; i < k; i++) {
        const factor = a[row * k + i]!
        if (factor === 0) continue
        const from = i * n
        for (let column = 0; column < n; column++) out[column]! += factor * b[from + column]!
      }
    }
  }

  unfold(x: Float32Array, p: Float32Array, s: Sliding): void {
    let out = 0
    for (let channel = 0; channel < s.channels; channel++) {
      for (let ky = 0; ky < s.kernel[0]; ky++) {
        for (let kx = 0; kx < s.kernel[1]; kx++) {
          for (let oy = 0; oy < s.outHeight; oy++) {
            const y = oy * s.stride + ky - s.padding
            const line = (channel * s.height + y) * s.width
            const inside = y >= 0 && y < s.height
            for (let ox = 0; ox < s.outWidth; ox++) {
              const column = ox * s.stride + kx - s.padding
              p[out++] = inside && column >= 0 && column < s.width ? x[line + column]! : 0
            }
          }
        }
      }
    }
  }

  fold(p: Float32Array, y: Float32Array, s: Sliding, bias: Float32Array | null): void {
    const plane = s.outHeight * s.outWidth
    for (let channel = 0; channel < s.channels; channel++) y.fill(bias?.[channel] ?? 0, channel * plane, (channel + 1) * plane)
    let from = 0
    for (let channel = 0; channel < s.channels; channel++) {
      for (let ky = 0; ky < s.kernel[0]; ky++) {
        for (let kx = 0; kx < s.kernel[1]; kx++) {
          for (let iy = 0; iy < s.height; iy++) {
            const row = iy * s.stride + ky - s.padding
            const line = (channel * s.outHeight + row) * s.outWidth
            const inside = row >= 0 && row < s.outHeight
            for (let ix = 0; ix < s.width; ix++) {
              const column = ix * s.stride + kx - s.padding
              if (inside && column >= 0 && column < s.outWidth) y[line + column]! += p[from]!
              from++
            }
          }
        }
      }
    }
  }
}
