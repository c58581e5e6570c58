import { computed } from '@preact/signals'
import { manifest, snapshot } from './store'
import { type Layer, view } from './view'

/** So few points are told apart by the names of their classes, where these are no words. */
const FEW = 600
const LONGEST = 2

/** Whether classes have names that would cover the points if each of these had its own. */
export const areWords = (classes: string[]) => classes.some((name) => name.length > LONGEST)

/** The layers that are seen: names by themselves where the points are few and the names short. */
export const layers = computed<Record<Layer, boolean>>(() => {
  const asked = view.value.layers
  const few = snapshot.value !== null && snapshot.value.count < FEW && !areWords(manifest.value?.data.classes ?? [])
  return { ...asked, glyphs: asked.glyphs ?? few }
})
