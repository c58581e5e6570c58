import { effect, signal } from '@preact/signals'
import type { Manifest } from '../model/manifest'
import { fromByte } from '../model/pixels'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/loading'
import * as store from '../state/store'
import { together } from '../state/together'
import { change, view } from '../state/view'
import { asImage } from './centre'

/** Of the drawing pad, in its own pixels. */
export const SIDE = 280

/** Darkness of what was drawn. */
export const ink = signal(new Float32Array(SIDE * SIDE))
/** Whether a drawing is scaled and centred as MNIST's digits were. */
export const centred = signal(true)
/** The class that a drawing is read as by a conditional encoder. */
export const readAs = signal<number | null>(null)
/** How often a code has been drawn from the posterior; 0: its mean is decoded. */
export const draws = signal(0)
/** What the network sees. */
export const seen = signal<Float32Array | null>(null)
/** What it makes of it, and from which code. */
export const result = signal<{ x: Float32Array; z: number[] } | null>(null)

/** A draw from N(0, 1) by Box and Muller's transform. */
export function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
}

/** The drawing in the pixels' domain, the same in each channel. */
function drawn(about: Manifest): Float32Array {
  const [channels, height, width] = about.data.shape
  const one = asImage(ink.value, SIDE, [height, width], centred.value)
  const x = new Float32Array(channels * height * width)
  for (let c = 0; c < channels; c++) one.forEach((value, i) => (x[c * one.length + i] = fromByte(Math.round(255 * value), about.data.domain)))
  return x
}

const encode = latestWins(async (x: Float32Array, cls: number | null, decodeAs: number | null, roll: number, drawing: boolean) => {
  const engine = store.engines.value?.patient
  if (!engine) return
  try {
    const code = await engine.encode(x, cls)
    const z = Array.from(code.loc, (entry, k) => (roll ? entry + normal() * code.scale[k]! : entry))
    const decoded = await engine.decode(Float32Array.from(z), decodeAs)
    together(() => {
      store.probed.value = code
      result.value = { x: decoded, z }
      if (drawing) change({ z: Array.from(code.loc) })
    })
  } catch {
    // another run has been opened meanwhile
  }
})

/** Encode whatever is probed whenever it, the weights or the class change. */
export function keepProbeEncoded(): void {
  effect(() => {
    const about = store.manifest.value
    const { probe, cls } = view.value
    void [store.calm.value, ink.value, centred.value]
    if (!about || !store.calm.value || !probe || !store.images.value) {
      seen.value = store.probed.value = result.value = null
      return
    }
    const image = probe.kind === 'image' ? Math.min(probe.index, about.images.count - 1) : null
    const x = image === null ? drawn(about) : pixelsOf(image)
    const label = image === null ? (readAs.value ?? cls ?? 0) : store.images.value.labels[image]!
    seen.value = x
    encode(x, about.conditional.encoder ? label : null, about.conditional.decoder ? label : cls, draws.value, image === null)
  })
}
