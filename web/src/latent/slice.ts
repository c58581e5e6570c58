import type { Axes } from '../state/plane'

/** Codes that are asked how far they are, at most: 2,000 cover a map in cells of 12 pixels in some 30 ms. */
const MOST = 2000
const MOST_ASKED = 200
/** Of the codes have a neighbour so near: clear up to the first part, all fog from the second on. */
const PARTS = [0.1, 0.9] as const

/** Codes seen from a plane: their places in it, how far they are off it, squared, and the usual distances between neighbours. */
export interface Around {
  places: Float64Array
  away: Float64Array
  usual: [clear: number, fog: number]
}

/** @param loc n x d */
export function around(loc: Float32Array, d: number, axes: Axes): Around {
  const n = loc.length / d
  const every = Math.max(1, Math.ceil(n / MOST))
  const count = Math.ceil(n / every)
  const places = new Float64Array(2 * count)
  const away = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let [x, y, square] = [0, 0, 0]
    for (let k = 0; k < d; k++) {
      const entry = loc[i * every * d + k]! - axes.origin[k]!
      x += entry * axes.e1[k]!
      y += entry * (axes.e2?.[k] ?? 0)
      square += entry * entry
    }
    places.set([x, y], 2 * i)
    away[i] = Math.max(0, square - x * x - y * y)
  }
  return { places, away, usual: spacing(loc, d, every, count) }
}

/** How far it is from a code to the nearest of the others, at most, for the two parts of the codes. */
function spacing(loc: Float32Array, d: number, every: number, count: number): [number, number] {
  const step = Math.max(1, Math.floor(count / MOST_ASKED))
  const nearest: number[] = []
  for (let a = 0; a < count; a += step) {
    let least = Infinity
    for (let b = 0; b < count; b++) {
      if (a === b) continue
      let square = 0
      for (let k = 0; k < d && square < least; k++) square += (loc[a * every * d + k]! - loc[b * every * d + k]!) ** 2
      least = Math.min(least, square)
    }
    nearest.push(Math.sqrt(least))
  }
  nearest.sort((a, b) => a - b)
  return PARTS.map((part) => nearest[Math.floor(part * (nearest.length - 1))] ?? 1) as [number, number]
}

/** How foggy a place of the plane is, 0 to 1: clear where the nearest code is as near as for the tenth of the codes with the nearest neighbours, full where it is farther than for nine of ten. */
export function fogAt(x: number, y: number, { places, away, usual }: Around): number {
  let least = Infinity
  for (let i = 0; i < away.length; i++) {
    const dx = places[2 * i]! - x
    const dy = places[2 * i + 1]! - y
    const square = away[i]! + dx * dx + dy * dy
    if (square < least) least = square
  }
  const [clear, fog] = usual
  const part = Math.min(1, Math.max(0, (Math.sqrt(least) - clear) / Math.max(fog - clear, 1e-3 * clear, 1e-9)))
  return part * part * (3 - 2 * part)
}
