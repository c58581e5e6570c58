import { computed, effect, signal } from '@preact/signals'
import { contour, type Segment } from '../latent/contours'
import { distortion, hasScales, lossOf, scaleOf } from '../model/likelihood'
import type { Codes, Pixels } from '../model/networks'
import { readAs, same } from '../probe/probe'
import { journey } from '../row/journey'
import { announce } from '../state/actions'
import { layers } from '../state/layers'
import { logDensity, logNormal, MASSES } from '../state/prior'
import * as store from '../state/store'
import { view } from '../state/view'
import { elboOn, type Grid, keyOf, levelsOf, placeOf, posteriorOn } from './grid'

/** What is known of log p(x) of one image, in nats. */
export interface Evidence extends Pick<Grid, 'logEvidence' | 'change' | 'decoded' | 'coarse' | 'spacing'> {
  /** Exact too; null: the density of this posterior is not known here. */
  elbo: number | null
  /** Where the first grid began and ended. */
  from: number[]
  to: number[]
  /** Lines through codes that hold 39, 86 and 99 % of p(z|x), from the inmost on. */
  contours: Segment[][]
  /** Of a code of one dimension: p(z|x) from left to right. */
  curve: [z: number, density: number][]
}

export const evidence = signal<Evidence | null>(null)

/** What is shown for a moment only is not computed, nor what a training passes through, in ms. */
const REST = 200
const REST_OF_TRAINING = 800
/** Pixels decoded at once: the page answers in between. */
const PIXELS = 200_000
/** Of the first grid, numbers that are kept for the next image. */
const MOST_KEPT = 2 ** 24
/** The first grid reaches over so many standard deviations of the prior and of each posterior. */
const AROUND = 5

/** Why there is no exact posterior of the run that is shown; null: there is. */
export const obstacle = computed<string | null>(() => {
  const about = store.manifest.value
  const shown = store.calm.value
  if (!about || !shown) return 'there is no run yet'
  if (about.latent > 2) return 'a grid over more than two dimensions would take too long'
  if (about.levels) return 'it is one of two levels, and a grid is over one'
  if (about.unsupported !== null) return 'the server decodes this model, and a grid is thousands of codes'
  if (!lossOf(about, hasScales(about) ? 1 : scaleOf(about, null, shown.likelihoodScale))) return `the page does not know the density of this likelihood (${about.likelihood.kind.replaceAll('_', ' ')})`
  if (about.likelihood.kind === 'laplace') return 'its density has a kink at each pixel, and a grid over codes is not exact there'
  if (about.prior.kind !== 'standard_normal' && !shown.prior?.exact) return `the page knows this prior (${about.prior.kind.replaceAll('_', ' ')}) by draws only`
  return null
})

/** Whether its layer is on, and it can be known. */
export const sought = computed(() => layers.value.exact && obstacle.value === null)

export interface Asked extends Codes {
  x: Float32Array
  cls: number | null
  snapshot: store.Snapshot
}

/** Compute it for the image that the row shows, while its layer is on and once that image rests. */
export function keepEvidence(): void {
  let asked: Asked | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const now = journey.value
    const snapshot = store.calm.value
    const about = store.manifest.value
    const label = now?.image == null ? (readAs.value ?? view.value.cls ?? 0) : store.images.value!.labels[now.image]!
    const wanted = sought.value && now && snapshot && about
    const next = wanted ? { x: now.x, loc: now.loc, scale: now.scale, cls: about.conditional.decoder || snapshot.prior?.byClass ? label : null, snapshot } : null
    if (next && asked && next.cls === asked.cls && next.snapshot === asked.snapshot && same(next.x, asked.x) && same(next.loc, asked.loc)) return
    clearTimeout(timer)
    asked = next
    evidence.value = null
    if (next === null) return
    const begin = () => {
      const weights = store.snapshot.peek() // a training shows others before it is calm
      const stale = () => asked !== next || store.snapshot.peek() !== weights
      find(next, stale).then((found) => {
        if (stale()) return
        evidence.value = found
        announce(`log p(x) is ${found.logEvidence.toFixed(2)} nats`)
      }, () => {}) // another image is wanted, or another run has been opened
    }
    timer = setTimeout(begin, next.snapshot.index === null ? REST_OF_TRAINING : REST)
  })
}

/** @param stale whether nobody waits for it any more */
async function find(asked: Asked, stale: () => boolean): Promise<Evidence> {
  const d = asked.loc.length
  const { from, to } = reach(asked.snapshot, asked.loc, asked.scale)
  const { grid, elbo } = await bounded(asked, from, to, stale)
  const { logEvidence, change, decoded, coarse, spacing } = grid
  return { logEvidence, change, decoded, coarse, spacing, elbo, from, to, contours: d === 2 ? contoursOf(grid) : [], curve: d === 1 ? curveOf(grid) : [] }
}

