import type { Manifest, MetricRow, StepEntry } from '../model/manifest'
import type { Classes, Codes } from '../model/networks'

/** What the page reads from: a server (live or saved runs), an exported folder, or the page's own file. */
export interface Source {
  readonly kind: 'server' | 'static' | 'inline'
  /** Runs to choose from; a static source has one. */
  runs(): Promise<RunSummary[]>
  manifest(run: string): Promise<Manifest>
  /** float16 weights of a kept step. */
  weights(run: string, index: number): Promise<ArrayBuffer>
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
  elbo_nats: number | null
  /** Why it cannot be opened, in words. */
  obstacle: string | null
}

/** Training on the server. Each request rejects with the server's own words. */
export interface Live {
  listen(hear: Hearing): () => void
  choices(): Promise<Choices>
  start(base: string, set: Record<string, unknown>, name: string | null): Promise<string>
  resume(run: string, epochs: number | null): Promise<string>
  command(name: 'play' | 'pause' | 'step' | 'epoch' | 'stop' | 'reset'): Promise<void>
  set(values: LiveValues): Promise<void>
  /** Images of n x d codes by the server, for a model that the page cannot compute; step null: as it trains. */
  decode(run: string, step: number | null, z: Float32Array, classes: Classes): Promise<Float32Array>
  encode(run: string, step: number | null, x: Float32Array, classes: Classes): Promise<Codes>
  /** Address of the exported site: a .zip, or one .html. */
  exportAddress(run: string, singleFile: boolean): string
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
  kept(run: string, entry: StepEntry): void
  metrics(run: string, rows: MetricRow[]): void
  /** The connection was lost (it is tried again by itself), or is back. */
  connected(yes: boolean): void
  /** The server is there again and does not know this page any more. */
  refused(words: string): void
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
  weights: ArrayBuffer
  codes: ArrayBuffer
}

export interface Choices {
  bases: { name: string; about: string; /** What it has for each axis, in words. */ values: Record<string, string> }[]
  axes: Axis[]
  presets: { name: string; hint: string; about: string; set: Record<string, unknown> }[]
}

export type Axis = { key: string; label: string; restarts: boolean; default: unknown } & (
  | { options: { value: unknown; label: string; about: string }[] }
  | { minimum: number; maximum: number; integer: boolean }
)
