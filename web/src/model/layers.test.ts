import { expect, it } from 'vitest'
import { layersOf } from './layers'
import type { Graph, Manifest } from './manifest'
import { Networks } from './networks'

const wide = (from: number, weights: number, bias: number) => ({ weight: [from, weights] as [number, number], bias: [from + weights, bias] as [number, number] })
const encoder: Graph = {
  inputs: { x: 0 },
  ops: [
    { op: 'conv2d', in: [0], out: 1, shape: [10, 2, 2], kernel: [2, 2], stride: 2, padding: 0, ...wide(0, 40, 10) },
    { op: 'relu', in: [1], out: 2, shape: [10, 2, 2] },
    { op: 'reshape', in: [2], out: 3, shape: [40] },
    { op: 'linear', in: [3], out: 4, shape: [2], ...wide(50, 80, 2) },
    { op: 'linear', in: [3], out: 5, shape: [2], ...wide(132, 80, 2) },
    { op: 'soft_bound', in: [5], out: 6, shape: [2], bound: 20 },
    { op: 'exp_half', in: [6], out: 7, shape: [2] },
  ],
  outputs: { loc: 4, scale: 7 },
}
const decoder: Graph = {
  inputs: { z: 0 },
  ops: [
    { op: 'linear', in: [0], out: 1, shape: [16], ...wide(214, 32, 16) },
    { op: 'reshape', in: [1], out: 2, shape: [1, 4, 4] },
    { op: 'sigmoid', in: [2], out: 3, shape: [1, 4, 4] },
  ],
  outputs: { mean: 3 },
}

it('a layer is an operation with weights and what follows of it alone', () => {
  expect(layersOf(encoder)).toEqual([
    { name: 'conv 2×2, stride 2 + relu', shape: [10, 2, 2], parameters: 50, out: 2, gives: null, seen: 32 },
    { name: 'linear', shape: [2], parameters: 82, out: 4, gives: 'loc', seen: 2 },
    { name: 'linear + soft bound + exp half', shape: [2], parameters: 82, out: 7, gives: 'scale', seen: 2 },
  ])
  expect(layersOf(decoder)).toEqual([{ name: 'linear + sigmoid', shape: [1, 4, 4], parameters: 48, out: 3, gives: 'mean', seen: 16 }])
})

it('what the last layers give is what the networks give, with the weights of now', () => {
  const about = { weights: 262, latent: 2, unsupported: null, data: { shape: [1, 4, 4], classes: ['0'] }, encoder, decoder } as unknown as Manifest
  const networks = new Networks(about)
  const x = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))
  for (const seed of [1, 2]) {
    const weights = Float32Array.from({ length: 262 }, (_, i) => 0.3 * Math.sin(seed * i * i))
    networks.load(weights)
    const { loc, scale } = networks.encode(x, null)
    const found = networks.trace(x, loc, null, null)
    expect(found.encoder[1]).toEqual(loc)
    expect(found.encoder[2]).toEqual(scale)
    expect(found.decoder[0]).toEqual(networks.decode(loc, null).mean)
    // the first channel of the first layer by hand
    for (const [row, column] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
      const patch = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([down, across]) => x[4 * (2 * row + down!) + 2 * column + across!]!)
      const sum = patch.reduce((total, value, i) => total + value * weights[i]!, weights[40]!)
      expect(found.encoder[0]![2 * row + column]).toBeCloseTo(Math.max(0, sum), 5)
    }
  }
})
