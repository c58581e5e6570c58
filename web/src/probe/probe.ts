import { computed, effect, signal } from '@preact/signals'
import { normal } from '../latent/normal'
import type { Ink, Manifest } from '../model/manifest'
import type { Codes } from '../model/networks'
import { fromByte } from '../model/pixels'
import { fall, falling, landNow } from '../row/fall'
import { drawAt } from '../state/drawn'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { together } from '../state/together'
import { change, type Probe, view } from '../state/view'
import { asDrawn, covering, type Raster, rasterOf } from './picture'
import { asImage, type Point } from './stroked'

/** Of the drawing pad, in its own pixels. */
export const SIDE = 280

/** What was drawn on the pad, stroke by stroke. */
export const strokes = signal<Point[][]>([])
/** A picture of one's own, in the drawing's place. */
export const dropped = signal<HTMLCanvasElement | null>(null)
/** Whether a drawing is made as large as the training images are, and put where they are. */
export const placed = signal(true)
/** The class that a drawing is read as by a conditional encoder. */
export const readAs = signal<number | null>(null)
/** How often a code has been drawn from the posterior; 0: its mean is decoded. */
export const draws = signal(0)
/** How many more are to be drawn by themselves. */
export const more = signal(0)
/** The last codes that were drawn for what is probed, by this step's weights. */
export const marks = signal<number[][]>([])
/** What the network sees. */
export const seen = signal<Float32Array | null>(null)
/** What p(x|z) is at a code: its mean, the scale of each pixel where they differ, and a draw where there can be one. */
export interface Decoded {
  z: number[]
  /** Whether z was drawn from the posterior, or is its mean. */
  drawn: boolean
  decoded: Float32Array
  pixelScale: Float32Array | null
  draw: Float32Array | null
}
/** What it makes of it. */
export const result = signal<Decoded | null>(null)

/** Of a bundle that does not say it: as MNIST's digits are, in proportion. */
function usual([, height, width]: [number, number, number]): Ink {
  const least = Math.min(height, width)
  return { ground: 0, ink: 1, longest: (20 / 28) * least, stroke: (2.6 / 28) * least, mass: null, centre: 'mass', at: [height / 2, width / 2] }
}

/** How the training images are drawn; null: they are pictures, not drawings. */
export const inkOf = ({ data }: Manifest): Ink | null => (data.ink === undefined ? usual(data.shape) : data.ink)

/** What the pad draws with: of pictures there is nothing to imitate, light on grey shows best. */
export const penOf = (about: Manifest): Ink => inkOf(about) ?? { ...usual(about.data.shape), ground: 0.5 }

/** The drawing in the pixels' domain, the same in each channel; or the picture. */
function drawn(about: Manifest): Float32Array {
  const [channels, height, width] = about.data.shape
  const asPixel = (value: number) => fromByte(Math.round(255 * value), about.data.domain)
  const ink = placed.value ? inkOf(about) : null
  if (dropped.value && !ink) return covering(rasterIn(dropped.value, channels), [height, width]).map(asPixel)
  const one = dropped.value && ink ? asDrawn(rasterIn(dropped.value, 1), [height, width], ink) : asImage(strokes.value, SIDE, [height, width], penOf(about), ink !== null)
  const x = new Float32Array(channels * height * width)
  for (let c = 0; c < channels; c++) one.forEach((value, i) => (x[c * one.length + i] = asPixel(value)))
  return x
}

function rasterIn(canvas: HTMLCanvasElement, channels: number): Raster {
  return rasterOf(canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height, channels)
}

const MOST_MARKS = 10

/** Draw another code, and some more after it. */
export function drawAgain(times = 1): void {
  more.value = times - 1
  draws.value += 1
}

/** What was drawn last, and for which image. */
let last: { roll: number; x: Float32Array; epsilon: number[]; snapshot: unknown } = { roll: 0, x: new Float32Array(0), epsilon: [], snapshot: null }

export const same = (a: ArrayLike<number>, b: ArrayLike<number>) => a.length === b.length && Array.prototype.every.call(a, (value, i) => value === b[i])

/** A code drawn from a posterior: mu + sigma epsilon, or one of its draws where it is not independent over dimensions. */
function drawCode({ loc, scale, draws }: Codes, epsilon: number[]): number[] {
  const d = loc.length
  if (!draws) return Array.from(loc, (entry, k) => entry + scale[k]! * epsilon[k]!)
  const row = Math.floor((Math.random() * draws.length) / d)
  return Array.from(draws.slice(row * d, (row + 1) * d))
}

let pinnedFor: unknown = null

const encode = latestWins(async (x: Float32Array, cls: number | null, decodeAs: number | null, roll: number, drawing: unknown) => {
  const engine = store.engines.value?.patient
  const snapshot = store.calm.value
  if (!engine) return
  try {
    const code = await engine.encode(x, cls)
    const another = !same(x, last.x) || code.loc.length !== last.epsilon.length
    const again = roll > 0 && roll !== last.roll
    if (another || draws.value === 0) more.value = 0
    const epsilon = another || again ? Array.from(code.loc, () => normal()) : last.epsilon
    const kept = another || roll === 0 || last.snapshot !== snapshot ? [] : marks.value
    last = { roll, x, epsilon, snapshot }
    const z = roll ? drawCode(code, epsilon) : Array.from(code.loc)
    const decoded = await engine.decode(Float32Array.from(z), decodeAs)
    const draw = await drawAt(engine, Float32Array.from(z), decodeAs, decoded)
    if (again && !another && !code.draws) await fall(code, epsilon, more.value > 0)
    together(() => {
      store.probed.value = code
      falling.value = null
      marks.value = again ? [...kept, z].slice(-MOST_MARKS) : kept
      result.value = { decoded: decoded.mean, pixelScale: decoded.scale, z, drawn: roll > 0, draw }
      if (drawing && drawing !== pinnedFor) change({ z: Array.from(code.loc) })
      pinnedFor = drawing ?? pinnedFor
      if (more.value > 0 && roll === draws.value) drawAgain(more.value)
    })
  } catch {
    more.value = 0 // another run has been opened meanwhile
    falling.value = null
  }
})

// of the view only this: what the probe finds changes the view
const probe = computed(() => JSON.stringify(view.value.probe))
const cls = computed(() => view.value.cls)
/** Another object for another drawing. */
const drawing = computed(() => ({ strokes: strokes.value, dropped: dropped.value, placed: placed.value, readAs: readAs.value }))

/** Of what is probed: a test image's own, or as what a drawing is read. */
export const probedClass = computed(() => {
  const shown = JSON.parse(probe.value) as Probe | null
  return shown?.kind === 'image' ? (store.images.value?.labels[Math.min(shown.index, store.images.value.count - 1)] ?? 0) : (readAs.value ?? cls.value ?? 0)
})

/** Encode whatever is probed whenever it, the weights or the class change; the pin goes to a drawing when it is drawn. */
export function keepProbeEncoded(): void {
  effect(() => {
    const about = store.manifest.value
    const shown = JSON.parse(probe.value) as Probe | null
    void drawing.value
    if (!about || !store.calm.value || !shown || !store.images.value) {
      seen.value = store.probed.value = result.value = null
      return
    }
    const image = shown.kind === 'image' ? Math.min(shown.index, about.images.count - 1) : null
    const x = image === null ? drawn(about) : pixelsOf(image)
    const label = probedClass.value
    seen.value = x
    landNow()
    encode(x, about.conditional.encoder ? label : null, about.conditional.decoder ? label : cls.value, draws.value, image === null ? drawing.value : null)
  })
}
