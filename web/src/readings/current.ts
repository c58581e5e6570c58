import { computed } from '@preact/signals'
import * as store from '../state/store'
import { summarise } from './summary'

/** What the codes that are shown tell by themselves. */
export const summary = computed(() => {
  const shown = store.calm.value
  const d = store.manifest.value?.latent
  return shown && d && shown.loc.length === shown.count * d ? summarise(shown.loc, shown.scale, d) : null
})
