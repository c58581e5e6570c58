import { type Backend, PlainBackend, type Sliding, wasmBackend } from './backend'
import { BundleError, type Graph, type Op } from './manifest'
import { POINTWISE } from './pointwise'

/** Images computed at once. */
export const CHUNK = 32

interface Planned {
  /** Takes the tensors that it needs from new weights. */
  load(weights: Float32Array): void
  run(n: number): void
}

const size = (shape: number[]) => shape.reduce((product, side) => product * side, 1)

/** A graph with memory for everything in it, ready to be computed again and again. */
export class Program {
  private readonly values = new Map<number, Float32Array>()
  private readonly shapes = new Map<number, number[]>()
  private readonly plan: Planned[] = []
  private readonly free: { length: number; memory: Float32Array }[] = []

  /**
   * @param graph what to compute
   * @param inputs shape of each input, of one image
   * @param backend `auto`: WebAssembly where it is allowed
   * @param chunk images computed at once: memory is taken for so many
   */
  static create(graph: Graph, inputs: Record<string, number[]>, backend: 'auto' | 'wasm' | 'plain' = 'auto', chunk = CHUNK): Program {
    const measure = new Measuring()
    new Program(graph, inputs, measure, chunk)
    const chosen = backend === 'plain' ? null : wasmBackend(measure.floats)
    if (backend === 'wasm' && chosen === null) throw new BundleError('This browser allows no WebAssembly.')
    return new Program(graph, inputs, chosen ?? new PlainBackend(), chunk)
  }

  private constructor(
    readonly graph: Graph,
    private readonly inputs: Record<string, number[]>,
    private readonly memory: Backend,
    private readonly chunk: number,
  ) {
    for (const [name, id] of Object.entries(graph.inputs)) {
      const shape = inputs[name]
      if (shape === undefined) throw new BundleError(`the network reads \`${name}\`, which nothing gives`)
      this.shapes.set(id, shape)
      this.values.set(id, memory.allocate(this.chunk * size(shape)))
    }
    const readLast = lastReaders(graph)
    graph.ops.forEach((op, index) => {
      this.plan.push(this.prepare(op))
      for (const id of readLast[index]!) this.give(this.values.get(id)!, this.chunk * size(this.shapes.get(id)!))
    })
  }

  /** Memory that nothing needs any more, the least that is large enough, or new. */
  private take(length: number): Float32Array {
    const fitting = this.free.filter((one) => one.length >= length).sort((a, b) => a.length - b.length)[0]
    if (fitting === undefined) return this.memory.allocate(length)
    this.free.splice(this.free.indexOf(fitting), 1)
    return fitting.memory
  }

  private give(memory: Float32Array, length: number): void {
    this.free.push({ length, memory })
  }

  get backend(): 'wasm' | 'plain' {
    return this.memory.name
  }

  load(weights: Float32Array): void {
    for (const step of this.plan) step.load(weights)
  }

  /** Each input is (n, ...shape); so is each output. */
  run(given: Record<string, Float32Array>, n: number): Record<string, Float32Array> {
    const outputs: Record<string, Float32Array> = {}
    for (const [name, id] of Object.entries(this.graph.outputs)) outputs[name] = new Float32Array(n * size(this.shapes.get(id)!))
    for (let first = 0; first < n; first += this.chunk) {
      const count = Math.min(this.chunk, n - first)
      for (const [name, id] of Object.entries(this.graph.inputs)) {
        const width = size(this.inputs[name]!)
        this.values.get(id)!.set(given[name]!.subarray(first * width, (first + count) * width))
      }
      for (const step of this.plan) step.run(count)
      for (const [name, id] of Object.entries(this.graph.outputs)) {
        const width = size(this.shapes.get(id)!)
        outputs[name]!.set(this.values.get(id)!.subarray(0, count * width), first * width)
      }
    }
    return outputs
  }

