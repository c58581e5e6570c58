import { signal } from '@preact/signals'
import { frame } from '../compare/frame'
import { zoomed } from '../latent/camera'
import { obstacle } from '../evidence/evidence'
import { noGaps } from '../evidence/gaps'
import { fit } from '../latent/fit'
import { attempt } from '../train/attempt'
import { announce, describePlace, notice, pickImage, setDepth, soloClass, toggleClass, toggleLayer, toggleLecture } from './actions'
import { showStep } from './loading'
import { stopReplay, toggleReplay } from './replay'
import { isRunning, newestOf } from './running'
import * as store from './store'
import { change, type Depth, type Layer, view } from './view'

export interface Key {
  keys: string
  does: string
}

/** What the help shows. */
export const KEYS: Key[] = [
  { keys: '← ↑ ↓ →', does: 'move the point by 0.1, with Shift by 0.01 (when the plane has the focus)' },
  { keys: 'Space', does: 'play the kept steps as a film; pause and resume what trains' },
  { keys: 'p l m', does: 'Play, Look, Measure: how much of the page is there' },
  { keys: 'k', does: 'lecture mode: Play or Look, everything large' },
  { keys: '0 … 9', does: 'show or hide a class; with Shift it alone' },
  { keys: 'o a g i t r d f x q', does: 'points, all clouds, labels, test images, decoder grid, prior, density, fog, exact posterior, gaps' },
  { keys: ', .', does: 'a kept step back, forward' },
  { keys: 'b e', does: 'best step, last step' },
  { keys: '[ ]', does: 'the test image before, the next one' },
  { keys: 'c', does: 'the next class to decode with (conditional models)' },
  { keys: '+ − Home', does: 'closer, farther, all points again' },
  { keys: 's', does: 'say where the point is (screen readers)' },
  { keys: 'Esc', does: 'forget path and selection; back to the tool “point”' },
  { keys: '?', does: 'this help' },
]

const DEPTH_KEYS: Record<string, Depth> = { p: 'play', l: 'look', m: 'measure' }
const LAYER_KEYS: Record<string, Layer> = { o: 'points', a: 'clouds', g: 'glyphs', i: 'thumbs', t: 'tiles', r: 'rings', d: 'density', f: 'fog', x: 'exact', q: 'gap' }

const KEPT = 'vaelab-keys'

/** Whether single keys do something (WCAG 2.1.4); kept in this browser. */
export const keysOn = signal(kept() !== 'off')

export function switchKeys(on: boolean): void {
  keysOn.value = on
  try {
    localStorage.setItem(KEPT, on ? 'on' : 'off')
  } catch {
    // it lasts as long as the page
  }
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT)
  } catch {
    return null
  }
}

/** Things that use keys themselves, and which of them. */
function isTaken(target: HTMLElement, key: string): boolean {
  if (document.querySelector('dialog:modal')) return true // whose focused button may be gone
  if (target.closest('input:not([type=range]):not([type=checkbox]), select, textarea')) return true
  if (key === ' ') return target.closest('button, a, input, [role=button]') !== null
  return target.closest('input[type=range]') !== null && ['Home', 'End', '+', '-'].includes(key)
}

export function listenToKeys(help: () => void): void {
  addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement
    if (event.ctrlKey || event.metaKey || event.altKey || !keysOn.value || isTaken(target, event.key)) return
    const digit = /^Digit(\d)$/.exec(event.code)?.[1]
    const about = store.manifest.value
    if (!about) return
    const { probe, cls } = view.value
    if (digit !== undefined && Number(digit) < about.data.classes.length) {
      if (event.shiftKey) soloClass(Number(digit))
      else toggleClass(Number(digit))
    } else if (frame !== null && (DEPTH_KEYS[event.key] || event.key === 'k')) notice('Beside each other runs are in Play: there is no room for more.')
    else if (DEPTH_KEYS[event.key]) setDepth(DEPTH_KEYS[event.key]!)
    else if (event.key === 'k') toggleLecture()
    else if (event.key === ' ') playOrPause()
    else if (event.key === '+' || event.key === '-') change({ camera: zoomed(event.key === '+' ? 0.8 : 1.25) })
    else if (event.key === 'x' && obstacle.value !== null) notice(`No exact posterior of this run: ${obstacle.value}.`)
    else if (event.key === 'q' && noGaps.value !== null) notice(`No gaps of this run: ${noGaps.value}.`)
    else if (LAYER_KEYS[event.key]) toggleLayer(LAYER_KEYS[event.key]!)
    else if (event.key === ',' || event.key === '.') stepBy(event.key === '.' ? 1 : -1)
    else if (event.key === 'b') void showStep('best')
    else if (event.key === 'e') void showStep(newestOf(about.run.name, store.training.value))
    else if (event.key === '[' || event.key === ']') {
      const index = probe?.kind === 'image' ? probe.index : -1
      const count = about.images.count
      pickImage((index + (event.key === ']' ? 1 : -1) + count) % count)
    } else if (event.key === 'c' && about.conditional.decoder) change({ cls: ((cls ?? 0) + 1) % about.data.classes.length })
    else if (event.key === 'Home') fit()
    else if (event.key === 's' && view.value.z && !about.codebook) announce(describePlace(view.value.z))
    else if (event.key === 'Escape') change({ path: null, selected: [], tool: 'pick' })
    else if (event.key === '?') help()
    else return
    event.preventDefault()
  })
}

/** What trains and is watched is paused and resumed; anything else is played again. */
function playOrPause(): void {
  const state = store.training.value
  const { live } = store.source.value!
  if (live && isRunning(state) && state.run === view.value.run) void attempt(() => live.command(state.phase === 'playing' ? 'pause' : 'play'))
  else toggleReplay()
}

function stepBy(by: number): void {
  stopReplay()
  const { steps } = store.manifest.value!
  const now = steps.findIndex((entry) => entry.index === store.snapshot.value?.index)
  const next = steps[Math.max(0, Math.min(steps.length - 1, (now < 0 ? steps.length - 1 : now) + by))]
  if (next) void showStep(next.step)
}
