import { computed, signal } from '@preact/signals'
import type { Manifest } from '../model/manifest'
import { ACTIVE } from '../readings/summary'
import { manifest, snapshot } from './store'
import { type Plane, view } from './view'

/** A plane in the latent space: z = origin + x e1 + y e2. */
export interface Axes {
  origin: Float64Array
  e1: Float64Array
  /** null where the code has one dimension. */
  e2: Float64Array | null
  labels: [string, string]
}

/** Principal components: mean and the two directions of largest variance of n codes of d dimensions. */
export function principalPlane(loc: Float32Array, d: number): { mean: Float64Array; e1: Float64Array; e2: Float64Array } {
  const n = loc.length / d
  const mean = new Float64Array(d)
  for (let i = 0; i < loc.length; i++) mean[i % d]! += loc[i]! / n
  const covariance = Array.from({ length: d }, () => new Float64Array(d))
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) {
      const difference = (loc[i * d + a]! - mean[a]!) / n
      for (let b = a; b < d; b++) covariance[a]![b]! += difference * (loc[i * d + b]! - mean[b]!)
    }
  }
  for (let a = 0; a < d; a++) for (let b = 0; b < a; b++) covariance[a]![b] = covariance[b]![a]!
  const vectors = eigenvectors(covariance)
  return { mean, e1: vectors[0]!, e2: vectors[1] ?? new Float64Array(d) }
}

/** Eigenvectors of a symmetric matrix by Jacobi's rotations, the largest eigenvalue first, each with its largest entry positive. */
export function eigenvectors(matrix: Float64Array[]): Float64Array[] {
  const d = matrix.length
  const a = matrix.map((row) => Float64Array.from(row))
  const v = Array.from({ length: d }, (_, i) => Float64Array.from({ length: d }, (_, j) => Number(i === j)))
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) off += a[p]![q]! ** 2
    if (off < 1e-22) break
    for (let p = 0; p < d; p++) {
      for (let q = p + 1; q < d; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!)
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        const s = t * c
        for (let k = 0; k < d; k++) {
          const kp = a[k]![p]!, kq = a[k]![q]!
          a[k]![p] = c * kp - s * kq
          a[k]![q] = s * kp + c * kq
        }
        for (let k = 0; k < d; k++) {
          const pk = a[p]![k]!, qk = a[q]![k]!
          a[p]![k] = c * pk - s * qk
          a[q]![k] = s * pk + c * qk
          const vp = v[p]![k]!, vq = v[q]![k]!
          v[p]![k] = c * vp - s * vq
          v[q]![k] = s * vp + c * vq
        }
      }
    }
  }
  const order = Array.from({ length: d }, (_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!)
  return order.map((i) => {
    const vector = v[i]!
    const largest = vector.reduce((best, entry) => (Math.abs(entry) > Math.abs(best) ? entry : best), 0)
    return largest < 0 ? vector.map((entry) => -entry) : vector
  })
}

/** @param last the plane that was shown before: a principal plane is turned to it, so that what moves are the codes */
export function axesOf(plane: Plane, d: number, loc: Float32Array, pin: number[] | null, last: Axes | null = null): Axes {
  if (plane.kind === 'pca' && d > 2 && loc.length > 0) {
    const { mean, e1, e2 } = principalPlane(loc, d)
    const [f1, f2] = last?.e2 && last.e1.length === d ? turned([e1, e2], [last.e1, last.e2]) : [e1, e2]
    return { origin: mean, e1: f1, e2: f2, labels: ['PC1', 'PC2'] }
  }
  const [i, j] = plane.kind === 'axes' && plane.i < d && plane.j < d && plane.i !== plane.j ? [plane.i, plane.j] : [0, 1]
  const unit = (k: number) => Float64Array.from({ length: d }, (_, m) => Number(m === k))
  const origin = Float64Array.from({ length: d }, (_, m) => (m === i || m === j ? 0 : (pin?.[m] ?? 0)))
  return { origin, e1: unit(i), e2: d > 1 ? unit(j) : null, labels: [`z${i + 1}`, d > 1 ? `z${j + 1}` : ''] }
}

/**
 * A plane's axes turned and mirrored within it to be as near as can be to those of another: the orthogonal Procrustes
 * problem in two dimensions (Schönemann, 1966), R = U V^T of the overlaps' singular value decomposition.
 */
function turned([e1, e2]: [Float64Array, Float64Array], [l1, l2]: [Float64Array, Float64Array]): [Float64Array, Float64Array] {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, entry, k) => sum + entry * b[k]!, 0)
  const found = polar(dot(e1, l1), dot(e1, l2), dot(e2, l1), dot(e2, l2))
  return found ? mixed(found, e1, e2) : [e1, e2]
}

/** A turn of a plane, by the angle of (p, q), after it is mirrored where sign is -1. */
export interface Turn {
  p: number
  q: number
  sign: 1 | -1
}

