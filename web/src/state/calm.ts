import { effect } from '@preact/signals'
import * as store from './store'

const MILLISECONDS = 500

/** `calm` follows `snapshot`: at once where a step is chosen, in its own time while a training goes on. */
export function keepCalm(): void {
  let last = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const follow = () => {
    clearTimeout(timer)
    timer = undefined
    last = performance.now()
    store.calm.value = store.snapshot.peek()
  }
  effect(() => {
    const shown = store.snapshot.value
    const wait = last + MILLISECONDS - performance.now()
    const another = shown?.index !== null || shown.run !== store.calm.peek()?.run
    if (another || wait <= 0) follow()
    else timer ??= setTimeout(follow, wait)
  })
}
