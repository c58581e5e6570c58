import { expect, test, vi } from 'vitest'
import type { Ready, RunSummary, Source, TrainingState } from '../source/source'
import * as store from '../state/store'
import { failure } from '../train/attempt'
import { learnReady, making, openReady, wantedOf } from './ready'

const row = (...parts: [seconds: number, run: string | null][]): Ready => ({ name: 'n', title: 't', about: 'a', parts: parts.map(([seconds, run]) => ({ base: 'b', set: {}, name: 'p', seconds, run })) })

test.each([
  [row([15, 'a'], [30, 'b']), null],
  [row([15, null], [30, 'b']), '1 run, about 15 seconds'],
  [row([15, null], [15, null], [30, null]), '3 runs, about a minute'],
  [row([60, null], [60, null]), '2 runs, about 2 minutes'],
])('what is missing is said with its time', (given, said) => {
  expect(wantedOf(given)).toBe(said)
})

test('another comparison that is asked for takes the place of the first, and is opened', async () => {
  const trained = new Set(['there'])
  const rows = (): Ready[] => ['first', 'second'].map((name) => ({ name, title: name, about: '', parts: ['there', name].map((part) => ({ base: 'b', set: {}, name: part, seconds: 1, run: trained.has(part) ? part : null })) }))
  const train = (run: string, phase: string) => (store.training.value = { run, phase } as TrainingState)
  const soon = () => new Promise((resolve) => setTimeout(resolve, 5))
  const live = {
    ready: () => soon().then(rows),
    start: (_: string, __: object, name: string) => soon().then(() => (train(name, 'playing'), name)),
    command: async () => void train('first', 'ended'),
  }
  store.source.value = { live, runs: async (): Promise<RunSummary[]> => [] } as unknown as Source
  const location = { hash: '' }
  vi.stubGlobal('location', location)
  await learnReady()
  const first = openReady('first')
  await vi.waitUntil(() => store.training.value?.phase === 'playing')
  await soon()
  const second = openReady('second')
  await first
  expect(making.value?.title).toBe('second')
  await vi.waitUntil(() => store.training.value?.run === 'second')
  await soon()
  trained.add('second')
  train('second', 'ended')
  await second
  expect(failure.value).toBeNull()
  expect(location.hash).toContain('compare=there/second')
  expect(making.value).toBeNull()
})
