import { fromHalf } from './float16'
import { BundleError, checkWeights, type Graph, type Manifest, type Weights } from './manifest'
import { layersOf } from './layers'
import { Program } from './program'

export interface Codes {
  /** n x d */
  loc: Float32Array
  scale: Float32Array
  /** Codes drawn from the posterior of one image, k x d, where it is not independent over dimensions; their covariance is exact where it is normal. */
  draws?: Float32Array
  normal?: boolean
}

/** A class for all, one for each, or none. */
export type Classes = number | Uint8Array | null

/** What each layer makes of one image, and of one code: the first values of each, channels first, in the order of `layersOf`. */
export interface Trace {
  encoder: Float32Array[]
  decoder: Float32Array[]
}

/** Encoder and decoder of a manifest, with the weights of one step. */
export class Networks {
  private readonly encoder: Program
  private readonly decoder: Program
  private readonly classes: number
  private numbers: Float32Array = new Float32Array(0)
  private tracing: { encoder: Program; decoder: Program; numbers: Float32Array } | null = null

  constructor(
    private readonly manifest: Manifest,
    backend: 'auto' | 'wasm' | 'plain' = 'auto',
  ) {
    if (!manifest.encoder || !manifest.decoder) throw new BundleError(`The layer \`${manifest.unsupported}\` cannot be computed in a page.`)
    this.classes = manifest.data.classes.length
    const context = [this.classes]
    this.encoder = Program.create(manifest.encoder, { x: manifest.data.shape, class: context }, backend)
    this.decoder = Program.create(manifest.decoder, { z: [manifest.latent], class: context }, backend)
  }

  get backend(): 'wasm' | 'plain' {
    return this.decoder.backend
  }

  /** Weights of a step. */
  load(weights: Weights): void {
    checkWeights(this.manifest, weights)
    const numbers = weights instanceof Float32Array ? weights : fromHalf(weights)
    this.numbers = numbers
    this.encoder.load(numbers)
    this.decoder.load(numbers)
  }

  decode(z: Float32Array, classes: Classes): Float32Array {
    const n = z.length / this.manifest.latent
    return this.decoder.run({ z, ...this.context(this.decoder, classes, n) }, n).mean!
  }

  encode(x: Float32Array, classes: Classes): Codes {
    const [channels, height, width] = this.manifest.data.shape
    const n = x.length / (channels * height * width)
    const { loc, scale } = this.encoder.run({ x, ...this.context(this.encoder, classes, n) }, n)
    return { loc: loc!, scale: scale! }
  }

  trace(x: Float32Array, z: Float32Array, encodeAs: Classes, decodeAs: Classes): Trace {
    const { data, latent, encoder, decoder } = this.manifest
    const context = [this.classes]
    const all = (graph: Graph) => ({ ...graph, outputs: Object.fromEntries(layersOf(graph).map(({ out }) => [out, out])) })
    this.tracing ??= {
      encoder: Program.create(all(encoder!), { x: data.shape, class: context }, 'auto', 1),
      decoder: Program.create(all(decoder!), { z: [latent], class: context }, 'auto', 1),
      numbers: new Float32Array(0),
    }
    if (this.tracing.numbers !== this.numbers) {
      this.tracing.encoder.load(this.numbers)
      this.tracing.decoder.load(this.numbers)
      this.tracing.numbers = this.numbers
    }
    const run = (program: Program, given: Record<string, Float32Array>) => {
      const values = program.run(given, 1)
      return layersOf(program.graph).map(({ out, seen }) => values[out]!.slice(0, seen))
    }
    return {
      encoder: run(this.tracing.encoder, { x, ...this.context(this.encoder, encodeAs, 1) }),
      decoder: run(this.tracing.decoder, { z, ...this.context(this.decoder, decodeAs, 1) }),
    }
  }

  private context(program: Program, classes: Classes, n: number): Record<string, Float32Array> {
    if (!('class' in program.graph.inputs)) return {}
    if (classes === null) throw new BundleError('This model is conditional: choose a class.')
    const oneHot = new Float32Array(n * this.classes)
    for (let i = 0; i < n; i++) oneHot[i * this.classes + (typeof classes === 'number' ? classes : classes[i]!)] = 1
    return { class: oneHot }
  }
}
