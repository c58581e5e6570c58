import { describe, expect, it, vi } from 'vitest'
import { PlainBackend } from './backend'
import { fromHalf } from './float16'
import { BundleError, type Graph, type Op, parseManifest } from './manifest'
import { erf } from './pointwise'
import { Program } from './program'

let seed = 1
/** Repeatable numbers in [-1, 1). */
function random(n: number): Float32Array {
  return Float32Array.from({ length: n }, () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed / 2 ** 30 - 1
  })
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1)

/** One operation on n images by a backend. */
function compute(op: Partial<Op>, from: number[], weights: Float32Array, x: Float32Array, backend: 'wasm' | 'plain', ...more: [number[], Float32Array][]) {
  const inputs: Record<string, number> = { x: 0 }
  const shapes: Record<string, number[]> = { x: from }
  const given: Record<string, Float32Array> = { x }
  more.forEach(([shape, values], i) => {
    inputs[`y${i}`] = 1 + i
    shapes[`y${i}`] = shape
    given[`y${i}`] = values
  })
  const whole = { in: Object.values(inputs), out: 9, ...op } as Op
  const program = Program.create({ inputs, ops: [whole], outputs: { out: 9 } }, shapes, backend)
  program.load(weights)
  return program.run(given, x.length / size(from)).out!
}

const BACKENDS = ['wasm', 'plain'] as const

describe.each(BACKENDS)('on %s', (backend) => {
  it.each([[1, 1, 1], [2, 3, 5], [128, 784, 3], [17, 33, 70], [64, 4, 1]])('linear of %i to %i for %i images', (inputs, outputs, n) => {
    const weights = random(outputs * inputs + outputs)
    const x = random(n * inputs)
    const got = compute({ op: 'linear', shape: [outputs], weight: [0, outputs * inputs], bias: [outputs * inputs, outputs] }, [inputs], weights, x, backend)
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < outputs; o++) {
        let sum = weights[outputs * inputs + o]!
        for (let k = 0; k < inputs; k++) sum += weights[o * inputs + k]! * x[i * inputs + k]!
        expect(Math.abs(got[i * outputs + o]! - sum)).toBeLessThan(1e-4)
      }
    }
  })

  it.each([
    [1, 1, 4, 4, 2, 2, 2, 0], [3, 5, 7, 6, 3, 2, 1, 1], [2, 9, 5, 8, 3, 3, 2, 1], [16, 8, 9, 9, 1, 1, 1, 0], [4, 4, 3, 3, 3, 3, 3, 2],
  ])('convolutions %i to %i channels, %i x %i, kernel %i x %i, stride %i, padding %i', (c, o, h, w, kh, kw, stride, padding) => {
    const n = 2
    const x = random(n * c * h * w)
    const weights = random(c * o * kh * kw + o)
    const oh = Math.floor((h + 2 * padding - kh) / stride) + 1
    const ow = Math.floor((w + 2 * padding - kw) / stride) + 1
    const common = { kernel: [kh, kw] as [number, number], stride, padding, weight: [0, c * o * kh * kw] as [number, number], bias: [c * o * kh * kw, o] as [number, number] }
    const got = compute({ op: 'conv2d', shape: [o, oh, ow], ...common }, [c, h, w], weights, x, backend)
    const wanted = new Float64Array(n * o * oh * ow)
    const th = (h - 1) * stride - 2 * padding + kh
    const tw = (w - 1) * stride - 2 * padding + kw
    const spread = new Float64Array(n * o * Math.max(0, th) * Math.max(0, tw))
    for (let i = 0; i < n; i++) for (let q = 0; q < o; q++) {
      for (let p = 0; p < oh * ow; p++) wanted[(i * o + q) * oh * ow + p] = weights[c * o * kh * kw + q]!
      for (let p = 0; p < th * tw; p++) spread[(i * o + q) * th * tw + p] = weights[c * o * kh * kw + q]!
      for (let k = 0; k < c; k++) for (let ky = 0; ky < kh; ky++) for (let kx = 0; kx < kw; kx++) {
        const direct = weights[((q * c + k) * kh + ky) * kw + kx]!
        for (let y = 0; y < oh; y++) for (let z = 0; z < ow; z++) {
          const iy = y * stride + ky - padding, ix = z * stride + kx - padding
          if (iy >= 0 && iy < h && ix >= 0 && ix < w) wanted[((i * o + q) * oh + y) * ow + z]! += direct * x[((i * c + k) * h + iy) * w + ix]!
        }
        const back = weights[((k * o + q) * kh + ky) * kw + kx]!
        for (let y = 0; y < h; y++) for (let z = 0; z < w; z++) {
          const oy = y * stride + ky - padding, ox = z * stride + kx - padding
          if (oy >= 0 && oy < th && ox >= 0 && ox < tw) spread[((i * o + q) * th + oy) * tw + ox]! += back * x[((i * c + k) * h + y) * w + z]!
        }
      }
    }
    expect(Math.max(...got.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-4)
    if (th > 0 && tw > 0) {
      const other = compute({ op: 'conv_transpose2d', shape: [o, th, tw], ...common }, [c, h, w], weights, x, backend)
      expect(Math.max(...other.map((v, i) => Math.abs(v - spread[i]!)))).toBeLessThan(1e-4)
    }
  })

  it('more images than fit at once', () => {
    const x = random(100 * 3)
    const got = compute({ op: 'slice', shape: [2], start: 1 }, [3], new Float32Array(0), x, backend)
    expect([...got.slice(198)]).toEqual([x[298], x[299]])
  })

  it('shapes and pairs', () => {
    const x = random(2 * 4)
    const y = random(2 * 4)
    const none = new Float32Array(0)
    const near = (got: Float32Array, wanted: number[]) => got.forEach((v, i) => expect(v).toBeCloseTo(wanted[i]!, 6))
    near(compute({ op: 'add', shape: [4] }, [4], none, x, backend, [[4], y]), [...x].map((v, i) => v + y[i]!))
    near(compute({ op: 'multiply', shape: [4] }, [4], none, x, backend, [[4], y]), [...x].map((v, i) => v * y[i]!))
    const [s, t] = [random(2 * 2), random(2 * 2)]
    near(compute({ op: 'modulate', shape: [2, 1, 2] }, [2, 1, 2], none, x, backend, [[2], s], [[2], t]), [...x].map((v, i) => v * s[i >> 1]! + t[i >> 1]!))
    near(compute({ op: 'modulate', shape: [2] }, [2], none, x.slice(0, 4), backend, [[2], s], [[2], t]), [...x.slice(0, 4)].map((v, i) => v * s[i]! + t[i]!))
    const scaling = { shape: [2, 1, 2], weight: [0, 2], bias: [2, 2] } as Partial<Op>
    near(compute({ op: 'scale_shift', ...scaling }, [2, 1, 2], s, x, backend), [...x].map((v, i) => v * s[(i >> 1) % 2]! + s[2 + ((i >> 1) % 2)]!))
    near(compute({ op: 'reshape', shape: [4] }, [1, 2, 2], none, x, backend), [...x])
    expect([...compute({ op: 'upsample', shape: [1, 4, 4], factor: 2 }, [1, 2, 2], none, Float32Array.of(1, 2, 3, 4), backend)]).toEqual([
      1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4,
    ])
    const two = Float32Array.of(1, 2)
    expect([...compute({ op: 'append_one_hot', shape: [5] }, [2], none, two, backend, [[3], Float32Array.of(0, 0, 1)])]).toEqual([1, 2, 0, 0, 1])
    expect([...compute({ op: 'class_planes', shape: [3, 1, 2] }, [1, 1, 2], none, two, backend, [[2], Float32Array.of(0, 1)])]).toEqual([1, 2, 0, 0, 1, 1])
  })
})

