import { effect, signal } from '@preact/signals'
import * as store from './store'

/** ms that a step has to rest before what takes long is computed of it: dragging along the axis does not wait for that. */
const REST = 150
export const resting = signal<store.Snapshot | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined
effect(() => {
  const shown = store.calm.value
  clearTimeout(timer)
  timer = setTimeout(() => (resting.value = shown), REST)
})
