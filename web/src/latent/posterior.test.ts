import { expect, it } from 'vitest'
import { axesOf } from '../state/plane'
import { shapeOf } from './posterior'

const axes = axesOf({ kind: 'axes', i: 0, j: 1 }, 3, new Float32Array(0), [0, 0, 0])
const slanted = { origin: new Float64Array(2), e1: Float64Array.of(Math.SQRT1_2, Math.SQRT1_2), e2: Float64Array.of(-Math.SQRT1_2, Math.SQRT1_2), labels: ['PC1', 'PC2'] as [string, string] }
const close = (values: number[]) => values.map((value) => expect.closeTo(value, 5))

it('an independent posterior is an ellipse along the axes, and slanted in a slanted plane', () => {
  expect(shapeOf({ loc: Float32Array.of(1, 2, 3), scale: Float32Array.of(0.5, 0.25, 9) }, axes)).toEqual({ mean: [1, 2], ellipse: close([0.5, 0, 0.25]), dots: null })
  // covariance of (x + y, y - x) / sqrt 2: 5/32, -3/32, 5/32
  const { ellipse } = shapeOf({ loc: Float32Array.of(0, 0), scale: Float32Array.of(0.5, 0.25) }, slanted)
  expect(ellipse![0] ** 2).toBeCloseTo(5 / 32)
  expect(ellipse![0] * ellipse![1]).toBeCloseTo(-3 / 32)
  expect(ellipse![1] ** 2 + ellipse![2] ** 2).toBeCloseTo(5 / 32)
})

/** Four draws of mean 0 with covariance (1, 0.8; 0.8, 1). */
const draws = Float32Array.of(0.948683, 0.948683, -0.948683, -0.948683, 0.316228, -0.316228, -0.316228, 0.316228).map((value) => value * Math.SQRT2)

it('a normal posterior has the tilt of its covariance, another one is its draws', () => {
  const code = { loc: Float32Array.of(0, 0), scale: Float32Array.of(1, 1), draws }
  const flat = axesOf({ kind: 'pca' }, 2, new Float32Array(0), null)
  const { ellipse, dots } = shapeOf({ ...code, normal: true }, flat)
  expect(ellipse).toEqual(close([1, 0.8, 0.6]))
  expect(dots!.length).toBe(8)
  expect(shapeOf({ ...code, normal: false }, flat).ellipse).toBeNull()
})
