import { signal } from '@preact/signals'
import type { Choices } from '../source/source'
import { watch } from '../state/live'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { attempt, begin } from './attempt'

/** What a new run may be made of; null until the server has told. */
export const choices = signal<Choices | null>(null)
export const formOpen = signal(false)
/** Whether the panel of training is there; it always is in the last depth. */
export const trainOpen = signal(false)

/** The shipped config that presets begin with: the one of the data that are open, where there is one. */
export function baseOfShown(): string {
  const data = store.manifest.value?.run.config.data as { kind: string } | undefined
  return choices.value?.bases.find(({ name }) => name === data?.kind)?.name ?? 'digits'
}

export function learnChoices(): void {
  void attempt(async () => (choices.value = await store.source.value!.live!.choices()))
}

/** Train something new and watch it; what is being trained is saved and stopped first. */
export function start(base: string, set: Record<string, unknown>, name: string | null): void {
  void begin(async () => {
    const live = store.source.value!.live!
    if (isRunning(store.training.value)) {
      await live.command('stop')
      await ended()
    }
    await watch(await live.start(base, set, name))
    formOpen.value = false
  })
}

function ended(): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.training.subscribe(() => {
      if (isRunning(store.training.value)) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}
