import { signal } from '@preact/signals'
import type { StepEntry } from '../model/manifest'

/** Whether a run opens at its own weights where they are old; beside others all open at their last. */
export const opensAtOwn = signal(true)

/** From which share of a training on its own weights are old. */
const LONG = 0.75

export const epochOf = (own: StepEntry) => own.weights_epoch ?? own.epoch

/** The step of the run's own weights, where an epoch comes long after theirs. */
export function longBefore(epoch: number, steps: StepEntry[]): StepEntry | undefined {
  return steps.find((entry) => entry.best && epochOf(entry) < LONG * epoch)
}
