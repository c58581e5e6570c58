import { expect, it } from 'vitest'
import { axesOf } from './plane'
import { densityAt, drawPrior, levels, logDensity, MASSES, mixtureOf, seen } from './prior'

const flat = axesOf({ kind: 'pca' }, 2, new Float32Array(0), null)
const one = { weights: [1], loc: Float32Array.of(1, -1), scale: Float32Array.of(2, 0.5), exact: true, byClass: false }
const two = { weights: [0.25, 0.75], loc: Float32Array.of(-4, 0, 4, 0), scale: Float32Array.of(1, 1, 0.5, 2), exact: true, byClass: true }

it('the density is that of a normal distribution, and integrates to one', () => {
  const parts = seen(one, flat, null)
  expect(densityAt(1, -1, parts)).toBeCloseTo(1 / (2 * Math.PI * 2 * 0.5), 10)
  expect(densityAt(3, -0.5, parts)).toBeCloseTo(Math.exp(-1) / (2 * Math.PI), 10)
  let sum = 0
  for (let x = -12; x < 12; x += 0.1) for (let y = -12; y < 12; y += 0.1) sum += 0.01 * densityAt(x, y, seen(two, flat, null))
  expect(sum).toBeCloseTo(1, 3)
})

it('the log density of a code is that of the mixture, or of its class', () => {
  const flat2 = seen(two, flat, null)
  const codes = [0, 0, -3.2, 1.1, 4.1, -0.5]
  for (let i = 0; i < 3; i++) expect(logDensity(two, codes, i, null)).toBeCloseTo(Math.log(densityAt(codes[2 * i]!, codes[2 * i + 1]!, flat2)), 8)
  expect(logDensity(two, [4, 0], 0, 1)).toBeCloseTo(-Math.log(2 * Math.PI * 0.5 * 2), 10)
})

it('contours of a normal distribution are its one, two and three standard deviations', () => {
  const found = levels(seen(one, flat, null))
  found.forEach((level, i) => expect(Math.sqrt(-2 * Math.log(level * 2 * Math.PI))).toBeCloseTo(i + 1, 1))
})

it('contours of a mixture hold the mass that they say', () => {
  const parts = seen(two, flat, null)
  const found = levels(parts)
  const held = [0, 0, 0]
  for (let x = -12; x < 12; x += 0.05) {
    for (let y = -12; y < 12; y += 0.05) {
      const density = densityAt(x, y, parts)
      found.forEach((level, i) => (held[i]! += density >= level ? 0.0025 * density : 0))
    }
  }
  held.forEach((mass, i) => expect(mass).toBeCloseTo(MASSES[i]!, 1.5))
})

it('draws are of the parts, of one class where there is one for each, and of a kernel its middle', () => {
  expect(drawPrior(two, 1, 0, [0, 0])).toEqual([4, 0])
  expect(drawPrior({ ...one, exact: false }, null, 0.5, [5, 5])).toEqual([1, -1])
  const first = Array.from({ length: 400 }, (_, i) => drawPrior(two, null, i / 400, [0, 0])[0]!).filter((x) => x < 0).length
  expect(first).toBeCloseTo(100, -1)
})

it('is read as it was told', () => {
  const parts = btoa(String.fromCharCode(...new Uint8Array(Int16Array.of(10, -20, 0, 100).buffer)))
  expect(mixtureOf({ weights: [1], loc_unit: 0.5, log_scale_unit: 0.01, parts, exact: true, by_class: false }, 2)).toEqual({
    weights: [1], loc: Float32Array.of(5, -10), scale: Float32Array.of(1, Math.E), exact: true, byClass: false,
  })
})
