import { effect } from '@preact/signals'
import { drawnInAll, frame } from '../compare/frame'
import { entryOf, prefetch, showStep } from './loading'
import * as store from './store'
import { view } from './view'

/** A film of few steps is slow enough to be seen, one of many is not a lecture; milliseconds. */
const FILM = 8000
const SLOWEST = 800
const QUICKEST = 120

/** How long each step of the film stands. */
export function dwell(): number {
  const steps = store.manifest.value?.steps.length ?? 1
  return Math.min(SLOWEST, Math.max(QUICKEST, FILM / steps))
}

let film = 0
effect(() => {
  if (!store.replaying.value) film++ // whoever stopped it
})

export function stopReplay(): void {
  store.replaying.value = false
}

/** Play the kept steps from the one that is shown, or from the first where that is the last; whatever else is chosen meanwhile ends it. */
export async function replay(): Promise<void> {
  const mine = ++film
  const run = store.manifest.value?.run.name
  const steps = store.manifest.value?.steps ?? []
  if (steps.length < 2) return
  const shown = steps.findIndex((step) => step.index === store.snapshot.value?.index)
  const first = shown < 0 || shown === steps.length - 1 ? 0 : shown + 1
  store.replaying.value = true
  for (const step of steps.slice(first)) {
    const began = performance.now()
    const next = steps[steps.indexOf(step) + 1]
    if (next) prefetch(store.manifest.value!, next)
    const everywhere = drawnInAll(step.epoch)
    await showStep(next || frame !== null ? step.step : 'last') // runs that are compared may end at other epochs
    await everywhere
    if (mine !== film) return
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dwell() - (performance.now() - began))))
    const { step: wanted } = view.value
    const chosen = store.manifest.value?.run.name !== run || wanted === 'live' || entryOf(store.manifest.value!, wanted).step !== step.step
    if (mine !== film || chosen) break
  }
  if (mine === film) store.replaying.value = false
}

export function toggleReplay(): void {
  if (store.replaying.value) stopReplay()
  else void replay()
}
