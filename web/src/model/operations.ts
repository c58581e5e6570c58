import type { Backend, Sliding } from './backend'
import { BundleError, type Op } from './manifest'
import { POINTWISE } from './pointwise'

/** One operation with its memory, ready to be computed again and again. */
export interface Planned {
  /** Takes the tensors that it needs from new weights. */
  load(weights: Float32Array): void
  run(n: number): void
}

/** Where an operation finds memory. */
export interface Room {
  /** Its own, for as long as there is the program. */
  memory: Backend
  /** For what is done with as soon as it has been computed: others are given the same. */
  scratch(length: number): Float32Array
}

export const size = (shape: number[]) => shape.reduce((product, side) => product * side, 1)

/**
 * Make an operation ready.
 *
 * @param given what it reads; of the first, `from` is the shape of one image
 * @param z where its result goes
 */
export function prepare(op: Op, given: Float32Array[], from: number[], z: Float32Array, room: Room): Planned {
  const [x, y, more] = given as [Float32Array, Float32Array, Float32Array]
  const width = size(from)
  const out = size(op.shape)
  switch (op.op) {
    case 'linear':
      return linear(op, x, z, width, out, room)
    case 'conv2d':
      return convolution(op, x, z, from, room)
    case 'conv_transpose2d':
      return transposed(op, x, z, from, room)
    case 'nearest':
      return nearest(op, x, z, from, room)
    case 'embed':
      return embed(op, x, z, room)
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
      const scale = room.memory.allocate(from[0]!)
      const shift = room.memory.allocate(from[0]!)
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

function linear(op: Op, x: Float32Array, z: Float32Array, inputs: number, outputs: number, room: Room): Planned {
  const weight = room.memory.allocate(inputs * outputs)
  const bias = op.bias ? room.memory.allocate(outputs) : null
  return {
    load: (weights) => {
      transpose(tensor(weights, op.weight!), weight, outputs, inputs)
      bias?.set(tensor(weights, op.bias!))
    },
    run: (n) => room.memory.product(x, weight, z, n, inputs, outputs, bias, false),
  }
}

function convolution(op: Op, x: Float32Array, z: Float32Array, from: number[], room: Room): Planned {
  const [channels, height, width] = from as [number, number, number]
  const [outputs, outHeight, outWidth] = op.shape as [number, number, number]
  const sliding: Sliding = { channels, height, width, kernel: op.kernel!, outHeight, outWidth, stride: op.stride!, padding: op.padding! }
  const depth = channels * op.kernel![0] * op.kernel![1]
  const places = outHeight * outWidth
  const patches = room.scratch(depth * places)
  const weight = room.memory.allocate(outputs * depth)
  const bias = op.bias ? room.memory.allocate(outputs) : null
  const each = channels * height * width
  return {
    load: (weights) => {
      weight.set(tensor(weights, op.weight!))
      bias?.set(tensor(weights, op.bias!))
    },
    run: (n) => {
      for (let i = 0; i < n; i++) {
        room.memory.unfold(x.subarray(i * each, (i + 1) * each), patches, sliding)
        const image = z.subarray(i * outputs * places, (i + 1) * outputs * places)
        room.memory.product(weight, patches, image, outputs, depth, places, bias, true)
      }
    },
  }
}

/** At each place the number of the vector that is the nearest to what is there. */
function nearest(op: Op, x: Float32Array, z: Float32Array, [depth]: number[], room: Room): Planned {
  const entries = Math.floor(op.weight![1] / depth!)
  const vectors = room.memory.allocate(entries * depth!)
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
function embed(op: Op, x: Float32Array, z: Float32Array, room: Room): Planned {
  const [depth, height, width] = op.shape as [number, number, number]
  const entries = Math.floor(op.weight![1] / depth)
  const vectors = room.memory.allocate(entries * depth)
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

function transposed(op: Op, x: Float32Array, z: Float32Array, from: number[], room: Room): Planned {
  const [inputs, height, width] = from as [number, number, number]
  const [channels, outHeight, outWidth] = op.shape as [number, number, number]
  const sliding: Sliding = { channels, height, width, kernel: op.kernel!, outHeight, outWidth, stride: op.stride!, padding: op.padding! }
  const depth = channels * op.kernel![0] * op.kernel![1]
  const places = height * width
  const patches = room.scratch(depth * places)
  const weight = room.memory.allocate(inputs * depth)
  const bias = op.bias ? room.memory.allocate(channels) : null
  const out = channels * outHeight * outWidth
  return {
    load: (weights) => {
      transpose(tensor(weights, op.weight!), weight, inputs, depth)
      bias?.set(tensor(weights, op.bias!))
    },
    run: (n) => {
      for (let i = 0; i < n; i++) {
        const image = x.subarray(i * inputs * places, (i + 1) * inputs * places)
        room.memory.product(weight, image, patches, depth, inputs, places, null, true)
        room.memory.fold(patches, z.subarray(i * out, (i + 1) * out), sliding, bias)
      }
    },
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
