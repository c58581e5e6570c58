import { expect, it } from 'vitest'
import { axesOf, eigenvectors, isCollapsed, principalPlane, project, turnOf, unproject } from './plane'

/** Codes that vary most along (1, 2, 0), less along (0, 0, 1), around (5, 5, 5). */
const codes = Float32Array.from({ length: 300 }, (_, i) => {
  const image = Math.floor(i / 3)
  const along = 3 * Math.sin(image)
  const near = Math.cos(7 * image)
  return 5 + [along, 2 * along, near][i % 3]!
})

it('the principal plane carries the mean and the largest variances', () => {
  const { mean, e1, e2 } = principalPlane(codes, 3)
  expect(mean[2]).toBeCloseTo(5, 1)
  expect(e1[1]! / e1[0]!).toBeCloseTo(2, 1)
  expect(Math.abs(e2[2]!)).toBeGreaterThan(0.99)
})

it('going to the plane and back is the identity on it', () => {
  const axes = axesOf({ kind: 'pca' }, 3, codes, null)
  const z = unproject(0.7, -1.3, axes)
  const [x, y] = project(z, 3, axes)
  expect(x).toBeCloseTo(0.7, 5)
  expect(y).toBeCloseTo(-1.3, 5)
})

it('a plane of two axes goes through the pin', () => {
  const axes = axesOf({ kind: 'axes', i: 2, j: 0 }, 3, codes, [9, 8, 7])
  expect(axes.labels).toEqual(['z3', 'z1'])
  expect(unproject(1, 2, axes)).toEqual([2, 8, 1])
  expect(Array.from(project([2, 8, 1], 3, axes))).toEqual([1, 2])
})

it('one dimension has no height', () => {
  const axes = axesOf({ kind: 'pca' }, 1, Float32Array.of(1, 2), null)
  expect(Array.from(project([3], 1, axes))).toEqual([3, 0])
  expect(unproject(4, 5, axes)).toEqual([4])
})

it('eigenvectors are orthonormal, the largest first', () => {
  const matrix = [Float64Array.of(2, 1, 0), Float64Array.of(1, 2, 0), Float64Array.of(0, 0, 5)]
  const [a, b, c] = eigenvectors(matrix) as [Float64Array, Float64Array, Float64Array]
  expect(Array.from(a)).toEqual([0, 0, 1])
  expect(b[0]).toBeCloseTo(Math.SQRT1_2)
  expect(b[1]).toBeCloseTo(Math.SQRT1_2)
  expect(b[0]! * c[0]! + b[1]! * c[1]!).toBeCloseTo(0)
})

it.each([1, -1])('codes that are turned and (sign %d) mirrored are turned back', (sign) => {
  const first = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i * i) * (i % 2 ? 3 : 1))
  const [cos, sin] = [Math.cos(2.2), Math.sin(2.2)]
  const own = first.map((_, i) => (i % 2 ? sign * (cos * first[i]! - sin * first[i - 1]!) : cos * first[i]! + sin * first[i + 1]!))
  const { p, q, sign: found } = turnOf(own, first)!
  expect(found).toBe(sign)
  own.forEach((_, i) => {
    if (i % 2) return
    const [x, y] = [own[i]!, found * own[i + 1]!]
    expect(p * x - q * y).toBeCloseTo(first[i]!, 5)
    expect(q * x + p * y).toBeCloseTo(first[i + 1]!, 5)
  })
})

it('codes that have no direction in common are not turned', () => {
  expect(turnOf(Float32Array.of(0, 0, 0, 0), Float32Array.of(1, 2, 3, 4))).toBeNull()
})

/** A film of codes that hardly move, of which the two largest variances exchange their places. */
const random = (i: number) => {
  const x = Math.sin(i * 127.1 + 311.7) * 43758.5453
  return 2 * (x - Math.floor(x)) - 1
}
const film = Array.from({ length: 20 }, (_, step) =>
  Float32Array.from({ length: 1200 }, (_, i) => {
    const spread = [2 + 0.1 * Math.sin(2 * step), 2 - 0.1 * Math.sin(2 * step), 0.4][i % 3]!
    return spread * random(i) + 0.01 * random(i + 5000 * step)
  }),
)

const correlation = (a: Float32Array, b: Float32Array, from: number, stride: number) => {
  let [n, sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0, 0]
  for (let i = from; i < a.length; i += stride) {
    n++
    sa += a[i]!
    sb += b[i]!
    saa += a[i]! ** 2
    sbb += b[i]! ** 2
    sab += a[i]! * b[i]!
  }
  return (sab - (sa * sb) / n) / Math.sqrt((saa - sa ** 2 / n) * (sbb - sb ** 2 / n))
}

it('a principal plane does not turn where the codes do not', () => {
  const least = (aligned: boolean) => {
    let worst = 1
    let last: ReturnType<typeof axesOf> | null = null
    let before: Float32Array | null = null
    for (const codes of film) {
      const axes = axesOf({ kind: 'pca' }, 3, codes, null, aligned ? last : null)
      const now = project(codes, 3, axes)
      if (before) for (const axis of [0, 1]) worst = Math.min(worst, correlation(before, now, axis, 2))
      last = axes
      before = now
    }
    return worst
  }
  film.slice(1).forEach((codes, i) => [0, 1, 2].forEach((k) => expect(correlation(film[i]!, codes, k, 3)).toBeGreaterThan(0.9)))
  expect(least(false)).toBeLessThan(0.5)
  expect(least(true)).toBeGreaterThan(0.9)
})

it('the aligned plane is the principal plane, with orthonormal axes', () => {
  const own = principalPlane(codes, 3)
  const last = axesOf({ kind: 'axes', i: 1, j: 0 }, 3, codes, null)
  const { e1, e2 } = axesOf({ kind: 'pca' }, 3, codes, null, last)
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, entry, k) => sum + entry * b[k]!, 0)
  expect(dot(e1, e1)).toBeCloseTo(1)
  expect(dot(e1, e2!)).toBeCloseTo(0)
  for (const e of [e1, e2!]) expect(dot(e, own.e1) ** 2 + dot(e, own.e2) ** 2).toBeCloseTo(1)
  // no other turn in the plane is nearer: the overlaps with the last axes are symmetric and their sum is the largest
  expect(dot(e1, last.e2!)).toBeCloseTo(dot(e2!, last.e1))
  expect(dot(e1, last.e1) + dot(e2!, last.e2!)).toBeGreaterThan(0)
})

it('codes that say nothing of their images are turned to match no others', () => {
  expect(isCollapsed(Float32Array.of(3, 0, 3.05, 0.05, 2.95, -0.05))).toBe(true)
  expect(isCollapsed(Float32Array.of(0, 0, 0, 0.5, 0, -0.5))).toBe(false)
})
