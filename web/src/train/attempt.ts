import { signal } from '@preact/signals'

/** What the server refused last, in its own words. */
export const failure = signal<string | null>(null)

/** Do it, and show the server's words where it refuses. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  failure.value = null
  try {
    await action()
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error)
  }
}
