import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { classColour, DARK, LIGHT } from './palette'

type Three = [number, number, number]

/** Linear RGB as it is seen: Machado, Oliveira and Fernandes (2009), severity 1. */
const SIGHTS: Record<string, Three[]> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
const XYZ: Three[] = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
const WHITE: Three = [0.95047, 1, 1.08883]

const times = (matrix: Three[], v: Three) => matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as Three
const linear = (hex: string) =>
  [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as Three

function lab(hex: string, sight: Three[]): Three {
  const seen = times(sight, linear(hex)).map((c) => Math.min(1, Math.max(0, c))) as Three
  const [x, y, z] = times(XYZ, seen).map((c, i) => c / WHITE[i]!).map((c) => (c > 216 / 24389 ? Math.cbrt(c) : ((24389 / 27) * c + 16) / 116)) as Three
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

/** CIEDE2000: Sharma, Wu and Dalal (2005). */
function difference([l1, a1, b1]: Three, [l2, a2, b2]: Three): number {
  const rad = Math.PI / 180
  const mean = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2
  const g = 1.5 - 0.5 * Math.sqrt(mean ** 7 / (mean ** 7 + 25 ** 7))
  const [c1, c2] = [Math.hypot(g * a1, b1), Math.hypot(g * a2, b2)]
  const hue = (a: number, b: number) => (a || b ? (Math.atan2(b, g * a) / rad + 360) % 360 : 0)
  const [h1, h2] = [hue(a1, b1), hue(a2, b2)]
  const dh = c1 * c2 ? ((h2 - h1 + 540) % 360) - 180 : 0
  const dH = 2 * Math.sqrt(c1 * c2) * Math.sin((dh / 2) * rad)
  const [l, c, h] = [(l1 + l2) / 2, (c1 + c2) / 2, c1 * c2 ? (h1 + dh / 2 + 360) % 360 : h1 + h2]
  const t = 1 - 0.17 * Math.cos((h - 30) * rad) + 0.24 * Math.cos(2 * h * rad) + 0.32 * Math.cos((3 * h + 6) * rad) - 0.2 * Math.cos((4 * h - 63) * rad)
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2)
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t]
  const turn = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * rad)
  const [x, y, z] = [(l2 - l1) / sl, (c2 - c1) / sc, dH / sh]
  return Math.sqrt(x * x + y * y + z * z + turn * y * z)
}

it.each([
  [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
  [[50, -1, 2], [50, 0, 0], 2.3669],
  [[50, 2.5, 0], [73, 25, -18], 27.1492],
  [[22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373],
  [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
] as [Three, Three, number][])('the difference of %j and %j is the published one', (one, other, published) => {
  expect(difference(one, other)).toBeCloseTo(published, 4)
})

const tokens = readFileSync(new URL('../styles/tokens.css', import.meta.url), 'utf8').split('[data-theme=')
const THEMES = { light: { colours: LIGHT, tokens: tokens[1]! }, dark: { colours: DARK, tokens: tokens[2]! } }
const token = (css: string, name: string) => new RegExp(`--${name}: (#\\w{6})`).exec(css)![1]!

for (const [theme, { colours, tokens }] of Object.entries(THEMES)) {
  for (const [sight, matrix] of Object.entries(SIGHTS)) {
    it(`any two classes differ by 10 at least: ${theme}, ${sight}`, () => {
      const seen = colours.map((colour) => lab(colour, matrix))
      const pairs = seen.flatMap((one, i) => seen.slice(0, i).map((other, j) => ({ pair: `${j} | ${i}`, differ: difference(one, other) })))
      const least = pairs.reduce((a, b) => (b.differ < a.differ ? b : a))
      console.log(`${theme}, ${sight}: least difference ${least.differ.toFixed(1)}, of ${least.pair}`)
      expect(pairs.length).toBe(45)
      expect(least.differ).toBeGreaterThanOrEqual(10)
    })
  }

  it(`every class can be seen on the ground, and is no accent: ${theme}`, () => {
    const luminance = (hex: string) => times(XYZ, linear(hex))[1]!
    const ground = luminance(token(tokens, 'surface'))
    for (const colour of colours) {
      const [a, b] = [luminance(colour), ground].sort((x, y) => y - x) as [number, number]
      expect((a + 0.05) / (b + 0.05)).toBeGreaterThanOrEqual(3)
      expect(difference(lab(colour, SIGHTS.normal!), lab(token(tokens, 'accent'), SIGHTS.normal!))).toBeGreaterThanOrEqual(10)
    }
  })
}

it('no colour stands for two classes', () => {
  expect(new Set(Array.from({ length: 10 }, (_, k) => classColour(k, 10, false))).size).toBe(10)
  expect(new Set(Array.from({ length: 26 }, (_, k) => classColour(k, 26, false))).size).toBe(1)
})