/** Whether the density of q(z|x) is known of location and scale alone. */
export const knowsPosterior = () => (store.manifest.value?.run.config.model as { posterior?: { kind: string } } | undefined)?.posterior?.kind === 'diagonal_normal'

/**
 * log p(x) and the ELBO of an image.
 *
 * @param decoded p(x|z) on the first grid, which is the same for all images of a class: they are decoded once
 */
export async function bounded({ x, loc, scale, cls, snapshot }: Asked, from: number[], to: number[], stale: () => boolean, decoded: Map<number | null, Pixels> | null = null): Promise<{ grid: Grid; elbo: number | null }> {
  const about = store.manifest.value!
  const d = about.latent
  const { prior, likelihoodScale } = snapshot
  let first = decoded !== null
  const logJoint = async (z: Float32Array) => {
    const n = z.length / d
    const values = new Float64Array(n)
    const once = Math.max(1, Math.floor(PIXELS / x.length))
    const room = () => new Float32Array(n * x.length)
    const kept = first && n * x.length <= MOST_KEPT ? (decoded!.get(cls) ?? { mean: room(), scale: hasScales(about) ? room() : null }) : null
    const known = kept !== null && decoded!.has(cls)
    first = false
    for (let begin = 0; begin < n; begin += once) {
      if (stale()) throw new Error('stale')
      const end = Math.min(n, begin + once)
      const [from, to] = [begin * x.length, end * x.length]
      const { mean, scale } = known ? { mean: kept.mean.subarray(from, to), scale: kept.scale?.subarray(from, to) ?? null } : await store.engines.value!.patient.decode(z.slice(begin * d, end * d), cls)
      if (kept && !known) {
        kept.mean.set(mean, from)
        if (scale) kept.scale?.set(scale, from)
      }
      for (let i = begin; i < end; i++) {
        const logPrior = prior ? logDensity(prior, z, i, cls) : z.subarray(i * d, (i + 1) * d).reduce((sum, entry) => sum + logNormal(entry, 0, 1), 0)
        const place = [(i - begin) * x.length, (i - begin + 1) * x.length] as const
        values[i] = logPrior - distortion(about, x, mean.subarray(...place), scaleOf(about, scale?.subarray(...place) ?? null, likelihoodScale))!
      }
    }
    if (kept) decoded!.set(cls, kept)
    return values
  }
  const grid = await posteriorOn(logJoint, from, to, loc)
  return { grid, elbo: knowsPosterior() ? await elboOn(logJoint, loc, scale) : null }
}

/** Over the prior and all codes, and around those of one image or more. */
export function reach({ loc: locs, prior, count }: store.Snapshot, loc: Float32Array, scale: Float32Array): { from: number[]; to: number[] } {
  const d = locs.length / count
  const [from, to] = [new Array<number>(d).fill(Infinity), new Array<number>(d).fill(-Infinity)]
  const hold = (middles: Float32Array, scales: Float32Array | null, unit = 0) =>
    middles.forEach((middle, i) => {
      const around = AROUND * (scales?.[i] ?? unit)
      from[i % d] = Math.min(from[i % d]!, middle - around)
      to[i % d] = Math.max(to[i % d]!, middle + around)
    })
  if (prior) hold(prior.loc, prior.scale)
  else hold(new Float32Array(d), null, 1)
  hold(locs, null)
  hold(loc, scale)
  return { from, to }
}

function contoursOf(grid: Grid): Segment[][] {
  const { nodes, spacing } = grid
  const [wide, tall] = spacing as [number, number]
  return levelsOf(grid, MASSES).map((level) =>
    [...nodes.keys()].flatMap((key) => {
      const [i, j] = placeOf(key, 2) as [number, number]
      const corners = [[i, j], [i + 1, j], [i, j + 1], [i + 1, j + 1]].map((place) => nodes.get(keyOf(place)))
      if (corners.includes(undefined)) return []
      return contour(corners as number[], 2, 2, level).map(([x1, y1, x2, y2]): Segment => [(i + x1) * wide, (j + y1) * tall, (i + x2) * wide, (j + y2) * tall])
    }),
  )
}

function curveOf({ nodes, spacing, logEvidence }: Grid): [number, number][] {
  return [...nodes].sort(([a], [b]) => a - b).map(([key, value]) => [key * spacing[0]!, Math.exp(value - logEvidence)])
}
