import { signal } from '@preact/signals'
import type { Live } from '../source/source'
import * as store from '../state/store'
import { openRun } from '../state/opening'
import { view } from '../state/view'

export const tableOpen = signal(false)
/** The run that was thrown away last, as it can be had back. */
export const thrown = signal<{ run: string; binned: string } | null>(null)
/** Why something was refused, in the server's words. */
export const refused = signal<string | null>(null)
export const bin = signal<string[]>([])

/** Do something with runs, and list them again; the server's words where it refuses. */
async function change<T>(action: (live: Live) => Promise<T>): Promise<T | null> {
  const source = store.source.value!
  refused.value = null
  try {
    const made = await action(source.live!)
    store.runs.value = await source.runs()
    bin.value = await source.live!.binned()
    return made
  } catch (error) {
    refused.value = error instanceof Error ? error.message : String(error)
    return null
  }
}

export const listAgain = () => void change(async () => null)

/** Whether it has that name now. */
export async function rename(run: string, name: string): Promise<boolean> {
  const now = await change((live) => live.rename(run, name))
  if (now !== null && view.value.run === run) void openRun(now)
  return now !== null
}

export async function throwAway(run: string): Promise<void> {
  const binned = await change((live) => live.throwAway(run))
  if (binned !== null) thrown.value = { run, binned }
}

export async function takeBack(binned: string, run: string): Promise<void> {
  const now = await change((live) => live.takeBack(binned, run))
  if (now === null) return
  thrown.value = null
  if (view.value.run === now) await openRun(now)
}
