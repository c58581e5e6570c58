import { expect, it } from 'vitest'
import type { RunSummary } from '../source/source'
import { differing, matches, namesOf, NUMBERS, sorted, unclear, when, wordsOf } from './table'

const run = (id: string, elbo_nats: number | null, settings: Record<string, string>): RunSummary => ({
  id, elbo_nats, settings, data: 'digits', model: 'mlp 2, gaussian', latent: 2, epochs_done: 5, epochs: 5,
  distortion_nats: null, rate_nats: null, obstacle: null, copy: `${id}-2`, writer: null, written: 0,
})
const RUNS = [
  run('a', 10, { 'objective.beta': '1', 'model.encoder.widths': '64', 'model.decoder.widths': '64', 'training.seed': '0' }),
  run('b', null, { 'objective.beta': '4', 'model.encoder.widths': '64', 'model.decoder.widths': '64', 'training.seed': '0' }),
  run('c10', 9, { 'objective.beta': '0.5', 'model.encoder.widths': '128, 64', 'model.decoder.widths': '64, 128', 'training.seed': '0' }),
  run('damaged', null, {}),
]

it('settings that differ are columns, what matters most first, those that say it again last', () => {
  const { columns, others } = differing(RUNS)
  expect(columns.map(({ name }) => name)).toEqual(['beta', 'encoder widths', 'decoder widths'])
  expect(others).toEqual([])
  expect(columns.map((column) => column.value(RUNS[2]!))).toEqual([0.5, '128, 64', '64, 128'])
  expect(columns[1]!.value(RUNS[3]!)).toBeNull()
})

it('latent, beta, model and likelihood come before what more runs differ in', () => {
  const all = ['1', '2', '3', '4'].map((n, i) => run(n, null, {
    'training.seed': n, 'training.batch_size': String(i % 3), 'model.likelihood.scale': String(i % 2), 'objective.beta': i ? '1' : '4', 'model.latent': i > 1 ? '2' : '4', 'model.encoder': i === 3 ? 'conv' : 'mlp',
  }))
  expect(differing(all).columns.map(({ key }) => key)).toEqual(['model.latent', 'objective.beta', 'model.encoder', 'model.likelihood.scale', 'training.seed'])
})

it('two runs of one day are told apart by their time', () => {
  const now = new Date(2026, 10, 29, 18)
  const at = (...date: [number, number, number, number, number]) => new Date(...date).getTime() / 1000
  expect(when(at(2026, 10, 29, 7, 5), now)).toBe('29 Nov, 07:05')
  expect(when(at(2025, 10, 29, 17, 5), now)).toBe('29 Nov 2025, 17:05')
})

it('what no column has room for is named with its usual value', () => {
  const many = (i: number) => Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`model.k${k}`, String(i >> k)]))
  const { columns, others } = differing(Array.from({ length: 200 }, (_, i) => run(`r${i}`, i, many(i))))
  expect(columns).toHaveLength(5)
  expect(others.map(({ name, usual }) => [name, usual])).toContainEqual(['k7', '0'])
})

it('numbers are sorted by size, names as people count, and what is missing comes last both ways', () => {
  const elbo = NUMBERS.find(({ key }) => key === 'elbo_nats')!
  expect(sorted(RUNS, elbo, true).map(({ id }) => id)).toEqual(['a', 'c10', 'b', 'damaged'])
  expect(sorted(RUNS, elbo, false).map(({ id }) => id)).toEqual(['c10', 'a', 'b', 'damaged'])
  const beta = differing(RUNS).columns[0]!
  expect(sorted(RUNS, beta, false).map(({ id }) => id)).toEqual(['c10', 'a', 'b', 'damaged'])
})

it('half a condition, or one on nothing, is not understood', () => {
  const names = namesOf([...new Set(RUNS.flatMap(({ settings }) => Object.keys(settings)))])
  expect(unclear(wordsOf('a rate< beta=4 elbo>9 <3 weather=4 rate<many widths='), names)).toEqual(['rate<', '<3', 'weather=4', 'rate<many', 'widths='])
})

it.each([
  ['c1', ['c10']],
  ['digits', ['a', 'b', 'c10', 'damaged']],
  ['beta=4', ['b']],
  ['beta<4 elbo>9.5', ['a']],
  ['elbo<100', ['a', 'c10']],
  ['decoderwidths=64', ['a', 'b']],
  ['beta=4 c10', []],
])('the filter %s', (filter, ids) => {
  const names = namesOf([...new Set(RUNS.flatMap(({ settings }) => Object.keys(settings)))])
  expect(RUNS.filter((one) => matches(one, wordsOf(filter), names)).map(({ id }) => id)).toEqual(ids)
})
