import { expect, it } from 'vitest'
import { contour } from './contours'

it('the contour of a distance is a circle', () => {
  const side = 41
  const values = Array.from({ length: side * side }, (_, i) => Math.hypot((i % side) - 20, Math.floor(i / side) - 20))
  const segments = contour(values, side, side, 12.3)
  const length = segments.reduce((sum, [x1, y1, x2, y2]) => sum + Math.hypot(x2 - x1, y2 - y1), 0)
  for (const [x1, y1] of segments) expect(Math.hypot(x1 - 20, y1 - 20)).toBeCloseTo(12.3, 1)
  expect(length).toBeCloseTo(2 * Math.PI * 12.3, 0)
  expect(contour(values, side, side, 100)).toEqual([])
})