describe.each(BACKENDS)('a codebook on %s', (backend) => {
  const vectors = Float32Array.of(0, 0, 3, 1, -2, 5) // of 3 entries
  const weight: [number, number] = [0, 6]

  it('has the nearest entry at each place', () => {
    const x = Float32Array.of(2, 0.1, -1, 9, /* second channel */ 1, 0.2, 4, -9) // 2 channels, 2 x 2 places
    expect([...compute({ op: 'nearest', shape: [4], weight }, [2, 2, 2], vectors, Float32Array.of(...x, ...x), backend)]).toEqual([1, 0, 2, 1, 1, 0, 2, 1])
  })

  it('puts its vectors where their numbers are, and keeps to them', () => {
    expect([...compute({ op: 'embed', shape: [2, 1, 2], weight }, [2], vectors, Float32Array.of(1, 2, 0, 1), backend)]).toEqual([3, -2, 1, 5, 0, 3, 0, 1])
    expect([...compute({ op: 'embed', shape: [2, 1, 2], weight }, [2], vectors, Float32Array.of(-7, 1e9), backend)]).toEqual([0, -2, 0, 5])
    expect([...compute({ op: 'embed', shape: [2, 1, 1], weight }, [1], vectors, Float32Array.of(NaN), backend)]).toEqual([0, 0])
  })
})

