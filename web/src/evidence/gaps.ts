import { computed, effect, signal } from '@preact/signals'
import type { Pixels } from '../model/networks'
import { announce } from '../state/actions'
import { layers } from '../state/layers'
import { pixelsOf } from '../state/images'
import { resting } from '../state/resting'
import * as store from '../state/store'
import { short } from '../ui/number'
import { bounded, knowsPosterior, obstacle, reach } from './evidence'

/** What q(z|x) loses of each image, KL(q(z|x) || p(z|x)) in nats, as far as it is known. */
export interface Gaps {
  snapshot: store.Snapshot
  /** By the rows of the snapshot; NaN: not known. */
  of: Float64Array
  done: number
  total: number
}

export const gaps = signal<Gaps | null>(null)

/** Images of which it is computed: a grid each takes its time. */
const MOST = 300
/** ms between two pictures of what is known so far. */
const OFTEN = 500
/** Shades of the colour, and which part of the images has the fullest. */
export const SHADES = 8
const FULL = 0.95

/** Why there are none of the run that is shown; null: there are. */
export const noGaps = computed(() => obstacle.value ?? (knowsPosterior() ? null : 'the page does not know the density of this posterior'))

/** Compute them image by image while their layer is on and the step that is shown rests. */
export function keepGaps(): void {
  const wanted = computed(() => (layers.value.gap && noGaps.value === null && resting.value?.index != null && resting.value === store.snapshot.value ? resting.value : null))
  effect(() => {
    const snapshot = wanted.value
    if (gaps.peek()?.snapshot !== snapshot) gaps.value = null
    if (snapshot) compute(snapshot, () => wanted.peek() !== snapshot).catch(() => {}) // another step is shown
  })
}

async function compute(snapshot: store.Snapshot, stale: () => boolean): Promise<void> {
  const { count, loc, scale, imageOf, prior } = snapshot
  const about = store.manifest.value!
  const d = about.latent
  const total = Math.min(MOST, count)
  const of = new Float64Array(count).fill(NaN)
  const { from, to } = reach(snapshot, loc, scale)
  const decoded = new Map<number | null, Pixels>()
  let told = 0
  for (let done = 0; done < total; done++) {
    const row = Math.floor((done * count) / total)
    const label = store.images.value!.labels[imageOf[row]!]!
    const code = { loc: loc.slice(row * d, (row + 1) * d), scale: scale.slice(row * d, (row + 1) * d) }
    const { grid, elbo } = await bounded({ ...code, x: pixelsOf(imageOf[row]!), cls: about.conditional.decoder || prior?.byClass ? label : null, snapshot }, from, to, stale, decoded)
    if (stale()) return
    of[row] = grid.logEvidence - elbo!
    if (performance.now() - told < OFTEN && done + 1 < total) continue
    told = performance.now()
    gaps.value = { snapshot, of, done: done + 1, total }
    await new Promise((resolve) => setTimeout(resolve)) // whatever else there is to do comes first
  }
  announce(wordsOf(gaps.value!))
}

/** The gap that has the fullest colour. */
export function fullest(of: Float64Array): number {
  const known = of.filter((gap) => !Number.isNaN(gap)).sort()
  return Math.max(1e-9, known[Math.floor(FULL * (known.length - 1))] ?? 0)
}

/** The shade of each row, the emptiest 0; SHADES: not known. */
export function shadesOf(of: Float64Array): Uint8Array {
  const most = fullest(of)
  return Uint8Array.from(of, (gap) => (Number.isNaN(gap) ? SHADES : Math.max(0, Math.min(SHADES - 1, Math.floor((SHADES * gap) / most)))))
}

export function wordsOf({ of, done, total }: Gaps): string {
  const known = of.filter((gap) => !Number.isNaN(gap))
  const mean = known.reduce((sum, gap) => sum + gap, 0) / known.length
  return `mean gap ${short(mean, 2)} nats, full colour ${short(fullest(of), 2)} · ${done < total ? `${done} of ` : ''}${total} images`
}

/** Of the snapshot that is shown; null: points have the colours of their classes. */
export const shades = computed(() => (layers.value.gap && gaps.value && gaps.value.snapshot === store.snapshot.value ? shadesOf(gaps.value.of) : null))
