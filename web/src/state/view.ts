import { signal } from '@preact/signals'

/** Everything that the address holds: two people with the same address see the same. */
export interface View {
  run: string | null
  /** A kept step's number of steps, `last`, `best`, or `live`: follow the training; null: unsaid, as a run opens. */
  step: number | 'last' | 'best' | 'live' | null
  /** The pinned code, all dimensions; null: none. */
  z: number[] | null
  plane: Plane
  /** Names (`glyphs`): null: where the points are few. */
  layers: Record<Exclude<Layer, 'glyphs'>, boolean> & { glyphs: boolean | null }
  /** The plane as it is, or spread evenly in probability under the prior. */
  scale: 'linear' | 'cdf'
  /** What a conditional model decodes with. */
  cls: number | null
  /** Classes that are filtered out. */
  hidden: number[]
  tool: Tool
  path: Path | null
  probe: Probe | null
  /** Indices (of the bundle) of selected images. */
  selected: number[]
  /** null: all points. */
  camera: Camera | null
  /** Of runs that are compared: planes of two dimensions are turned to match the first run's. */
  aligned: boolean
  theme: 'auto' | 'light' | 'dark'
  /** How much of the page is there. */
  depth: Depth
  /** Large enough for the back row. */
  lecture: boolean
}

/** Centre and half the width of what the latent view shows, on its map. */
export interface Camera {
  x: number
  y: number
  reach: number
}

export type Depth = 'play' | 'look' | 'measure'
export type Layer = 'points' | 'clouds' | 'glyphs' | 'thumbs' | 'tiles' | 'rings' | 'density' | 'fog' | 'exact' | 'gap'
/** `pca` is that of z1 and z2 where there are no more dimensions. */
export type Plane = { kind: 'axes'; i: number; j: number } | { kind: 'pca' }
export type Tool = 'pick' | 'lasso' | 'rectangle' | 'path'
export interface Path {
  from: number[]
  to: number[]
  kind: 'straight' | 'spherical'
}
export type Probe = { kind: 'image'; index: number } | { kind: 'drawing' }

export const DEFAULT_VIEW: View = {
  run: null,
  step: null,
  z: null,
  plane: { kind: 'pca' },
  layers: { points: true, clouds: false, glyphs: null, thumbs: false, tiles: false, rings: true, density: false, fog: false, exact: false, gap: false },
  scale: 'linear',
  cls: null,
  hidden: [],
  tool: 'pick',
  path: null,
  probe: null,
  selected: [],
  camera: null,
  aligned: true,
  theme: 'auto',
  depth: 'play',
  lecture: false,
}

export const view = signal<View>(DEFAULT_VIEW)

/** A new view with some of it changed. */
export function change(part: Partial<View>): void {
  view.value = { ...view.value, ...part }
}
