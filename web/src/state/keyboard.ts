import { announce, describePlace, pickImage, showStep, soloClass, toggleClass, toggleLayer } from './actions'
import * as store from './store'
import { change, type Layer, view } from './view'

export interface Key {
  keys: string
  does: string
}

/** What the help shows. */
export const KEYS: Key[] = [
  { keys: '← ↑ ↓ →', does: 'move the pin by 0.1, with Shift by 0.01 (when the latent view has the focus)' },
  { keys: '0 … 9', does: 'show or hide a class; with Shift it alone' },
  { keys: 'p g i t r d f', does: 'points, names, images, decoded tiles, prior, density, fog' },
  { keys: ', .', does: 'a kept step back, forward' },
  { keys: 'b l', does: 'best step, last step' },
  { keys: '[ ]', does: 'the test image before, the next one' },
  { keys: 'c', does: 'the next class to decode with (conditional models)' },
  { keys: 'Home', does: 'show all points again' },
  { keys: 's', does: 'say where the pin is (screen readers)' },
  { keys: 'Esc', does: 'forget path and selection; back to the tool “pick”' },
  { keys: '?', does: 'this help' },
]

const LAYER_KEYS: Record<string, Layer> = { p: 'points', g: 'glyphs', i: 'thumbs', t: 'tiles', r: 'rings', d: 'density', f: 'fog' }

export function listenToKeys(help: () => void): void {
  addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input:not([type=range]):not([type=checkbox]), select, textarea, dialog')) return
    const digit = /^Digit(\d)$/.exec(event.code)?.[1]
    const about = store.manifest.value
    if (!about) return
    const { probe, cls } = view.value
    if (digit !== undefined && Number(digit) < about.data.classes.length) {
      if (event.shiftKey) soloClass(Number(digit))
      else toggleClass(Number(digit))
    } else if (LAYER_KEYS[event.key]) toggleLayer(LAYER_KEYS[event.key]!)
    else if (event.key === ',' || event.key === '.') stepBy(event.key === '.' ? 1 : -1)
    else if (event.key === 'b') void showStep('best')
    else if (event.key === 'l') void showStep('last')
    else if (event.key === '[' || event.key === ']') {
      const index = probe?.kind === 'image' ? probe.index : -1
      const count = about.images.count
      pickImage((index + (event.key === ']' ? 1 : -1) + count) % count)
    } else if (event.key === 'c' && about.conditional.decoder) change({ cls: ((cls ?? 0) + 1) % about.data.classes.length })
    else if (event.key === 'Home') change({ camera: null })
    else if (event.key === 's' && view.value.z) announce(describePlace(view.value.z))
    else if (event.key === 'Escape') change({ path: null, selected: [], tool: 'pick' })
    else if (event.key === '?') help()
    else return
    event.preventDefault()
  })
}

function stepBy(by: number): void {
  const { steps } = store.manifest.value!
  const now = steps.findIndex((entry) => entry.index === store.snapshot.value?.index)
  const next = steps[Math.max(0, Math.min(steps.length - 1, (now < 0 ? steps.length - 1 : now) + by))]
  if (next) void showStep(next.step)
}
