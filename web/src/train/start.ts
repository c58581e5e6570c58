import { signal } from '@preact/signals'
import type { Choices } from '../source/source'
import { watch } from '../state/live'
import * as store from '../state/store'
import { attempt } from './attempt'

/** What a new run may be made of; null until the server has told. */
export const choices = signal<Choices | null>(null)
export const formOpen = signal(false)

export function learnChoices(): void {
  void attempt(async () => (choices.value = await store.source.value!.live!.choices()))
}

/** Train something new and watch it. */
export function start(base: string, set: Record<string, unknown>, name: string | null): void {
  void attempt(async () => {
    await watch(await store.source.value!.live!.start(base, set, name))
    formOpen.value = false
  })
}
