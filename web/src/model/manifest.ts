/** What a bundle's manifest.json says; docs/bundle.md is its description. */
export interface Manifest {
  format: 'vaelab-bundle'
  version: 1
  vaelab: string
  run: { name: string; config: Record<string, unknown>; finished: boolean }
  data: { name: string; domain: Domain; shape: [number, number, number]; classes: string[]; checksum: string; ink?: Ink | null }
  images: { count: number; total: number; columns: number; split: string }
  latent: number
  conditional: { encoder: boolean; decoder: boolean }
  prior: { kind: string }
  likelihood: { kind: string }
  /** Where a code is a grid of its entries; `latent` is how many places there are. */
  codebook?: Codebook | null
  /** Where there is a lower code between the image and the code, which then is the upper one: `encoder` and `decoder` have the lower one. */
  levels?: Levels | null
  weights: number
  encoder: Graph | null
  decoder: Graph | null
  unsupported: string | null
  steps: StepEntry[]
  metrics: MetricRow[]
  golden: Golden | Record<string, never>
  /** Of an exported bundle: how its weights are written. */
  packed?: Packed
}

export interface Codebook {
  entries: number
  /** Rows and columns. */
  grid: [number, number]
}

export interface Levels {
  /** Dimensions of the lower code. */
  lower: number
  /** From the lower code to loc and scale of q(upper | lower), and back to those of p(lower | upper). */
  upwards: Graph
  downwards: Graph
}

export interface Packed {
  /** Indices of the kept steps from the last to the first. */
  order: number[]
  /** Where each tensor lies: offset and length. */
  tensors: [number, number][]
  /** What 1 means in each tensor's differences, by the index of the step. */
  units: Record<string, number[]>
  /** How far a decoded pixel is from that of the weights as they were kept, at most, over the golden codes of all steps. */
  worst_decode: number
}

/** float16 bits, or the numbers themselves. */
export type Weights = ArrayBuffer | Float32Array

/** How the training images are drawn, in brightness 0..1 and in pixels; measured when the bundle was written. */
export interface Ink {
  ground: number
  ink: number
  /** The longer side of a drawing. */
  longest: number
  /** Width of its strokes. */
  stroke: number
  /** Ink of a drawing in whole pixels, where that varies less than the width of its strokes, which then follows from it. */
  mass: number | null
  /** What lies at `at` (down, across): the centre of mass, or the middle of the box around it. */
  centre: 'mass' | 'box'
  at: [number, number]
}

export type Domain = 'unit' | 'signed' | 'binary' | 'levels'

export interface Graph {
  inputs: Record<string, number>
  ops: Op[]
  outputs: Record<string, number>
}

export interface Op {
  op: string
  in: number[]
  out: number
  shape: number[]
  weight?: [number, number]
  bias?: [number, number] | null
  kernel?: [number, number]
  stride?: number
  padding?: number
  factor?: number
  start?: number
  slope?: number
  bound?: number
  floor?: number
}

export interface StepEntry {
  index: number
  step: number
  epoch: number
  /** Whether no other kept step is nearer to the run's own weights, and then the epoch that those are of. */
  best: boolean
  weights_epoch?: number
  loc_unit: number
  log_scale_unit: number
  scale: number | null
  readings: Readings
  /** null: N(0, I), or of a model without a prior; missing in older bundles. */
  prior?: PriorTold | null
}

/** p(z) as a mixture of normal distributions; docs/bundle.md. */
export interface PriorTold {
  weights: number[]
  loc_unit: number
  log_scale_unit: number
  parts: string
  exact: boolean
  by_class: boolean
}

export interface Readings {
  split: string
  images: number
  distortion_nats: number
  rate_nats: number
  elbo_nats: number
  /** Of a Gaussian with one scale. */
  implied_scale?: number
  /** Of a model with two levels. */
  rate_level1_nats?: number
  rate_level2_nats?: number
}

export type MetricRow = { step: number; epoch: number; split: string } & Record<string, number | string>

export interface Golden {
  index: number
  decode: { z: number[]; class: number | null; image: string; scale?: string }[]
  encode: { image: number; class: number | null; loc?: number[]; scale?: number[]; entries?: number[] }[]
}

/** A bundle that cannot be shown, with the reason in words. */
export class BundleError extends Error {}

export const VERSION = 1
const MOST_ENTRIES = 65_536
const MOST_DIMENSIONS = 4096

/** Check what was read as far as the page relies on it. */
export function parseManifest(data: unknown): Manifest {
  const manifest = data as Manifest
  if (typeof data !== 'object' || data === null || manifest.format !== 'vaelab-bundle') {
    throw new BundleError('This is no bundle of vaelab: its manifest.json has another format.')
  }
  if (manifest.version !== VERSION) {
    throw new BundleError(
      `This bundle is of version ${String(manifest.version)}, and this page reads version ${VERSION}. ` +
        'Export it again with this vaelab, or open it with the vaelab that wrote it.',
    )
  }
  const damaged = (what: string) => new BundleError(`The bundle is damaged: ${what}. Export it again, or delete its folder to have it made anew.`)
  const { images, data: about, steps, latent } = manifest
  if (!Array.isArray(steps) || steps.length === 0) throw damaged('its manifest holds no step')
  if (!about || !Array.isArray(about.shape) || about.shape.length !== 3) throw damaged('the shape of its images is missing')
  if (!images || !(images.count > 0) || !(images.columns > 0)) throw damaged('the number of its images is missing')
  if (!(latent > 0)) throw damaged('its latent dimension is missing')
  const { codebook, levels } = manifest
  if (codebook) {
    const whole = (value: unknown, least: number, most: number) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most
    const { entries, grid } = codebook
    if (!whole(entries, 2, MOST_ENTRIES)) throw damaged('the number of entries of its codebook is missing')
    if (!Array.isArray(grid) || grid.length !== 2 || !grid.every((side) => whole(side, 1, latent)) || grid[0] * grid[1] !== latent) throw damaged('the grid of its codes does not fit their number')
  }
  if (manifest.unsupported === null) {
    if (levels && !(Number.isInteger(levels.lower) && levels.lower >= 1 && levels.lower <= MOST_DIMENSIONS)) throw damaged('the dimensions of its lower code are missing')
    const between = levels ? { upwards: levels.upwards, downwards: levels.downwards } : {}
    for (const [name, graph] of Object.entries({ encoder: manifest.encoder, decoder: manifest.decoder, ...between })) {
      if (!graph || !Array.isArray(graph.ops)) throw damaged(`its ${name} is missing`)
      for (const op of graph.ops) {
        for (const tensor of [op.weight, op.bias]) {
          if (tensor && tensor[0] + tensor[1] > manifest.weights) throw damaged(`\`${op.op}\` reads weights that do not exist`)
        }
      }
    }
  }
  return manifest
}

/** The weights of a step must be as many as the manifest says. */
export function checkWeights(manifest: Manifest, weights: Weights): void {
  const size = weights instanceof Float32Array ? 2 * weights.length : weights.byteLength
  if (size !== 2 * manifest.weights) {
    throw new BundleError(
      `The weights do not fit the manifest: ${size} bytes, and ${2 * manifest.weights} are wanted. ` +
        'Export the run again, or delete its folder `explorer` to have it made anew.',
    )
  }
}
