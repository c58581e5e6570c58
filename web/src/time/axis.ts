import { computed } from '@preact/signals'
import { tickStep } from '../latent/ticks'
import { isRunning } from '../state/running'
import * as store from '../state/store'

/** The last step of the axis of steps. It ends with a finished run; while one trains it grows in few leaps: to 1, 2 or 5 times a power of ten. */
export const axisEnd = computed(() => {
  const about = store.manifest.value
  const state = store.training.value
  const reached = Math.max(1, about?.steps.at(-1)?.step ?? 0, store.metrics.value.at(-1)?.step ?? 0)
  if (!isRunning(state) || state.run !== about?.run.name) return reached
  const now = Math.max(reached, state.step, 50)
  return Math.max(now, Math.min(tickStep(now), state.steps))
})