  private prepare(op: Op): Planned {
    const [x, y, more] = op.in.map((id) => this.values.get(id)!) as [Float32Array, Float32Array, Float32Array]
    const from = this.shapes.get(op.in[0]!)!
    const width = size(from)
    const out = size(op.shape)
    this.shapes.set(op.out, op.shape)
    if (op.op === 'reshape') {
      this.values.set(op.out, x)
      return { load: () => {}, run: () => {} }
    }
    const z = this.take(this.chunk * out)
    this.values.set(op.out, z)
    switch (op.op) {
      case 'linear':
        return this.linear(op, x, z, width, out)
      case 'conv2d':
        return this.convolution(op, x, z, from)
      case 'conv_transpose2d':
        return this.transposed(op, x, z, from)
      case 'nearest':
        return this.nearest(op, x, z, from)
      case 'embed':
        return this.embed(op, x, z)
      case 'upsample':
        return plain((n) => upsample(x, z, n, from as [number, number, number], op.factor!))
      case 'slice': {
        const start = (op.start! * width) / from[0]!
        return plain((n) => {
          for (let i = 0; i < n; i++) z.set(x.subarray(i * width + start, i * width + start + out), i * out)
        })
      }
      case 'add':
        return plain((n) => {
          for (let i = 0; i < n * out; i++) z[i] = x[i]! + y[i]!
        })
      case 'multiply':
        return plain((n) => {
          for (let i = 0; i < n * out; i++) z[i] = x[i]! * y[i]!
        })
      case 'scale_shift': {
        const scale = this.memory.allocate(from[0]!)
        const shift = this.memory.allocate(from[0]!)
        return {
          load: (weights) => {
            scale.set(tensor(weights, op.weight!))
            shift.set(tensor(weights, op.bias!))
          },
          run: (n) => {
            for (let i = 0; i < n; i++) modulate(x, z, i * out, out, scale, shift, 0, from[0]!)
          },
        }
      }
      case 'modulate':
        return plain((n) => {
          for (let i = 0; i < n; i++) modulate(x, z, i * out, out, y, more, i * from[0]!, from[0]!)
        })
      case 'append_one_hot':
        return plain((n) => {
          for (let i = 0; i < n; i++) {
            z.set(x.subarray(i * width, (i + 1) * width), i * out)
            z.set(y.subarray(i * (out - width), (i + 1) * (out - width)), i * out + width)
          }
        })
      case 'class_planes': {
        const plane = from[1]! * from[2]!
        const classes = (out - width) / plane
        return plain((n) => {
          for (let i = 0; i < n; i++) {
            z.set(x.subarray(i * width, (i + 1) * width), i * out)
            for (let k = 0; k < classes; k++) {
              const start = i * out + width + k * plane
              z.fill(y[i * classes + k]!, start, start + plane)
            }
          }
        })
      }
      default: {
        const f = POINTWISE[op.op]
        if (f === undefined) {
          throw new BundleError(`The network has an operation \`${op.op}\` that this page does not know; a newer vaelab wrote it.`)
        }
        return plain((n) => f(x, z, n * out, op))
      }
    }
  }

  private linear(op: Op, x: Float32Array, z: Float32Array, inputs: number, outputs: number): Planned {
    const weight = this.memory.allocate(inputs * outputs)
    const bias = op.bias ? this.memory.allocate(outputs) : null
    return {
      load: (weights) => {
        transpose(tensor(weights, op.weight!), weight, outputs, inputs)
        bias?.set(tensor(weights, op.bias!))
      },
      run: (n) => this.memory.product(x, weight, z, n, inputs, outputs, bias, false),
    }
  }

  private convolution(op: Op, x: Float32Array, z: Float32Array, from: number[]): Planned {
    const [channels, height, width] = from as [number, number, number]
    const [outputs, outHeight, outWidth] = op.shape as [number, number, number]
    const sliding: Sliding = { channels, height, width, kernel: op.kernel!, outHeight, outWidth, stride: op.stride!, padding: op.padding! }
    const depth = channels * op.kernel![0] * op.kernel![1]
    const places = outHeight * outWidth
    const patches = this.take(depth * places)
    this.give(patches, depth * places)
    const weight = this.memory.allocate(outputs * depth)
    const bias = op.bias ? this.memory.allocate(outputs) : null
    const each = channels * height * width
    return {
      load: (weights) => {
        weight.set(tensor(weights, op.weight!))
        bias?.set(tensor(weights, op.bias!))
      },
      run: (n) => {
        for (let i = 0; i < n; i++) {
          this.memory.unfold(x.subarray(i * each, (i + 1) * each), patches, sliding)
          const image = z.subarray(i * outputs * places, (i + 1) * outputs * places)
          this.memory.product(weight, patches, image, outputs, depth, places, bias, true)
        }
      },
    }
  }

  /** At each place the number of the vector that is the nearest to what is there. */
  private nearest(op: Op, x: Float32Array, z: Float32Array, [depth]: number[]): Planned {
    const entries = Math.floor(op.weight![1] / depth!)
    const vectors = this.memory.allocate(entries * depth!)
    const places = size(op.shape)
    return {
      load: (weights) => vectors.set(tensor(weights, op.weight!).subarray(0, vectors.length)),
      run: (n) => {
        for (let i = 0; i < n * places; i++) {
          const start = Math.floor(i / places) * depth! * places + (i % places)
          let least = Infinity
          for (let entry = 0; entry < entries; entry++) {
            let distance = 0
            for (let k = 0; k < depth!; k++) distance += (x[start + k * places]! - vectors[entry * depth! + k]!) ** 2
            if (distance >= least) continue
            least = distance
            z[i] = entry
          }
        }
      },
    }
  }

