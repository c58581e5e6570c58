import { signal } from '@preact/signals'
import type { Ready } from '../source/source'
import * as store from '../state/store'
import { toHash } from '../state/url'
import { DEFAULT_VIEW, view } from '../state/view'
import { attempt, failure } from '../train/attempt'
import { ended, start } from '../train/start'
import { count } from '../ui/number'
import { compareHash } from './address'

export const readyOpen = signal(false)
/** null until the server has told. */
export const ready = signal<Ready[] | null>(null)
/** The comparison that is trained for. */
export const making = signal<{ title: string; words: string } | null>(null)

export async function learnReady(): Promise<void> {
  await attempt(async () => (ready.value = await store.source.value!.live!.ready()))
}

/** What is to be trained for a comparison, and about how long that takes; null: nothing. */
export function wantedOf({ parts }: Ready): string | null {
  const wanted = parts.filter(({ run }) => run === null)
  if (wanted.length === 0) return null
  const seconds = wanted.reduce((sum, part) => sum + part.seconds, 0)
  return `${count(wanted.length, 'run')}, about ${seconds < 50 ? `${seconds} seconds` : seconds < 80 ? 'a minute' : `${Math.round(seconds / 60)} minutes`}`
}

let asked = 0

/** Train one after the other what a comparison wants, each watched while it forms; then open it. */
export async function openReady(name: string): Promise<void> {
  const mine = ++asked
  readyOpen.value = false
  const rowOf = () => ready.value!.find((row) => row.name === name)!
  const total = rowOf().parts.filter(({ run }) => run === null).length
  try {
    for (let left = total; left > 0; left--) {
      const { title, parts } = rowOf()
      const part = parts.find(({ run }) => run === null)
      if (!part) break
      making.value = { title, words: total > 1 ? `run ${total - left + 1} of ${total} is trained` : 'a run is trained' }
      await start(part.base, part.set, part.name)
      if (failure.value) return
      await ended()
      await learnReady()
      if (mine !== asked) return // another was chosen
      if (rowOf().parts.every(({ run, name }) => name !== part.name || run === null)) {
        failure.value = `${part.name} has not been trained to its end: “${title}” is not opened.`
        return
      }
    }
    const runs = rowOf().parts.map(({ run }) => run!)
    location.hash = compareHash(runs, toHash({ ...DEFAULT_VIEW, theme: view.value.theme }))
  } finally {
    if (mine === asked) making.value = null
  }
}
