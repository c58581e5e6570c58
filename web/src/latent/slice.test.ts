import { expect, it } from 'vitest'
import type { Axes } from '../state/plane'
import { around, fogAt } from './slice'

const unit = (d: number, k: number) => Float64Array.from({ length: d }, (_, m) => Number(m === k))
const axes = (d: number): Axes => ({ origin: new Float64Array(d), e1: unit(d, 0), e2: unit(d, 1), labels: ['z1', 'z2'] })
const random = (i: number) => (((Math.sin(i * 127.1) * 43758.5453) % 1) + 1) % 1 - 0.5

it('the middle of a shell in 16 dimensions is foggy, although most points are seen there', () => {
  const d = 16
  const codes = new Float32Array(500 * d)
  for (let i = 0; i < 500; i++) {
    const code = Array.from({ length: d }, (_, k) => random(i * d + k) + random(9999 + i * d + k))
    const norm = Math.hypot(...code)
    code.forEach((entry, k) => (codes[i * d + k] = (5 * entry) / norm))
  }
  const found = around(codes, d, axes(d))
  const near = Array.from({ length: 500 }, (_, i) => Math.hypot(found.places[2 * i]!, found.places[2 * i + 1]!)).filter((r) => r < 1.5).length
  expect(near).toBeGreaterThan(100)
  expect(fogAt(0, 0, found)).toBeGreaterThan(0.9)
  const through = { ...axes(d), origin: Float64Array.from(codes.slice(0, d)) }
  expect(fogAt(0, 0, around(codes, d, through))).toBe(0)
})

it('the distance is that in the whole space', () => {
  const codes = Float32Array.of(0, 0, 3, 1, 0, 3, 2, 0, 3)
  const found = around(codes, 3, axes(3))
  expect(found.usual).toEqual([1, 1])
  expect(Array.from(found.away)).toEqual([9, 9, 9])
  expect(fogAt(1, 0, { ...found, usual: [2, 4] })).toBe(0.5)
})
