import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Manifest } from '../model/manifest'
import { Networks } from '../model/networks'
import { fromByte } from '../model/pixels'
import { asImage, type Point } from './stroked'

/** Digits as they are written by hand, the seven crossed and the nine with a hook, in a square of 100 x 100. */
const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number): Point[] =>
  Array.from({ length: 25 }, (_, i): Point => {
    const angle = ((from + ((to - from) * i) / 24) * Math.PI) / 180
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)]
  })
const DIGITS: Point[][][] = [
  [arc(50, 50, 24, 36, -90, 270)],
  [[[50, 14], [50, 86]]],
  [[...arc(50, 34, 22, 20, 190, 380), [30, 84], [74, 84]]],
  [[...arc(46, 32, 20, 17, 200, 440), ...arc(46, 67, 23, 19, -80, 160)]],
  [[[46, 14], [26, 58], [76, 58]], [[60, 36], [56, 88]]],
  [[[70, 15], [36, 15], [32, 46], ...arc(48, 64, 23, 22, -120, 140)]],
  [[[58, 12], [38, 40], ...arc(50, 67, 18, 18, 190, 550)]],
  [[[30, 18], [68, 16], [44, 86]], [[34, 52], [68, 50]]],
  [[...arc(50, 32, 18, 18, 90, 450), ...arc(50, 68, 21, 18, -90, 270)]],
  [[...arc(44, 34, 18, 20, 0, 360), [64, 44], [68, 60], [66, 76], [56, 86], [40, 84], [32, 78]]],
]

/** Those that MNIST's writers, in America, wrote in another way. */
const AMERICAN: Record<number, Point[][]> = {
  4: [[[38, 14], [26, 54], [74, 54]], [[62, 30], [62, 88]]],
  7: [[[26, 16], [72, 16], [46, 86]]],
  9: [[...arc(47, 34, 20, 20, 0, 360), [66, 36], [60, 86]]],
}

const folder = process.env.VAELAB_DRAWN

it.skipIf(folder !== undefined)('that drawn digits lie among their own is tested by tests/explorer/test_drawn.py', () => {})

it.skipIf(folder === undefined)('drawn digits lie among their own class', () => {
  const read = (name: string) => new Uint8Array(readFileSync(`${folder}/${name}`)).buffer
  const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')) as Manifest
  const last = manifest.steps.at(-1)!
  const name = String(last.index).padStart(4, '0')
  const networks = new Networks(manifest)
  networks.load(read(`weights/${name}.f16`))
  const values = new Int16Array(read(`codes/${name}.i16`))
  const labels = new Uint8Array(read('labels.u8'))
  const { latent: d, data } = manifest
  const found = DIGITS.map((strokes, digit) => {
    const drawn = data.name === 'MNIST' ? (AMERICAN[digit] ?? strokes) : strokes
    const image = asImage(drawn, 100, [data.shape[1], data.shape[2]], data.ink!, true)
    const { loc } = networks.encode(image.map((value) => fromByte(Math.round(255 * value), data.domain)), null)
    const distances = Array.from(labels, (label, i) => ({ label, away: Math.hypot(...loc.map((entry, k) => values[2 * i * d + k]! * last.loc_unit - entry)) }))
    const votes = new Array<number>(10).fill(0)
    for (const { label } of distances.sort((a, b) => a.away - b.away).slice(0, 15)) votes[label]!++
    return votes.indexOf(Math.max(...votes))
  })
  const right = found.filter((label, digit) => label === digit).length
  console.log(`${right} of 10 drawn digits among their own: ${found.join(' ')}`)
  expect(right).toBeGreaterThanOrEqual(Number(process.env.VAELAB_DRAWN_LEAST))
})
