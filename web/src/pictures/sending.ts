import { signal } from '@preact/signals'
import type { Live, PicturesFound } from '../source/source'
import * as store from '../state/store'
import { failure } from '../train/attempt'
import { beginNew } from '../train/start'
import { type Folder, unfit } from './folder'
import { tarOf } from './tar'

/** How far a folder has come on its way to a run. */
export type Stage =
  | { at: 'choosing'; problem: string | null }
  | { at: 'reading'; files: number }
  | { at: 'sending'; folder: Folder; part: number }
  | { at: 'looking'; folder: Folder }
  | { at: 'damaged'; folder: Folder; words: string }
  | { at: 'found'; folder: Folder; found: PicturesFound }

export const picturesOpen = signal(false)
export const stage = signal<Stage>({ at: 'choosing', problem: null })

/** What is under way, and the name under which the server has its pictures. */
let way = new AbortController()
let held: string | null = null

/** Send a folder, have the server look at it, and show what it found. */
export function takeFolder(read: (looked: (files: number) => void) => Promise<Folder> | Folder): Promise<void> {
  giveUp()
  failure.value = null
  picturesOpen.value = true
  return going(async (live, { signal }) => {
    stage.value = { at: 'reading', files: 0 }
    const folder = await read((files) => signal.aborted || (stage.value = { at: 'reading', files }))
    const why = unfit(folder)
    if (why !== null) throw new Error(why)
    if (signal.aborted) return
    stage.value = { at: 'sending', folder, part: 0 }
    const tar = tarOf(folder.files)
    const name = await live.sendPictures(tar, folder.files.length, (sent) => signal.aborted || (stage.value = sent < tar.size ? { at: 'sending', folder, part: sent / tar.size } : { at: 'looking', folder }), signal)
    if (signal.aborted) return void live.forgetPictures(name).catch(() => null)
    held = name
    await look(live, folder, false, signal)
  })
}

/** Look once more, without what cannot be read. */
export const lookWithout = (folder: Folder) => going((live, { signal }) => look(live, folder, true, signal))

async function look(live: Live, folder: Folder, skip: boolean, signal: AbortSignal): Promise<void> {
  stage.value = { at: 'looking', folder }
  const found = await live.lookAtPictures(held!, skip).catch((error: unknown) => {
    if (!signal.aborted) held = null // what is refused the server has removed
    throw error
  })
  if (signal.aborted) return
  stage.value = 'damaged' in found ? { at: 'damaged', folder, words: found.damaged } : { at: 'found', folder, found }
}

/** Do it; what is refused is said where a folder is chosen. */
async function going(action: (live: Live, mine: AbortController) => Promise<void>): Promise<void> {
  const mine = way
  try {
    await action(store.source.value!.live!, mine)
  } catch (error) {
    if (mine.signal.aborted) return
    giveUp()
    stage.value = { at: 'choosing', problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Forget what is under way, here and on the server. */
export function giveUp(): void {
  way.abort()
  way = new AbortController()
  if (held !== null) void store.source.value!.live!.forgetPictures(held).catch(() => null)
  held = null
  stage.value = { at: 'choosing', problem: null }
}

/** Train on the pictures that were found. */
export const train = () =>
  beginNew(async (live) => {
    const run = await live.trainOnPictures(held!)
    held = null
    picturesOpen.value = false
    return run
  })
