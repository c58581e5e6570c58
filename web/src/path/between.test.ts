import { expect, it } from 'vitest'
import { across, between } from './between'

it('straight paths are even', () => expect(between({ kind: 'straight', from: [0, 0], to: [2, 4] }, 3)).toEqual([[0, 0], [1, 2], [2, 4]]))

it('spherical paths keep the angle and let the norm go evenly', () => {
  const [a, middle, b] = between({ kind: 'spherical', from: [1, 0], to: [0, 3] }, 3) as [number[], number[], number[]]
  expect(a).toEqual([1, 0])
  expect(Math.hypot(...middle)).toBeCloseTo(2)
  expect(middle[0]).toBeCloseTo(middle[1]!)
  expect(b[1]).toBeCloseTo(3)
})

it('opposite codes go straight', () => expect(between({ kind: 'spherical', from: [1, 0], to: [-1, 0] }, 3)[1]).toEqual([0, 0]))

it('a line through a code keeps everything but its direction', () => {
  expect(across([1, 5, 0], [0, 0, 0], [1, 0, 0], 3, 3)).toEqual([[-3, 5, 0], [0, 5, 0], [3, 5, 0]])
  expect(across([1, 5, 0], [2, 9, 9], [1, 0, 0], 1, 2)).toEqual([[1, 5, 0], [3, 5, 0]])
})
