import { computed, effect, signal } from '@preact/signals'
import { normal } from '../latent/normal'
import type { Engine } from '../model/engine'
import { distortion, scaleOf } from '../model/likelihood'
import type { Classes } from '../model/networks'
import { readAs } from '../probe/probe'
import { journey } from '../row/journey'
import { latestWins } from '../state/latest'
import { drawPrior } from '../state/prior'
import * as store from '../state/store'
import { together } from '../state/together'
import { view } from '../state/view'
import { rateOf } from './rates'

/** Draws by which the numbers of one image are estimated, and pictures in a row. */
export const DRAWS = 64
const SHOWN = 12

/** One image, level by level. */
export interface Apart {
  x: Float32Array
  /** Decoded from the mean of the lower code, and from what the upper one alone says of it. */
  both: Float32Array
  upper: Float32Array
  /** The mean of the upper code. */
  z: Float32Array
  /** How far the lower code is from its mean given the upper one, in standard deviations. */
  deviation: Float32Array
  /** Nats, of the lower and the upper level; null: the density of the prior is not known. */
  rates: [number, number | null]
  distortion: number | null
}

export interface Drawn {
  /** Upper code. */
  z: number[]
  x: Float32Array
}

export const apart = signal<Apart | null>(null)
/** The upper code of the image and draws of the lower one; draws of the upper one with the mean of the lower one, and with its deviation in the image. */
export const rows = signal<{ held: Drawn[]; varied: Drawn[]; deviating: Drawn[] } | null>(null)
/** How often other noise has been asked for. */
export const rolled = signal(0)

let noise = { of: '', lower: [] as number[][], upper: [] as number[][], parts: [] as number[] }

/** The same noise for all images and steps, until other is asked for: what moves is the model. */
function noiseOf(lower: number, upper: number): typeof noise {
  const of = `${rolled.value} ${lower} ${upper}`
  if (noise.of !== of) {
    const draws = (d: number) => Array.from({ length: DRAWS }, () => Array.from({ length: d }, () => normal()))
    noise = { of, lower: draws(lower), upper: draws(upper), parts: Array.from({ length: DRAWS }, Math.random) }
  }
  return noise
}

/** loc + scale epsilon, for each epsilon; loc and scale are those of one distribution, or of as many. */
const moved = (loc: Float32Array, scale: Float32Array, epsilon: ArrayLike<number>[]) =>
  Float32Array.from(epsilon.flatMap((each, i) => Array.from(each, (value, k) => {
    const at = (i * each.length + k) % loc.length
    return loc[at]! + scale[at]! * value
  })))

const split = (values: Float32Array, n: number) => Array.from({ length: n }, (_, i) => values.subarray((i * values.length) / n, ((i + 1) * values.length) / n))

async function normalAt(engine: Engine, part: 'encoder' | 'upwards' | 'downwards', given: Float32Array, classes: Classes = null) {
  const { loc, scale } = await engine.part(part, given, classes)
  return { loc: loc!, scale: scale! }
}

const takeApart = latestWins(async (x: Float32Array, readsAs: Classes, decodeAs: Classes) => {
  const engine = store.engines.value?.patient
  const about = store.manifest.value
  const shown = store.calm.value
  if (!engine || !about?.levels || !shown) return
  const { lower, upper } = noiseOf(about.levels.lower, about.latent)
  try {
    const q1 = await normalAt(engine, 'encoder', x, readsAs)
    const top = await normalAt(engine, 'upwards', q1.loc)
    const guess = await normalAt(engine, 'downwards', top.loc)
    const [both, alone] = split((await engine.part('decoder', Float32Array.of(...q1.loc, ...guess.loc), decodeAs && Uint8Array.of(Number(decodeAs), Number(decodeAs)))).mean!, 2)
    const z1 = moved(q1.loc, q1.scale, lower)
    const q2 = await normalAt(engine, 'upwards', z1)
    const z2 = moved(q2.loc, q2.scale, upper)
    const p1 = await normalAt(engine, 'downwards', z2)
    const pictures = await engine.part('decoder', z1, decodeAs)
    const scales = pictures.scale && split(pictures.scale, DRAWS)
    const lost = split(pictures.mean!, DRAWS).map((mean, i) => distortion(about, x, mean, scaleOf(about, scales?.[i] ?? null, shown.likelihoodScale)))
    const known = lost.every((one) => one !== null)
    const found: Apart = {
      x, both: both!, upper: alone!, z: top.loc, deviation: q1.loc.map((value, k) => (value - guess.loc[k]!) / guess.scale[k]!),
      rates: rateOf({ q1, z1, q2, z2, p1 }, shown.prior, about.prior.kind === 'standard_normal'),
      distortion: known ? lost.reduce((sum, one) => sum + one!, 0) / DRAWS : null,
    }
    if (store.engines.value?.patient === engine) together(() => (apart.value = found))
  } catch {
    // another run has been opened meanwhile
  }
})

const draw = latestWins(async ({ z, deviation }: Apart, decodeAs: Classes) => {
  const engine = store.engines.value?.patient
  const about = store.manifest.value
  const prior = store.calm.value?.prior ?? null
  if (!engine || !about?.levels) return
  const { lower, upper, parts } = noiseOf(about.levels.lower, about.latent)
  const some = <T,>(all: T[]) => all.slice(0, SHOWN)
  try {
    const here = await normalAt(engine, 'downwards', z)
    const codes = some(upper).map((epsilon, i) => (prior ? drawPrior(prior, null, parts[i]!, epsilon) : epsilon))
    const there = await normalAt(engine, 'downwards', Float32Array.from(codes.flat()))
    const all = Float32Array.of(...moved(here.loc, here.scale, some(lower)), ...there.loc, ...moved(there.loc, there.scale, codes.map(() => deviation)))
    const x = split((await engine.part('decoder', all, decodeAs)).mean!, 3 * SHOWN)
    if (store.engines.value?.patient !== engine) return
    const row = (first: number, of: (i: number) => number[]) => some(x.slice(first)).map((one, i) => ({ z: of(i), x: one }))
    together(() => (rows.value = { held: row(0, () => Array.from(z)), varied: row(SHOWN, (i) => codes[i]!), deviating: row(2 * SHOWN, (i) => codes[i]!) }))
  } catch {
    // another run has been opened meanwhile
  }
})

const switched = computed(() => view.value.cls)

/** The image of the row is taken apart whenever it or the weights change, and the rows are drawn anew. */
export function keepLevels(): void {
  const classOf = (image: number | null) => (image === null ? (readAs.value ?? switched.value ?? 0) : store.images.value!.labels[image]!)
  const levels = computed(() => (store.manifest.value?.unsupported === null ? store.manifest.value.levels : null))
  effect(() => {
    const now = journey.value
    void [store.calm.value, rolled.value]
    if (!levels.value || !now || !store.images.value) {
      apart.value = null
      return
    }
    const label = classOf(now.image)
    const { conditional } = store.manifest.value!
    takeApart(now.x, conditional.encoder ? label : null, conditional.decoder ? label : null)
  })
  effect(() => {
    const of = apart.value
    void [store.calm.value, rolled.value]
    if (!levels.value || !of) rows.value = null
    else draw(of, store.manifest.value!.conditional.decoder ? (switched.value ?? 0) : null)
  })
}
