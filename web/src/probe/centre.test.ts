import { expect, it } from 'vitest'
import { asImage } from './centre'

const square = (side: number, top: number, left: number, size: number) => {
  const ink = new Float32Array(side * side)
  for (let y = top; y < top + size; y++) for (let x = left; x < left + size; x++) ink[y * side + x] = 1
  return ink
}
const centreOf = (image: Float32Array, width: number) => {
  let [mass, y, x] = [0, 0, 0]
  image.forEach((value, i) => {
    mass += value
    y += value * (Math.floor(i / width) + 0.5)
    x += value * ((i % width) + 0.5)
  })
  return [y / mass, x / mass, mass] as const
}

it('an empty drawing is an empty image', () => expect(asImage(new Float32Array(100), 10, [8, 8], true).every((v) => v === 0)).toBe(true))

it('without centring it keeps its place', () => {
  const [y, x, mass] = centreOf(asImage(square(280, 0, 0, 140), 280, [28, 28], false), 28)
  expect([y, x]).toEqual([7, 7])
  expect(mass).toBeCloseTo(14 * 14, 3)
})

it('centred as MNIST, it fills 20 of 28 pixels about the middle', () => {
  const [y, x, mass] = centreOf(asImage(square(280, 10, 150, 60), 280, [28, 28], true), 28)
  expect(y).toBeCloseTo(14, 3)
  expect(x).toBeCloseTo(14, 3)
  expect(mass).toBeCloseTo(20 * 20, 1)
})

it('other shapes keep the proportion', () => {
  const [, , mass] = centreOf(asImage(square(100, 20, 20, 30), 100, [8, 8], true), 8)
  expect(mass).toBeCloseTo(((20 / 28) * 8) ** 2, 1)
})
