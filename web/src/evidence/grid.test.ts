import { expect, it } from 'vitest'
import type { Manifest } from '../model/manifest'
import { Networks } from '../model/networks'
import { distortion } from '../model/likelihood'
import { elboOn, levelsOf, placeOf, posteriorOn, SETTLED } from './grid'

/** log N(z; mean, covariance) of two dimensions, by the inverse covariance (a, b; b, c). */
const normal2 = ([x, y]: number[], [mx, my]: number[], [a, b, c]: number[]) => {
  const [dx, dy] = [x! - mx!, y! - my!]
  return -0.5 * (a! * dx * dx + 2 * b! * dx * dy + c! * dy * dy) + 0.5 * Math.log(a! * c! - b! * b!) - Math.log(2 * Math.PI)
}
const joint = (f: (z: number[]) => number, d: number) => (z: Float32Array) => Promise.resolve(Float64Array.from({ length: z.length / d }, (_, i) => f(Array.from(z.subarray(i * d, (i + 1) * d)))))

it.each([
  ['the prior itself', [0, 0], [1, 0, 1]],
  ['narrow', [1.2345, -0.777], [2500, 0, 4]],
  ['narrow everywhere', [2.0101, 0.0303], [1e4, 0, 1e4]],
  ['slanted', [-0.3, 0.4], [200, -150, 130]],
  ['beyond the first grid', [9, 0], [9, 0, 9]],
])('a normal posterior (%s) has its evidence, and its levels hold the mass', async (_, mean, inverse) => {
  const grid = await posteriorOn(joint((z) => normal2(z, mean, inverse) - 123.4, 2), [-5, -5], [5, 5], mean)
  expect(grid.logEvidence).toBeCloseTo(-123.4, 3)
  expect(grid.change).toBeLessThan(SETTLED)
  expect(grid.decoded).toBeLessThan(15_000)
  const top = normal2(mean, mean, inverse) - 123.4
  levelsOf(grid, [1, 2, 3].map((times) => 1 - Math.exp(-0.5 * times * times))).forEach((level, i) => {
    expect(Math.sqrt(2 * (top - level)) / (i + 1)).toBeGreaterThan(0.94)
    expect(Math.sqrt(2 * (top - level)) / (i + 1)).toBeLessThan(1.06)
  })
})

it('two narrow modes far from each other are both found, though the seed is elsewhere', async () => {
  const f = (z: number[]) => {
    const [p, q] = [normal2(z, [-2.03, 1.11], [2500, 0, 2500]), normal2(z, [3.07, -2.2], [400, 0, 3000])]
    return Math.max(p, q) + Math.log1p(Math.exp(-Math.abs(p - q)))
  }
  const grid = await posteriorOn(joint(f, 2), [-5, -5], [5, 5], [0, 0])
  expect(grid.logEvidence).toBeCloseTo(Math.log(2), 3)
  const left = [...grid.nodes].filter(([key]) => placeOf(key, 2)[0]! < 0)
  const mass = left.reduce((sum, [, value]) => sum + Math.exp(value), 0) * grid.spacing[0]! * grid.spacing[1]!
  expect(mass).toBeCloseTo(1, 3)
})

it('what does not settle is told', async () => {
  // mass at a corner, where no spacing is fine enough
  const grid = await posteriorOn(joint(([x, y]) => -0.6 * Math.log(x! * x! + y! * y! + 1e-30) - x! * x! - y! * y!, 2), [-5, -5], [5, 5], [0, 0])
  expect(grid.change).toBeGreaterThan(SETTLED)
})

