import { expect, it } from 'vitest'
import { axesOf, eigenvectors, principalPlane, project, unproject } from './plane'

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