describe('memory is used again', () => {
  const shape = [1, 4, 4]
  const block = (from: number): Op[] => [
    { op: 'reshape', in: [from], out: from + 3, shape: [16] },
    { op: 'relu', in: [from], out: from + 1, shape },
    { op: 'conv2d', in: [from + 1], out: from + 2, shape, kernel: [3, 3], stride: 1, padding: 1, weight: [0, 9], bias: null },
    { op: 'reshape', in: [from + 2], out: from + 4, shape: [16] },
    { op: 'add', in: [from + 3, from + 4], out: from + 5, shape: [16] },
    { op: 'reshape', in: [from + 5], out: from + 6, shape },
  ]
  const chain = (blocks: number): Graph => ({
    inputs: { x: 0 },
    ops: Array.from({ length: blocks }, (_, i) => block(6 * i)).flat(),
    outputs: { first: 6, last: 6 * blocks },
  })
  const x = random(2 * 16)
  const weights = random(9)

  it.each(BACKENDS)('and holds what is read later, on %s', (backend) => {
    let wanted = x
    const program = Program.create(chain(6), { x: shape }, backend)
    program.load(weights)
    const got = program.run({ x }, 2)
    for (let number = 1; number <= 6; number++) {
      const one = Program.create(chain(1), { x: shape }, backend)
      one.load(weights)
      wanted = one.run({ x: wanted }, 2).last!
      if (number === 1) expect([...got.first!]).toEqual([...wanted])
    }
    expect([...got.last!]).toEqual([...wanted])
    expect([...program.run({ x }, 2).last!]).toEqual([...wanted])
  })

  it('so that a deep network takes no more than a flat one', () => {
    const taken = vi.spyOn(PlainBackend.prototype, 'allocate')
    const floats = (blocks: number) => {
      taken.mockClear()
      Program.create(chain(blocks), { x: shape }, 'plain')
      return taken.mock.calls.reduce((sum, [length]) => sum + length, 0) - 9 * blocks
    }
    expect(floats(20)).toBe(floats(3))
    taken.mockRestore()
  })
})

it('erf is right to 2e-7', () => {
  const table: [number, number][] = [[0, 0], [0.1, 0.1124629160], [0.4999, 0.5204121], [0.5, 0.5204998778], [1, 0.8427007929], [2, 0.9953222650], [-1.5, -0.9661051465]]
  for (const [x, wanted] of table) expect(Math.abs(erf(x) - wanted)).toBeLessThan(x === 0.4999 ? 1e-6 : 2e-7)
})

it('float16 is read exactly', () => {
  const bits = new Uint16Array([0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555, 0x8000])
  expect([...fromHalf(bits.buffer)]).toEqual([0, 1, -2, 65504, 2 ** -24, 0.333251953125, -0])
})

it('an operation that nobody knows is refused by name', () => {
  expect(() => compute({ op: 'attention', shape: [2] }, [2], new Float32Array(0), new Float32Array(2), 'plain')).toThrow(/`attention`/)
})

describe('a manifest', () => {
  const good = {
    format: 'vaelab-bundle', version: 1, latent: 2, weights: 10, unsupported: null,
    data: { shape: [1, 8, 8] }, images: { count: 3, columns: 2 }, steps: [{}],
    encoder: { ops: [{ op: 'linear', weight: [0, 10] }] }, decoder: { ops: [] },
  }
  it('is taken as it is', () => expect(parseManifest(good)).toBe(good))
  it('may have a codebook', () => {
    const book = { ...good, codebook: { entries: 9, grid: [1, 2] } }
    expect(parseManifest(book)).toBe(book)
  })
  it.each([
    [null, /no bundle of vaelab/], ['text', /no bundle/], [{ ...good, format: 'zip' }, /another format/],
    [{ ...good, version: 2 }, /of version 2, and this page reads version 1/], [{ ...good, steps: [] }, /holds no step/],
    [{ ...good, data: {} }, /shape of its images/], [{ ...good, images: {} }, /number of its images/], [{ ...good, latent: 0 }, /latent/],
    [{ ...good, codebook: { entries: 1, grid: [1, 2] } }, /number of entries/], [{ ...good, codebook: { entries: 2 ** 17, grid: [1, 2] } }, /number of entries/],
    [{ ...good, codebook: { entries: 9, grid: [2, 2] } }, /grid of its codes/], [{ ...good, codebook: { entries: 9, grid: [-1, -2] } }, /grid of its codes/],
    [{ ...good, decoder: null }, /decoder is missing/], [{ ...good, weights: 9 }, /`linear` reads weights that do not exist/],
  ])('is refused in words: %#', (bad, words) => {
    expect(() => parseManifest(bad)).toThrow(BundleError)
    expect(() => parseManifest(bad)).toThrow(words)
  })
})