/** x = W z + b + s e through the page's own kernel, z ~ N(0, I): log p(x) = log N(x; b, W W' + s^2 I). */
function linear(d: number, s: number) {
  const D = 6
  const W = Array.from({ length: D * d }, (_, i) => Math.sin(3 * i + 1))
  const b = Array.from({ length: D }, (_, i) => Math.cos(i))
  const about = {
    weights: D * d + D, latent: d, unsupported: null, likelihood: { kind: 'gaussian' }, run: { config: {} }, data: { shape: [1, 1, D], classes: ['0'] },
    encoder: { inputs: { x: 0 }, ops: [{ op: 'reshape', in: [0], out: 1, shape: [D] }], outputs: { loc: 1, scale: 1 } },
    decoder: { inputs: { z: 0 }, ops: [{ op: 'linear', in: [0], out: 1, shape: [D], weight: [0, D * d], bias: [D * d, D] }], outputs: { mean: 1 } },
  } as unknown as Manifest
  const networks = new Networks(about)
  networks.load(Float32Array.from([...W, ...b]))
  const x = Float32Array.from({ length: D }, (_, i) => b[i]! + 0.9 * W[i * d]! + 0.1 * Math.sin(9 * i))
  const logJoint = (z: Float32Array) => {
    const { mean: means } = networks.decode(z, null)
    return Promise.resolve(Float64Array.from({ length: z.length / d }, (_, i) => {
      const code = Array.from(z.subarray(i * d, (i + 1) * d))
      return -distortion(about, x, means.subarray(i * D, (i + 1) * D), s)! - code.reduce((sum, entry) => sum + 0.5 * entry * entry, 0) - (d / 2) * Math.log(2 * Math.PI)
    }))
  }
  // by Cholesky's factor of the covariance
  const covariance = Array.from({ length: D }, (_, i) => Array.from({ length: D }, (_, j) => Array.from({ length: d }, (_, k) => Math.fround(W[i * d + k]!) * Math.fround(W[j * d + k]!)).reduce((p, q) => p + q) + (i === j ? s * s : 0)))
  const L = covariance.map((row) => row.map(() => 0))
  for (let i = 0; i < D; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = covariance[i]![j]! - L[i]!.slice(0, j).reduce((sum, entry, k) => sum + entry * L[j]![k]!, 0)
      L[i]![j] = i === j ? Math.sqrt(rest) : rest / L[j]![j]!
    }
  }
  const white: number[] = []
  for (let i = 0; i < D; i++) white.push((x[i]! - Math.fround(b[i]!) - L[i]!.slice(0, i).reduce((sum, entry, k) => sum + entry * white[k]!, 0)) / L[i]![i]!)
  const truth = -0.5 * white.reduce((sum, entry) => sum + entry * entry, 0) - L.reduce((sum, row, i) => sum + Math.log(row[i]!), 0) - (D / 2) * Math.log(2 * Math.PI)
  return { logJoint, truth }
}

it.each([[1, 0.3], [1, 0.02], [2, 0.3], [2, 0.02]])('a linear decoder of %d dimensions with noise %d has its evidence in closed form', async (d, s) => {
  const { logJoint, truth } = linear(d, s)
  const grid = await posteriorOn(logJoint, new Array(d).fill(-5), new Array(d).fill(5), new Array(d).fill(0))
  expect(grid.logEvidence).toBeCloseTo(truth, 3)
  expect(grid.change).toBeLessThan(SETTLED)
  // any q leaves the gap KL(q || p(z|x)); the sum over the same grid says as much
  const [loc, scale] = [new Array<number>(d).fill(0.7), new Array<number>(d).fill(1.5 * s)]
  const gap = grid.logEvidence - (await elboOn(logJoint, loc, scale))
  let kl = 0
  const values = await logJoint(Float32Array.from(Array.from({ length: 161 ** d }, (_, i) => [i % 161, Math.floor(i / 161)].slice(0, d).map((j, k) => loc[k]! + scale[k]! * (j - 80) * 0.1)).flat()))
  values.forEach((value, i) => {
    const square = [i % 161, Math.floor(i / 161)].slice(0, d).reduce((sum, j) => sum + ((j - 80) * 0.1) ** 2, 0)
    const logQ = -0.5 * square - d * (0.5 * Math.log(2 * Math.PI) + Math.log(scale[0]!))
    kl += Math.exp(logQ) * (0.1 * scale[0]!) ** d * (logQ - value + truth)
  })
  expect(gap).toBeGreaterThan(0)
  expect(gap / kl).toBeCloseTo(1, 3)
})
