import { computed } from '@preact/signals'
import { snapshot } from './store'
import { type Layer, view } from './view'

/** So few points are told apart by the names of their classes. */
const FEW = 600

/** The layers that are seen: names by themselves where the points are few. */
export const layers = computed<Record<Layer, boolean>>(() => {
  const asked = view.value.layers
  const few = snapshot.value !== null && snapshot.value.count < FEW
  return { ...asked, glyphs: asked.glyphs ?? few }
})
