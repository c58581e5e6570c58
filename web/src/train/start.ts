import { signal } from '@preact/signals'
import type { Choices, Live } from '../source/source'
import { watch } from '../state/live'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { attempt, begin } from './attempt'

/** What a new run may be made of; null until the server has told. */
export const choices = signal<Choices | null>(null)
export const formOpen = signal(false)

/** Train on the data that are open: with the shipped config of such data, else with the demonstration's. */
export function startAlike(set: Record<string, unknown>, name: string): void {
  const data = store.manifest.value?.run.config.data as { kind: string } | undefined
  const own = choices.value?.bases.find((base) => base.name === data?.kind)
  void start(own?.name ?? 'digits', own || !data ? set : { data, ...set }, name)
}

export function learnChoices(): void {
  void attempt(async () => (choices.value = await store.source.value!.live!.choices()))
}

/** Train something new. */
export function start(base: string, set: Record<string, unknown>, name: string | null): Promise<void> {
  return beginNew(async (live) => {
    const run = await live.start(base, set, name)
    formOpen.value = false
    return run
  })
}

/** Begin a new run and watch it; what is being trained is saved and stopped first. */
export function beginNew(ask: (live: Live) => Promise<string>): Promise<void> {
  return begin(async () => {
    const live = store.source.value!.live!
    if (isRunning(store.training.value)) {
      await live.command('stop')
      await ended()
    }
    await watch(await ask(live))
  })
}

/** Wait until nothing is being trained. */
export function ended(): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.training.subscribe(() => {
      if (isRunning(store.training.value)) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}
