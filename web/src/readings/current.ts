import { computed } from '@preact/signals'
import type { Readings } from '../model/manifest'
import * as store from '../state/store'
import { summarise } from './summary'

/** What the codes that are shown tell by themselves. */
export const summary = computed(() => {
  const shown = store.calm.value
  const d = store.manifest.value?.latent
  return shown && d && shown.count > 0 && shown.loc.length === shown.count * d ? summarise(shown.loc, shown.scale, d) : null
})

/** Terms of the step that is shown, mean over images: of training batches while it is live, else as they were measured on the kept step. */
export const current = computed<Pick<Readings, 'distortion_nats' | 'rate_nats' | 'elbo_nats'> | null>(() => {
  const shown = store.calm.value
  if (!shown) return null
  if (shown.index === null) return store.training.value?.run === shown.run ? store.training.value.terms : null
  return store.manifest.value?.steps.find((step) => step.index === shown.index)?.readings ?? null
})
