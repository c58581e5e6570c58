import type { Change } from '../state/changes'

/** Changes that lie so close together that they have one mark, at the place of the first, with the last value. */
export interface Mark {
  /** Along the axis, from 0 to 1. */
  at: number
  words: string
  /** Of the learning rate alone. */
  learning: boolean
  /** Whether there is no room for its words behind it. */
  before: boolean
}

/** Marks whose words, `room` of the axis each, lie neither on each other nor beyond its end; `inWords` says a value. */
export function marksOf(changes: Change[], along: (step: number) => number, room: number, inWords: (change: Omit<Change, 'step'>) => string): Mark[] {
  const groups: { at: number; all: Change[] }[] = []
  for (const change of changes) {
    const at = along(change.step)
    const last = groups.at(-1)
    if (last && at - last.at < (at > 1 - room ? 2 : 1) * room) last.all.push(change)
    else groups.push({ at, all: [change] })
  }
  return groups.map(({ at, all }) => {
    const beta = all.findLast((change) => change.beta !== undefined)
    const words = inWords(beta ? { beta: beta.beta! } : { learning_rate: all.at(-1)!.learning_rate! })
    return { at, words: all.length > 1 ? `${words} (${all.length}×)` : words, learning: !beta, before: at > 1 - room }
  })
}
