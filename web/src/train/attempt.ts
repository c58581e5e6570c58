import { signal } from '@preact/signals'

/** What the server refused last, in its own words. */
export const failure = signal<string | null>(null)

/** A training is about to begin: no other may be asked for meanwhile. */
export const beginning = signal(false)

/** Begin a training, one at a time. */
export async function begin(action: () => Promise<unknown>): Promise<void> {
  if (beginning.value) return
  beginning.value = true
  await attempt(action)
  beginning.value = false
}

/** Do it, and show the server's words where it refuses. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  failure.value = null
  try {
    await action()
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error)
  }
}