/** The polar factor of [[a, b], [c, d]]: a rotation, or where the determinant is negative a mirrored one; null: it has none. */
function polar(a: number, b: number, c: number, d: number): Turn | null {
  const sign = a * d - b * c < 0 ? -1 : 1
  const [x, y] = [a + sign * d, b - sign * c]
  const size = Math.hypot(x, y)
  return size < 1e-9 ? null : { p: x / size, q: y / size, sign }
}

function mixed({ p, q, sign }: Turn, e1: Float64Array, e2: Float64Array): [Float64Array, Float64Array] {
  const mix = (one: number, other: number) => e1.map((entry, k) => one * entry + other * e2[k]!)
  return [mix(p, -sign * q), mix(q, sign * p)]
}

/**
 * How codes of two dimensions are turned and mirrored about 0, where the prior lies, to be as near as can be to other codes of
 * the same images: the orthogonal Procrustes problem (Schönemann, 1966). Nothing is moved or stretched.
 */
export function turnOf(codes: Float32Array, to: Float32Array): Turn | null {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let i = 0; i < codes.length; i += 2) {
    a += codes[i]! * to[i]!
    b += codes[i]! * to[i + 1]!
    c += codes[i + 1]! * to[i]!
    d += codes[i + 1]! * to[i + 1]!
  }
  return polar(a, b, c, d)
}

/** What images a run's codes are of: those of two runs can be matched where it is the same. */
export const imagesOf = ({ data, images }: Manifest) => [data.checksum, images.split, images.count, images.total].join(' ')

/** Codes of the first of several runs that are compared. */
export const firstCodes = signal<{ images: string; loc: Float32Array } | null>(null)

const wanted = computed(() => view.value.aligned)

/** How the plane is turned to match that of the first run; null: it is not. */
export const turn = computed<Turn | null>(() => {
  const [to, about, shown] = [firstCodes.value, manifest.value, snapshot.value]
  if (!wanted.value || !to || about?.latent !== 2 || imagesOf(about) !== to.images || shown?.loc.length !== to.loc.length) return null
  return isCollapsed(shown.loc) || isCollapsed(to.loc) ? null : turnOf(shown.loc, to.loc)
})

/** Whether codes of two dimensions say nothing of their images, so that any turn would match as well. */
export function isCollapsed(codes: Float32Array): boolean {
  const variance = (first: number) => {
    let [sum, square] = [0, 0]
    for (let i = first; i < codes.length; i += 2) {
      sum += codes[i]!
      square += codes[i]! ** 2
    }
    const n = codes.length / 2
    return square / n - (sum / n) ** 2
  }
  return Math.max(variance(0), variance(1)) <= ACTIVE
}

/** Positions in the plane of n codes, each seen from the side onto it: x and y one after the other. */
export function project(codes: ArrayLike<number>, d: number, axes: Axes, into = new Float32Array((2 * codes.length) / d)): Float32Array {
  for (let i = 0; i < codes.length / d; i++) {
    let x = 0
    let y = 0
    for (let k = 0; k < d; k++) {
      const entry = codes[i * d + k]! - axes.origin[k]!
      x += entry * axes.e1[k]!
      if (axes.e2) y += entry * axes.e2[k]!
    }
    into[2 * i] = x
    into[2 * i + 1] = y
  }
  return into
}

export function unproject(x: number, y: number, axes: Axes): number[] {
  return Array.from(axes.origin, (entry, k) => entry + x * axes.e1[k]! + (axes.e2 ? y * axes.e2[k]! : 0))
}

const pinOutsidePlane = computed(() => {
  const d = manifest.value?.latent ?? 2
  const { plane, z } = view.value
  return plane.kind === 'axes' && d > 2 && z ? z.map((entry, k) => (k === plane.i || k === plane.j ? 0 : entry)).join() : ''
})
const planeKey = computed(() => JSON.stringify(view.value.plane))

let last: { run: string; plane: string; axes: Axes } | null = null

/** The plane that the latent view shows; changes only when it really does. */
export const axes = computed<Axes>(() => {
  const d = manifest.value?.latent ?? 2
  const plane = JSON.parse(planeKey.value) as Plane
  const outside = pinOutsidePlane.value
  const loc = snapshot.value?.loc ?? new Float32Array(0)
  const run = snapshot.value?.run ?? ''
  const before = last?.run === run && last.plane === planeKey.value ? last.axes : null
  const found = axesOf(plane, d, loc, outside ? outside.split(',').map(Number) : null, before)
  if (turn.value && found.e2) {
    const [e1, e2] = mixed(turn.value, found.e1, found.e2)
    return { ...found, e1, e2, labels: ['z1′', 'z2′'] }
  }
  if (snapshot.value) last = { run, plane: planeKey.value, axes: found }
  return found
})

/** Positions of the snapshot's codes in it. */
export const positions = computed(() => {
  const shown = snapshot.value
  const d = manifest.value?.latent ?? 2
  return shown ? project(shown.loc, d, axes.value) : new Float32Array(0)
})
