import * as store from '../state/store'
import type { View } from '../state/view'

/** Points whose median is taken, at most: names follow the points while these move. */
const MOST = 2000

/** Whether an image stands out: it is selected where some are, and of the class that is lit. */
export function stands(image: number, label: number, view: View): boolean {
  if (store.lit.value !== null) return label === store.lit.value
  return view.selected.length === 0 || selectedOf(view).has(image)
}

let known: { of: number[]; images: Set<number> } = { of: [], images: new Set() }

function selectedOf({ selected }: View): Set<number> {
  if (known.of !== selected) known = { of: selected, images: new Set(selected) }
  return known.images
}

/** The median across and up of each class that is shown, on the map; the lit class first, then the larger ones. */
export function medians(places: Float32Array, hidden: number[]): { label: number; x: number; y: number }[] {
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images || places.length !== 2 * shown.count) return []
  const found = new Map<number, [xs: number[], ys: number[]]>()
  const every = Math.max(1, Math.floor(shown.count / MOST))
  for (let i = 0; i < shown.count; i += every) {
    const label = images.labels[shown.imageOf[i]!]!
    if (hidden.includes(label)) continue
    const [xs, ys] = found.get(label) ?? found.set(label, [[], []]).get(label)!
    xs.push(places[2 * i]!)
    ys.push(places[2 * i + 1]!)
  }
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
  return [...found].sort(([a, [xs]], [b, [others]]) => Number(b === store.lit.value) - Number(a === store.lit.value) || others.length - xs.length)
    .map(([label, [xs, ys]]) => ({ label, x: middle(xs), y: middle(ys) }))
}
