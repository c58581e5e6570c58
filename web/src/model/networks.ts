import { fromHalf } from './float16'
import { BundleError, checkWeights, type Manifest, type Weights } from './manifest'
import { Program } from './program'

export interface Codes {
  /** n x d; of a codebook the numbers of its entries, which are certain: then there is no scale. */
  loc: Float32Array
  scale: Float32Array
  /** Codes drawn from the posterior of one image, k x d, where it is not independent over dimensions; their covariance is exact where it is normal. */
  draws?: Float32Array
  normal?: boolean
}

/** A class for all, one for each, or none. */
export type Classes = number | Uint8Array | null

/** Encoder and decoder of a manifest, with the weights of one step. */
export class Networks {
  private readonly encoder: Program
  private readonly decoder: Program
  private readonly classes: number

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
    const { loc, scale, entries } = this.encoder.run({ x, ...this.context(this.encoder, classes, n) }, n)
    return { loc: loc ?? entries!, scale: scale ?? new Float32Array(0) }
  }

  private context(program: Program, classes: Classes, n: number): Record<string, Float32Array> {
    if (!('class' in program.graph.inputs)) return {}
    if (classes === null) throw new BundleError('This model is conditional: choose a class.')
    const oneHot = new Float32Array(n * this.classes)
    for (let i = 0; i < n; i++) oneHot[i * this.classes + (typeof classes === 'number' ? classes : classes[i]!)] = 1
    return { class: oneHot }
  }
}
