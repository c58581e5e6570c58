import { fromHalf } from './float16'
import { BundleError, checkWeights, type Graph, type Manifest, type Weights } from './manifest'
import { layersOf } from './layers'
import { Program } from './program'

export interface Codes {
  /** n x d; of a codebook the numbers of its entries, which are certain: then there is no scale. */
  loc: Float32Array
  scale: Float32Array
  /** Codes drawn from the posterior of one image, k x d, where it is not independent over dimensions; their covariance is exact where it is normal. */
  draws?: Float32Array
  normal?: boolean
}

/** p(x|z) of n codes. */
export interface Pixels {
  /** Images in the pixels' domain, channels first. */
  mean: Float32Array
  /** As many numbers; null: it does not differ from pixel to pixel. */
  scale: Float32Array | null
}

/** A class for all, one for each, or none. */
export type Classes = number | Uint8Array | null

/** A network of a model: `upwards` and `downwards` there are where it has two levels. */
export type Part = 'encoder' | 'upwards' | 'downwards' | 'decoder'

/** What each layer makes of one image, and of one code: the first values of each, channels first, in the order of `layersOf`. */
export interface Trace {
  encoder: Float32Array[]
  decoder: Float32Array[]
}

/** The networks of a manifest, with the weights of one step. */
export class Networks {
  private readonly programs: Partial<Record<Part, Program>>
  private readonly inputs: Record<Part, number>
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
    const { levels, latent, data: { shape } } = manifest
    const lower = levels?.lower ?? latent
    this.inputs = { encoder: shape[0] * shape[1] * shape[2], upwards: lower, downwards: latent, decoder: lower }
    this.programs = {
      encoder: Program.create(manifest.encoder, { x: shape, class: context }, backend),
      decoder: Program.create(manifest.decoder, { z: [lower], class: context }, backend),
      ...(levels && {
        upwards: Program.create(levels.upwards, { z: [lower] }, backend),
        downwards: Program.create(levels.downwards, { z: [latent] }, backend),
      }),
    }
  }

  get backend(): 'wasm' | 'plain' {
    return this.programs.decoder!.backend
  }

  /** Weights of a step. */
  load(weights: Weights): void {
    checkWeights(this.manifest, weights)
    const numbers = weights instanceof Float32Array ? weights : fromHalf(weights)
    this.numbers = numbers
    for (const program of Object.values(this.programs)) program.load(numbers)
  }

  decode(z: Float32Array, classes: Classes): Pixels {
    const { mean, scale } = this.part('decoder', this.programs.downwards ? this.part('downwards', z, null).loc! : z, classes)
    return { mean: mean!, scale: scale ?? null }
  }

  encode(x: Float32Array, classes: Classes): Codes {
    const codes = this.part('encoder', x, classes)
    const { loc, scale, entries } = this.programs.upwards ? this.part('upwards', codes.loc!, null) : codes
    return { loc: loc ?? entries!, scale: scale ?? new Float32Array(0) }
  }

  /** What one of the networks makes of n inputs. */
  part(name: Part, given: Float32Array, classes: Classes): Record<string, Float32Array> {
    const program = this.programs[name]
    if (!program) throw new BundleError(`This model has no network \`${name}\`.`)
    const n = given.length / this.inputs[name]
    return program.run({ [name === 'encoder' ? 'x' : 'z']: given, ...this.context(program, classes, n) }, n)
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
      encoder: run(this.tracing.encoder, { x, ...this.context(this.tracing.encoder, encodeAs, 1) }),
      decoder: run(this.tracing.decoder, { z, ...this.context(this.tracing.decoder, decodeAs, 1) }),
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
