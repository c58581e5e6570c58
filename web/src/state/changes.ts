import { computed, effect, signal } from '@preact/signals'
import { isRunning } from './running'
import * as store from './store'

/** What somebody changed while a run trained. */
export interface Change {
  step: number
  beta?: number
  learning_rate?: number
}

/** Seen by this page while the run trains; its config says them once it is kept. */
const seen = signal<{ run: string; changes: Change[] }>({ run: '', changes: [] })

/** Of the run that is shown, each step once. */
export const changes = computed<Change[]>(() => {
  const about = store.manifest.value
  if (!about) return []
  const { changes: written = [] } = about.run.config.training as { changes?: (Change & { beta: number | null; learning_rate: number | null })[] }
  const found = new Map<number, Change>()
  for (const { step, beta, learning_rate } of written) {
    if (beta !== null || learning_rate !== null) found.set(step, { step, ...(beta === null ? {} : { beta }), ...(learning_rate === null ? {} : { learning_rate }) })
  }
  const state = store.training.value
  // what this page set itself is in the config as soon as the training has ended
  if (isRunning(state) && state.run === about.run.name && seen.value.run === state.run) for (const change of seen.value.changes) found.set(change.step, { ...found.get(change.step), ...change })
  return [...found.values()].sort((a, b) => a.step - b.step)
})

/** Remember what is being set here; what it answers forgets it again. */
export function remember({ beta, learning_rate }: Omit<Change, 'step'>): () => void {
  const state = store.training.value
  const former = seen.value
  if (!isRunning(state) || (beta === undefined && learning_rate === undefined)) return () => {}
  const change = beta === undefined ? { learning_rate: learning_rate! } : { beta }
  const before = seen.value.run === state.run ? seen.value.changes : []
  // a slider that is dragged makes one mark
  const near = before.at(-1)
  const same = near && Object.keys(change).every((key) => key in near) && state.step - near.step < MERGED
  seen.value = { run: state.run, changes: same ? [...before.slice(0, -1), { ...near, ...change }] : [...before, { step: state.step, ...change }] }
  return () => (seen.value = former)
}

const MERGED = 60

/** A run that begins anew has no marks of before. */
export function forgetChanges(): void {
  effect(() => {
    const state = store.training.value
    if (state?.run === seen.peek().run && state.step === 0 && seen.peek().changes.some((change) => change.step > 0)) seen.value = { run: '', changes: [] }
  })
}
