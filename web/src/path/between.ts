import type { Path } from '../state/view'

/** n codes from A to B; spherical: along the great circle, the norm going evenly from one to the other. */
export function between({ from, to, kind }: Path, n: number): number[][] {
  const norm = (z: number[]) => Math.hypot(...z)
  const a = norm(from)
  const b = norm(to)
  const cosine = a && b ? from.reduce((sum, entry, k) => sum + entry * to[k]!, 0) / (a * b) : 1
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)))
  return Array.from({ length: n }, (_, i) => {
    const t = n === 1 ? 0 : i / (n - 1)
    // opposite or parallel codes have no one great circle: straight
    if (kind === 'straight' || angle < 1e-6 || angle > Math.PI - 1e-6) return from.map((entry, k) => entry + t * (to[k]! - entry))
    const [p, q] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
    const length = a + t * (b - a)
    return from.map((entry, k) => length * ((p * entry) / a + (q * to[k]!) / b))
  })
}


/** n codes on the line through a code along a unit direction, between two distances from the place of an origin along it. */
export function across(z: number[], origin: ArrayLike<number>, direction: ArrayLike<number>, reach: number, n: number): number[][] {
  const here = z.reduce((sum, entry, k) => sum + (entry - origin[k]!) * direction[k]!, 0)
  return Array.from({ length: n }, (_, i) => {
    const away = -reach + (2 * reach * i) / (n - 1) - here
    return z.map((entry, k) => entry + away * direction[k]!)
  })
}
