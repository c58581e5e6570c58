import { signal } from '@preact/signals'
import type { Engine } from '../model/engine'
import type { Manifest, MetricRow } from '../model/manifest'
import type { Codes } from '../model/networks'
import type { Mixture } from './prior'
import type { Check } from '../model/selfcheck'
import type { Followed, RunSummary, Source, TrainingState } from '../source/source'

/** One step of a training: what every panel shows. */
export interface Snapshot {
  run: string
  step: number
  epoch: number
  /** Of the kept step; null: live. */
  index: number | null
  /** Numbers of a codebook's entries, places by images, where that is what a code is; then there are no vectors, and no image has one. */
  entries: Uint16Array | null
  /** Images with codes, and for each its index in the bundle. */
  count: number
  imageOf: Uint32Array
  /** loc and scale of q(z|x), count x d. */
  loc: Float32Array
  scale: Float32Array
  /** Of all pixels in the likelihood, in their units; null: there is no such one. */
  likelihoodScale: number | null
  /** The model's own prior, where it is not N(0, I) and is known. */
  prior: Mixture | null
}

/** The bundle's test images. */
export interface Images {
  count: number
  labels: Uint8Array
  /** The atlas's pixels, RGBA. */
  pixels: Uint8ClampedArray
  width: number
  atlas: HTMLCanvasElement
  columns: number
}

/** Both hold the weights of `snapshot`: one answers the pointer, the other everything that takes longer. */
export interface Engines {
  pointer: Engine
  patient: Engine
}

/** A code in the latent view under the pointer or the keyboard, with what it decodes to. */
export interface Decoded {
  z: number[]
  cls: number | null
  /** In the pixels' domain, channels first. */
  x: Float32Array
  /** Of each pixel in p(x|z), where it differs. */
  scale: Float32Array | null
}

export const source = signal<Source | null>(null)
export const runs = signal<RunSummary[]>([])
/** Whether the runs have been asked for: the first picture is there before. */
export const listed = signal(false)
export const manifest = signal<Manifest | null>(null)
export const metrics = signal<MetricRow[]>([])
export const images = signal<Images | null>(null)
export const snapshot = signal<Snapshot | null>(null)
/** The same for panels of words and small pictures: a training that is followed moves them a few times a second only. */
export const calm = signal<Snapshot | null>(null)
export const engines = signal<Engines | null>(null)
export const check = signal<Check | null>(null)
/** Whether the kept steps of the run are being played as a film; of runs that are compared, in any of their pages. */
export const replaying = signal(false)
export const training = signal<TrainingState | null>(null)
/** What is known of a run that another process trains, or has trained while this page looked. */
export const followed = signal<Followed | null>(null)
/** A run that is chosen and cannot be shown yet, with the reason. */
export const waiting = signal<{ run: string; words: string } | null>(null)
export const connected = signal(true)
/** Why the server does not let this page in; null: it does. */
export const locked = signal<string | null>(null)
/** Under the pointer. */
export const hovered = signal<Decoded | null>(null)
/** At the pinned code `view.z`. */
export const pinned = signal<Decoded | null>(null)
/** The posterior of what the probe shows, and its position in the latent view. */
export const probed = signal<Codes | null>(null)
/** A position on the path or another strip that the pointer is over. */
export const marked = signal<number[] | null>(null)
/** The class whose name the pointer or the keyboard is on: its points stand out. */
export const lit = signal<number | null>(null)
/** Opening a run, or making a bundle, takes a while. */
export const busy = signal<string | null>(null)
/** What went wrong, in words; shown until it is closed. */
export const problem = signal<string | null>(null)
/** Why a key did nothing, for a moment. */
export const notice = signal<string | null>(null)
/** What a screen reader is told. */
export const announced = signal('')
