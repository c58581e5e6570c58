import { type Backend, PlainBackend, wasmBackend } from './backend'
import { BundleError, type Graph, type Op } from './manifest'
import { type Planned, prepare, type Room, size } from './operations'

/** Images computed at once. */
const CHUNK = 32

/** A graph with memory for everything in it, ready to be computed again and again. */
export class Program implements Room {
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
    readonly memory: Backend,
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
      this.place(op)
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

  /** Give it memory for its result, and plan it. */
  private place(op: Op): void {
    const given = op.in.map((id) => this.values.get(id)!)
    this.shapes.set(op.out, op.shape)
    const z = op.op === 'reshape' ? given[0]! : this.take(this.chunk * size(op.shape))
    this.values.set(op.out, z)
    if (op.op !== 'reshape') this.plan.push(prepare(op, given, this.shapes.get(op.in[0]!)!, z, this))
  }

  scratch(length: number): Float32Array {
    const memory = this.take(length)
    this.give(memory, length)
    return memory
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
