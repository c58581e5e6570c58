import type { Manifest, MetricRow, PriorTold, StepEntry, Weights } from '../model/manifest'
import type { Classes, Codes, Pixels } from '../model/networks'

/** What the page reads from: a server (live or saved runs), an exported folder, or the page's own file. */
export interface Source {
  readonly kind: 'server' | 'static' | 'inline'
  /** Runs to choose from; a static source has one. */
  runs(): Promise<RunSummary[]>
  /** The run to begin with: the one that is asked for, where it is there; null: there is none. */
  first(asked: string | null): Promise<string | null>
  manifest(run: string): Promise<Manifest>
  /** Weights of a kept step. */
  weights(run: string, index: number): Promise<Weights>
  /** int16 codes of a kept step. */
  codes(run: string, index: number): Promise<ArrayBuffer>
  labels(run: string): Promise<Uint8Array>
  /** The atlas of the test images, as an address for an <img>. */
  thumbs(run: string): Promise<string>
  /** Training; null where nothing can be trained. */
  readonly live: Live | null
}

export interface RunSummary {
  id: string
  data: string
  model: string
  latent: number
  epochs_done: number
  epochs: number
  /** Of the weights kept, on the validation images. */
  elbo_nats: number | null
  distortion_nats: number | null
  rate_nats: number | null
  /** Settings in words, by their dotted keys: those in which the runs of the folder differ. */
  settings: Record<string, string>
  /** Seconds since 1970. */
  written: number
  /** Why it cannot be opened, in words. */
  obstacle: string | null
  /** The name that a copy of it would get. */
  copy: string
  /** The process that writes it at this moment, unless that is this server's. */
  writer: Writer | null
}

/** Who writes a run. */
export interface Writer {
  what: string
  host: string
  pid: number
  /** ISO 8601. */
  since: string
  /** Whether on the server's machine. */
  here: boolean
}

/** Training on the server. Each request rejects with the server's own words. */
export interface Live {
  listen(hear: Hearing): () => void
  choices(): Promise<Choices>
  /** Comparisons to open, or to train what they want. */
  ready(): Promise<Ready[]>
  start(base: string, set: Record<string, unknown>, name: string | null): Promise<string>
  /** Send a folder of pictures as a tar; `progress` hears how many bytes have gone. Resolves to their name here. */
  sendPictures(tar: Blob, files: number, progress: (sent: number) => void, signal: AbortSignal): Promise<string>
  /** What they are and the recipe for them, or which file cannot be read, unless those are skipped. */
  lookAtPictures(pictures: string, skip: boolean): Promise<PicturesFound | { damaged: string }>
  trainOnPictures(pictures: string): Promise<string>
  forgetPictures(pictures: string): Promise<void>
  /** Go on with a run: with a finished one as a copy, or in place where that is wanted. Resolves to the run that trains. */
  resume(run: string, epochs: number | null, how: 'copy' | 'in_place' | null): Promise<string>
  /** Begin a run anew; resolves to the run that trains, which is another where it was finished or begun elsewhere. */
  reset(run: string): Promise<string>
  command(name: 'play' | 'pause' | 'step' | 'epoch' | 'stop'): Promise<void>
  set(values: LiveValues): Promise<void>
  /** Of n x d codes by the server, for a model that the page cannot compute; step null: as it trains. */
  decode(run: string, step: number | null, z: Float32Array, classes: Classes, draw: boolean): Promise<Pixels>
  encode(run: string, step: number | null, x: Float32Array, classes: Classes): Promise<Codes>
  /** The exported site: a .zip, or one .html. */
  export(run: string, singleFile: boolean): Promise<Blob>
  /** A run as a folder: another name, or into the bin, from where it can be had back. Each resolves to the name that it has then. */
  rename(run: string, name: string): Promise<string>
  throwAway(run: string): Promise<string>
  takeBack(binned: string, name: string): Promise<string>
  binned(): Promise<string[]>
  /** Where some of its codes lie: x, y, label. */
  glance(run: string): Promise<[number, number, number][]>
  /** Be told what other processes do to a run whose log is known up to a step; null: to none. */
  watch(run: string | null, step: number): void
}

export interface LiveValues {
  beta?: number
  learning_rate?: number
  /** Seconds a step is made to take at least; 0: full speed. */
  pace?: number
  stop_at?: number | null
  on_close?: 'keep' | 'pause'
}

export interface Hearing {
  state(state: TrainingState): void
  /** Resolves once it has been drawn. */
  snapshot(frame: SnapshotFrame): Promise<void>
  /** One more step is kept: all of them. */
  kept(run: string, steps: StepEntry[]): void
  /** New rows; where `after` is a number, what is known of later steps is forgotten first. */
  metrics(run: string, rows: MetricRow[], after: number | null): void
  followed(news: Followed): void
  /** There are other runs than before. */
  runs(): void
  /** The connection was lost (it is tried again by itself), or is back. */
  connected(yes: boolean): void
}

/** A run that this server does not train: who does, and what is new of it. */
export interface Followed {
  run: string
  phase: 'idle' | 'training' | 'busy' | 'done' | 'stopped' | 'killed' | 'gone'
  text: string
  epoch: number
  epochs: number
  writer: Writer | null
  /** Another run stands in its place: nothing of before holds. */
  anew?: boolean
  rows?: MetricRow[]
  /** All kept steps. */
  kept?: StepEntry[]
}

export type Phase = 'idle' | 'starting' | 'playing' | 'paused' | 'ended' | 'failed'

export interface TrainingState {
  run: string | null
  phase: Phase
  /** What happened, in words, where there is something to say. */
  text: string
  step: number
  steps: number
  epoch: number
  epochs: number
  steps_per_epoch: number
  images_per_second: number
  pace: number
  beta: number | null
  learning_rate: number | null
  stop_at: number | null
  terms: { distortion_nats: number; rate_nats: number; elbo_nats: number } | null
  on_close: 'keep' | 'pause'
}

/** One step of a running training: weights and codes of some of the test images. */
export interface SnapshotFrame {
  run: string
  step: number
  epoch: number
  count: number
  total: number
  loc_unit: number
  log_scale_unit: number
  scale: number | null
  prior?: PriorTold | null
  weights: ArrayBuffer
  codes: ArrayBuffer
}

export interface PicturesFound {
  /** YAML with its reasons. */
  recipe: string
  images: number
  /** How many of them are trained on. */
  train: number
  /** Channels, height, width. */
  shape: [number, number, number]
  /** Each with its number of pictures. */
  classes: [string, number][]
  notes: string[]
}

/** A shipped config. */
export interface Base {
  name: string
  about: string
  /** What it has for each axis that applies to it, in words. */
  values: Record<string, string>
  /** Options that it cannot have. */
  refused: Record<string, unknown[]>
}

export interface Choices {
  bases: Base[]
  axes: Axis[]
  presets: { name: string; hint: string; about: string; set: Record<string, unknown> }[]
}

/** A comparison that shows something; of each part the run that is shown as it, or null and what to train for it. */
export interface Ready {
  name: string
  title: string
  about: string
  parts: { base: string; set: Record<string, unknown>; name: string; /** That it takes, about. */ seconds: number; run: string | null }[]
}

export type Axis = { key: string; label: string; restarts: boolean; default: unknown } & (
  | { options: { value: unknown; label: string; about: string }[] }
  | { minimum: number; maximum: number; integer: boolean }
)
