import { expect, it } from 'vitest'
import { chiBelow, chiDensity, chiMean, histogram, normsOf, quantileOf } from './norms'

/** scipy.stats.chi: pdf and cdf at 0.5, 4 and 10, and the mean. */
it.each([
  [1, [0.704130653528599, 0.00026766045152977084, 1.5389197253412847e-22], [0.3829249225480261, 0.9999366575163338, 1], 0.7978845608028655],
  [2, [0.4412484512922977, 0.0013418505116100476, 1.928749847963913e-21], [0.1175030974154046, 0.9996645373720975, 1], 1.2533141373155003],
  [3, [0.17603266338214976, 0.004282567224476332, 1.538919725341288e-20], [0.030859595783726757, 0.9988660157102147, 1], 1.5957691216057308],
  [16, [4.1746757455505855e-11, 0.5583461278023877, 2.9897536085750415e-13], [1.322934514334518e-12, 0.5470391905130058, 0.9999999999999654], 3.938025621887322],
  [17, [5.300467983687009e-12, 0.5671330574378504, 7.592011570361939e-13], [1.579720697966082e-13, 0.4761650741376736, 0.9999999999999111], 4.0629496951652415],
  [100, [4.066014877252921e-108, 3.935578964063702e-22, 0.5632500632519273], [2.0380023063433917e-110, 1.865888434011499e-23, 0.5188083154720433], 9.975031639551357],
])('the chi distribution of %d dimensions is that of SciPy', (d, densities, below, mean) => {
  densities.forEach((density, i) => expect(chiDensity([0.5, 4, 10][i]!, d) / density).toBeCloseTo(1, 9))
  below.forEach((part, i) => expect(chiBelow([0.5, 4, 10][i]!, d) / part).toBeCloseTo(1, 9))
  expect(chiMean(d)).toBeCloseTo(mean, 9)
  expect(chiDensity(0, d)).toBe(0)
  expect(chiBelow(0, d)).toBe(0)
  expect(chiBelow(1e3, d)).toBe(1)
})

it('posteriors that are the prior have its norms, and means that are none of its draws', () => {
  const [n, d] = [4000, 10]
  const { means, draws } = normsOf(new Float32Array(n * d), new Float32Array(n * d).fill(1), d)
  expect(Math.max(...means)).toBe(0)
  expect(draws.reduce((sum, value) => sum + value / n, 0)).toBeCloseTo(chiMean(d), 1)
  expect(Math.min(...draws)).toBeGreaterThan(0.5)
  const bins = histogram(draws, 8, 16)
  expect(bins.reduce((sum, density) => sum + density * 0.5, 0)).toBeCloseTo(1, 10)
  bins.forEach((density, bin) => expect(Math.abs(density - (chiBelow((bin + 1) / 2, d) - chiBelow(bin / 2, d)) / 0.5)).toBeLessThan(0.05))
})

it('norms are those of the codes, a quantile is one of them', () => {
  const { means } = normsOf(Float32Array.of(3, 4, 0, 0, 0, 2), new Float32Array(6), 3)
  expect([...means]).toEqual([5, 2])
  expect(quantileOf(Float64Array.of(3, 1, 2), 0.5)).toBe(2)
  expect(histogram(Float64Array.of(1, 9), 8, 4)[0]).toBe(0.25)
})