  /** The vectors of these numbers; what is no number of an entry is the nearest one. */
  private embed(op: Op, x: Float32Array, z: Float32Array): Planned {
    const [depth, height, width] = op.shape as [number, number, number]
    const entries = Math.floor(op.weight![1] / depth)
    const vectors = this.memory.allocate(entries * depth)
    const places = height * width
    return {
      load: (weights) => vectors.set(tensor(weights, op.weight!).subarray(0, vectors.length)),
      run: (n) => {
        for (let i = 0; i < n * places; i++) {
          const start = Math.floor(i / places) * depth * places + (i % places)
          const entry = Math.max(0, Math.min(entries - 1, Math.round(x[i]!) || 0))
          for (let k = 0; k < depth; k++) z[start + k * places] = vectors[entry * depth + k]!
        }
      },
    }
  }

  private transposed(op: Op, x: Float32Array, z: Float32Array, from: number[]): Planned {
    const [inputs, height, width] = from as [number, number, number]
    const [channels, outHeight, outWidth] = op.shape as [number, number, number]
    const sliding: Sliding = { channels, height, width, kernel: op.kernel!, outHeight, outWidth, stride: op.stride!, padding: op.padding! }
    const depth = channels * op.kernel![0] * op.kernel![1]
    const places = height * width
    const patches = this.take(depth * places)
    this.give(patches, depth * places)
    const weight = this.memory.allocate(inputs * depth)
    const bias = op.bias ? this.memory.allocate(channels) : null
    const out = channels * outHeight * outWidth
    return {
      load: (weights) => {
        transpose(tensor(weights, op.weight!), weight, inputs, depth)
        bias?.set(tensor(weights, op.bias!))
      },
      run: (n) => {
        for (let i = 0; i < n; i++) {
          const image = x.subarray(i * inputs * places, (i + 1) * inputs * places)
          this.memory.product(weight, image, patches, depth, inputs, places, null, true)
          this.memory.fold(patches, z.subarray(i * out, (i + 1) * out), sliding, bias)
        }
      },
    }
  }
}

/** For each operation, the values that no later one reads; a reshaped value is the one that it was made of. */
function lastReaders(graph: Graph): number[][] {
  const source = new Map<number, number>()
  const whole = (id: number) => source.get(id) ?? id
  const last = new Map<number, number>()
  graph.ops.forEach((op, index) => {
    for (const id of op.in) last.set(whole(id), index)
    if (op.op === 'reshape') source.set(op.out, whole(op.in[0]!))
  })
  for (const id of Object.values(graph.outputs)) last.delete(whole(id))
  const readLast: number[][] = graph.ops.map(() => [])
  for (const [id, index] of last) readLast[index]!.push(id)
  return readLast
}

/** Counts the memory that a program takes. */
class Measuring extends PlainBackend {
  floats = 0

  override allocate(length: number): Float32Array {
    this.floats += length + 4
    return new Float32Array(0)
  }
}

function plain(run: (n: number) => void): Planned {
  return { load: () => {}, run }
}

function tensor(weights: Float32Array, place: [number, number]): Float32Array {
  return weights.subarray(place[0], place[0] + place[1])
}

/** (rows, columns) to (columns, rows). */
function transpose(from: Float32Array, to: Float32Array, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column]!
  }
}

/** One image, at `start` of x and z, with the numbers of its channels at `first` of scale and shift. */
function modulate(
  x: Float32Array, z: Float32Array, start: number, size: number, scale: Float32Array, shift: Float32Array, first: number, channels: number,
): void {
  const plane = size / channels
  for (let channel = 0; channel < channels; channel++) {
    const s = scale[first + channel]!
    const t = shift[first + channel]!
    const begin = start + channel * plane
    for (let i = begin; i < begin + plane; i++) z[i] = s * x[i]! + t
  }
}

function upsample(x: Float32Array, z: Float32Array, n: number, from: [number, number, number], factor: number): void {
  const [channels, height, width] = from
  let out = 0
  for (let plane = 0; plane < n * channels; plane++) {
    for (let y = 0; y < height * factor; y++) {
      const line = (plane * height + Math.floor(y / factor)) * width
      for (let column = 0; column < width * factor; column++) z[out++] = x[line + Math.floor(column / factor)]!
    }
  }
}
