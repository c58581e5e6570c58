import { expect, it } from 'vitest'
import type { Ink } from '../model/manifest'
import { asDrawn, covering, rasterOf } from './picture'
import { centreOfMass } from './stroked'

const rgba = (pixels: number[][]) => Uint8ClampedArray.from(pixels.flat())
const grey = (values: number[]) => rgba(values.map((value) => [value, value, value, 255]))

it('grey is the luma, and what is transparent is white', () => {
  const { planes } = rasterOf(rgba([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0], [0, 0, 0, 51]]), 5, 1, 1)
  ;[0.299, 0.587, 0.114, 1, 0.8].forEach((value, i) => expect(planes[0]![i]).toBeCloseTo(value, 6))
  expect(rasterOf(rgba([[255, 51, 0, 255]]), 1, 1, 3).planes.map((plane) => plane[0])).toEqual([1, Math.fround(0.2), 0])
})

it('a picture of the right size is as it is, a larger one its means, a wide one its middle', () => {
  const values = [0, 51, 102, 153, 204, 255]
  expect([...covering(rasterOf(grey(values), 3, 2, 1), [2, 3])]).toEqual(values.map((value) => Math.fround(value / 255)))
  const means = covering(rasterOf(grey([0, 51, 102, 153, 204, 255, 0, 51]), 4, 2, 1), [1, 2])
  expect(means[0]).toBeCloseTo((0 + 51 + 204 + 255) / 4 / 255, 6)
  expect(means[1]).toBeCloseTo((102 + 153 + 0 + 51) / 4 / 255, 6)
  expect(covering(rasterOf(grey([9, 255, 9]), 3, 1, 1), [1, 1])[0]).toBe(1)
  // the middle two of three pixels, half a pixel off each
  expect(covering(rasterOf(grey([255, 0, 0]), 3, 1, 1), [1, 2])[0]).toBeCloseTo(0.5, 6)
})

const INK: Ink = { ground: 0, ink: 1, longest: 20, stroke: 2.6, mass: null, centre: 'mass', at: [14.5, 13] }

/** Black strokes of an L on paper that is darker at one side. */
function letter(side: number, place: number): Uint8ClampedArray {
  const long = side / 4
  return grey(Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) - place, Math.floor(i / side) - place]
    const inked = (x >= 0 && x < long / 6 && y >= 0 && y < long) || (x >= 0 && x < long / 2 && y >= (5 * long) / 6 && y < long)
    return inked ? 25 : 245 - (20 * (i % side)) / side
  }))
}

it.each([[120, 20], [480, 200]])('writing on paper of %d pixels becomes a drawing as the training images are', (side, place) => {
  const image = asDrawn(rasterOf(letter(side, place), side, side, 1), [28, 28], INK)
  expect(Math.max(...image)).toBeCloseTo(1, 5)
  expect(image[0]).toBe(0)
  const rows = Array.from({ length: 28 }, (_, y) => Math.max(...image.subarray(28 * y, 28 * y + 28)))
  expect(rows.reduce((sum, part) => sum + Math.min(1, part), 0)).toBeCloseTo(20, 0)
  const [y, x] = centreOfMass(image, 28)
  expect(y).toBeCloseTo(14.5, 1)
  expect(x).toBeCloseTo(13, 1)
})

it('ground and ink are those of the training images, whichever the picture has', () => {
  const inverse = letter(120, 20).map((value, i) => (i % 4 === 3 ? value : 255 - value))
  const dark = asDrawn(rasterOf(letter(120, 20), 120, 120, 1), [28, 28], { ...INK, ground: 1, ink: 0.25 })
  const light = asDrawn(rasterOf(inverse, 120, 120, 1), [28, 28], { ...INK, ground: 1, ink: 0.25 })
  expect(dark[0]).toBe(1)
  expect(Math.min(...dark)).toBeCloseTo(0.25, 5)
  light.forEach((value, i) => expect(Math.abs(value - dark[i]!)).toBeLessThan(0.06))
})

it('a blank sheet is ground', () => {
  expect(new Set(asDrawn(rasterOf(grey(new Array(100).fill(240)), 10, 10, 1), [8, 8], INK))).toEqual(new Set([0]))
})
