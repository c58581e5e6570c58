import { computed, effect, signal } from '@preact/signals'
import { distortion, scaleOf } from '../model/likelihood'
import type { Codes } from '../model/networks'
import { codeOf } from '../state/actions'
import { drawAt } from '../state/drawn'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { together } from '../state/together'
import { view } from '../state/view'
import { type Decoded, result, seen } from '../probe/probe'
import { knowsRate, rates } from './terms'

export type Part = 'rate' | 'distortion' | 'elbo' | 'evidence' | 'code'

/** One image on its way through the model: x, its posterior, a code z of it, and what is decoded from that. */
export interface Journey extends Codes, Decoded {
  /** null: a drawing. */
  image: number | null
  /** In the pixels' domain, channels first. */
  x: Float32Array
}

/** The test image whose point is nearest to the pointer; null: the pointer is elsewhere, and the probe's image is shown. */
export const passing = signal<number | null>(null)

const passed = signal<Journey | null>(null)

const follow = latestWins(async (image: number) => {
  const about = store.manifest.value
  const code = codeOf(image)
  if (!about || !code || !store.images.value) return
  const label = about.conditional.decoder ? store.images.value.labels[image]! : null
  const engine = store.engines.value?.pointer
  const decoded = await engine?.decode(code.loc, label).catch(() => null)
  if (!engine || !decoded || store.engines.value?.pointer !== engine) return
  const x = pixelsOf(image)
  // a bundle holds means and scales only: of a posterior that is no ellipse along the axes the server knows more
  const whole = about.unsupported === null ? code : await engine.encode(x, about.conditional.encoder ? store.images.value.labels[image]! : null).catch(() => null)
  const draw = await drawAt(engine, code.loc, label, decoded).catch(() => null)
  if (store.engines.value?.pointer !== engine) return
  const journey = { image, x, ...(whole ?? code), z: Array.from(code.loc), drawn: false, decoded: decoded.mean, pixelScale: decoded.scale, draw }
  together(() => (passed.value = journey))
})

/** What is under the pointer is decoded anew whenever it or the weights change. */
export function keepJourney(): void {
  effect(() => {
    const image = passing.value
    if (image === null || !store.calm.value) passed.value = null
    else follow(image)
  })
}

// of the view only this: the row is not drawn anew with every move of the point or the camera
const probedImage = computed(() => (view.value.probe?.kind === 'image' ? view.value.probe.index : null))

/** What the row of pictures shows: the image under the pointer, else the probed one. */
export const journey = computed<Journey | null>(() => {
  if (passed.value && passing.value !== null) return passed.value
  const code = store.probed.value
  if (!seen.value || !code || !result.value || store.manifest.value?.codebook) return null
  return { image: probedImage.value, x: seen.value, ...code, ...result.value }
})

/** Rate, distortion and ELBO of that image in nats; null where the page cannot compute them. */
export const own = computed<Record<Exclude<Part, 'evidence' | 'code'>, number | null>>(() => {
  const now = journey.value
  const about = store.manifest.value
  if (!now || !about) return { rate: null, distortion: null, elbo: null }
  const rate = knowsRate(about) ? rates(now.loc, now.scale).reduce((a, b) => a + b, 0) : null
  const lost = distortion(about, now.x, now.decoded, scaleOf(about, now.pixelScale, store.calm.value?.likelihoodScale ?? null))
  return { rate, distortion: lost, elbo: rate === null || lost === null ? null : -(rate + lost) }
})
