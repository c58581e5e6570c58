import type { TrainingState } from '../source/source'

/** Whether this server trains a run at this moment, playing or paused. */
export function isRunning(state: TrainingState | null): state is TrainingState & { run: string } {
  return state !== null && ['starting', 'playing', 'paused'].includes(state.phase)
}
