import { computed } from '@preact/signals'
import type { Engine } from '../model/engine'
import { drawPixels, hasScales, scaleOf } from '../model/likelihood'
import type { Classes, Pixels } from '../model/networks'
import { Remote } from '../model/remote'
import * as store from './store'

/** x ~ p(x|z) at codes that have been decoded; null where the page does not know all of it. */
export async function drawAt(engine: Engine, z: Float32Array, classes: Classes, { mean, scale }: Pixels, random?: () => number): Promise<Float32Array | null> {
  if (engine instanceof Remote) return engine.draw(z, classes)
  const about = store.manifest.value
  return about && drawPixels(mean, about, scaleOf(about, scale, store.calm.value?.likelihoodScale ?? null), random)
}

/** Whether there can be one of the run that is shown. */
export const drawable = computed(() => {
  const about = store.manifest.value
  if (!about || store.engines.value?.patient instanceof Remote) return about !== null
  const nothing = new Float32Array(0)
  return drawPixels(nothing, about, scaleOf(about, hasScales(about) ? nothing : null, store.calm.value?.likelihoodScale ?? null)) !== null
})
