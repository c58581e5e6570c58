import { expect, it } from 'vitest'
import { asImage, centreOfMass, type Point } from './stroked'

const MNIST = { ground: 0, ink: 1, longest: 20, stroke: 3, mass: null, centre: 'mass', at: [14, 14] } as const
const ink = { ...MNIST, at: [14, 14] as [number, number] }
const bar: Point[][] = [[[200, 20], [200, 100]]]
const sum = (image: Float32Array) => image.reduce((total, value) => total + value, 0)

it('nothing drawn is the ground', () => {
  expect(asImage([], 280, [8, 8], { ...ink, ground: 0.9 }, true)).toEqual(new Float32Array(64).fill(0.9))
})

it('a line is as long and as wide as those of the training images, whatever its size on the pad', () => {
  const image = asImage(bar, 280, [28, 28], ink, true)
  expect(centreOfMass(image, 28)).toEqual([expect.closeTo(14, 0), expect.closeTo(14, 0)])
  expect(sum(image)).toBeCloseTo(17 * 3 + Math.PI * 1.5 ** 2, -1) // a bar and two half discs
  const rows = [...Array(28).keys()].filter((row) => image.slice(28 * row, 28 * row + 28).some((value) => value > 0.2))
  expect(rows.length).toBe(20)
})

it('the centre of mass goes to its place, or the middle of the box', () => {
  const lame: Point[][] = [[[10, 10], [10, 110], [60, 110]]]
  const [y, x] = centreOfMass(asImage(lame, 280, [28, 28], ink, true), 28)
  expect([y, x]).toEqual([expect.closeTo(14, 0), expect.closeTo(14, 0)])
  const [boxed] = centreOfMass(asImage(lame, 280, [28, 28], { ...ink, centre: 'box' }, true), 28)
  expect(boxed).toBeGreaterThan(15.5)
})

it('where all have as much ink, the stroke is as wide as that takes', () => {
  for (const mass of [40, 70]) expect(sum(asImage(bar, 280, [28, 28], { ...ink, mass }, true))).toBeCloseTo(mass, -1)
})

it('black on white is drawn black on white', () => {
  const image = asImage(bar, 280, [28, 28], { ...ink, ground: 1, ink: 0.1 }, true)
  expect(image[0]).toBe(1)
  expect(Math.min(...image)).toBeCloseTo(0.1)
})

it('as it was drawn it keeps its place and size', () => {
  const image = asImage(bar, 280, [28, 28], ink, false)
  const [y, x] = centreOfMass(image, 28)
  expect([y, x]).toEqual([expect.closeTo(6, 1), expect.closeTo(20, 1)])
})
