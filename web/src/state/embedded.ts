import { computed, effect } from '@preact/signals'
import { indexOf } from './actions'
import * as store from './store'
import { change, view } from './view'

const PATIENCE = 150

const seen = computed(() => {
  const { z, probe, selected } = view.value
  const shown = store.calm.value
  if (!shown || !store.manifest.value) return null
  return JSON.stringify({ z: z ?? [], step: shown.step, image: probe?.kind === 'image' ? indexOf(probe.index) : null, selected: selected.map(indexOf) })
})

/** A page in a notebook's frame: whoever holds it may select a code, and is told what is selected from then on. */
export function talkToHolder(): void {
  if (parent === window) return
  let asked: number[] = []
  let told = ''
  let follow: (() => void) | null = null
  const select = () => {
    if (store.manifest.value && asked.length === store.manifest.value.latent && asked.every(Number.isFinite)) {
      change({ z: asked })
      asked = []
    }
  }
  addEventListener('message', ({ source, data }: MessageEvent) => {
    const z: unknown = source === parent ? data?.vaelab?.z : null
    if (!Array.isArray(z)) return
    asked = z as number[]
    select()
    follow ??= effect(() => {
      const now = seen.value
      if (now === null) return
      if (asked.length) queueMicrotask(select)
      setTimeout(() => {
        if (now !== seen.peek() || now === told) return
        told = now
        parent.postMessage({ vaelab: JSON.parse(now) }, '*')
      }, PATIENCE)
    })
  })
}
