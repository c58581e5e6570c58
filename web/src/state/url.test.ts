import { expect, it } from 'vitest'
import { fromHash, toHash } from './url'
import { DEFAULT_VIEW, type View } from './view'

const FULL: View = {
  run: 'a run, 100 % & more=',
  step: 420,
  z: [0.1234, -2, 0],
  plane: { kind: 'axes', i: 2, j: 0 },
  layers: { points: false, clouds: true, glyphs: true, thumbs: true, tiles: true, rings: false, density: true, fog: true, exact: true, gap: true },
  scale: 'cdf',
  cls: 7,
  hidden: [0, 9],
  tool: 'path',
  path: { kind: 'spherical', from: [1, 2, 3], to: [-1, 0.5, 0] },
  probe: { kind: 'image', index: 41 },
  selected: [3, 5, 8],
  camera: { x: 0.5, y: -1, reach: 2.25 },
  aligned: false,
  theme: 'dark',
  depth: 'look',
  lecture: true,
}

it('an address holds the whole view', () => {
  expect(fromHash(`#${toHash(FULL)}`)).toEqual(FULL)
  for (const step of ['last', 'best', 'live', 0, null] as const) expect(fromHash(toHash({ ...FULL, step })).step).toBe(step)
  expect(fromHash(toHash({ ...FULL, layers: { ...DEFAULT_VIEW.layers, tiles: true } })).layers.glyphs).toBeNull()
  expect(fromHash(toHash({ ...FULL, layers: { ...DEFAULT_VIEW.layers, points: false, rings: false } })).layers.points).toBe(false)
})

it('what is usual takes no room', () => {
  expect(toHash(DEFAULT_VIEW)).toBe('v=1')
  expect(fromHash('#v=1')).toEqual(DEFAULT_VIEW)
})

it('a drawing and long selections are not in it', () => {
  const view = fromHash(toHash({ ...FULL, probe: { kind: 'drawing' }, selected: Array.from({ length: 501 }, (_, i) => i) }))
  expect(view.probe).toBeNull()
  expect(view.selected).toEqual([])
})

it.each([
  ['#', {}],
  ['#v=2&run=demo', {}],
  ['#v=1&run=../../etc/passwd', {}],
  ['#v=1&run=%E0%A4%A', {}],
  ['#v=1&z=1_x', {}],
  ['#v=1&z=1_1e9', {}],
  ['#v=1&z=NaN_0', {}],
  ['#v=1&plane=1_1', {}],
  ['#v=1&plane=1', {}],
  ['#v=1&step=-3', {}],
  ['#v=1&class=-1&hidden=1_b&selected=1.5', {}],
  ['#v=1&camera=0_0_0', {}],
  ['#v=1&path=straight~1_2~1', {}],
  ['#v=1&theme=pink&tool=hammer&scale=log', {}],
  ['#v=1&depth=measure&lecture=1', { depth: 'look', lecture: true }], // numbers are not for the back row
  ['#v=1&layers=lasers', { layers: Object.fromEntries(Object.keys(DEFAULT_VIEW.layers).map((layer) => [layer, false])) }],
])('nonsense falls back to what is usual: %s', (hash, found) => {
  expect(fromHash(hash)).toEqual({ ...DEFAULT_VIEW, ...found })
})
