import type { TrainingState } from '../source/source'

/** Whether this server trains a run at this moment, playing or paused. */
export function isRunning(state: TrainingState | null): state is TrainingState & { run: string } {
  return state !== null && ['starting', 'playing', 'paused'].includes(state.phase)
}

/** Where a run's newest weights are: in its training, or with the last step that was kept. */
export const newestOf = (run: string | undefined, state: TrainingState | null) => (isRunning(state) && state.run === run ? 'live' : 'last')
