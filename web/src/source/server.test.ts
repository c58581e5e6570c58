import { expect, it, vi } from 'vitest'
import { handle } from './server'
import type { Hearing } from './source'

function message(header: object, payload: number[] = []): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header))
  const bytes = new Uint8Array(4 + text.length + payload.length)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(text, 4)
  bytes.set(payload, 4 + text.length)
  return bytes.buffer
}

function hearing() {
  return { state: vi.fn(), snapshot: vi.fn(async () => {}), kept: vi.fn(), metrics: vi.fn(), followed: vi.fn(), runs: vi.fn(), connected: vi.fn() } satisfies Hearing
}

it('a snapshot is taken apart, shown and then acknowledged', async () => {
  const hear = hearing()
  const header = { type: 'snapshot', run: 'ä', step: 3, count: 1, total: 2, weights: 2 }
  expect(await handle(message(header, [1, 2, 3, 4, 5, 6, 7, 8]), hear)).toBe(true)
  const [frame] = hear.snapshot.mock.calls[0] as unknown as [{ run: string; weights: ArrayBuffer; codes: ArrayBuffer }]
  expect(frame.run).toBe('ä')
  expect([...new Uint8Array(frame.weights)]).toEqual([1, 2, 3, 4])
  expect([...new Uint8Array(frame.codes)]).toEqual([5, 6, 7, 8])
})

it('everything else is passed on, and nothing of it acknowledged', async () => {
  const hear = hearing()
  expect(await handle(message({ type: 'state', phase: 'paused' }), hear)).toBe(false)
  expect(await handle(message({ type: 'kept', run: 'a', steps: [{ step: 1 }] }), hear)).toBe(false)
  expect(await handle(message({ type: 'metrics', run: 'a', rows: [], after: 3 }), hear)).toBe(false)
  expect(await handle(message({ type: 'of a newer server' }), hear)).toBe(false)
  expect(hear.state).toHaveBeenCalledOnce()
  expect(hear.kept).toHaveBeenCalledWith('a', [{ step: 1 }])
  expect(hear.metrics).toHaveBeenCalledWith('a', [], 3)
  expect(hear.snapshot).not.toHaveBeenCalled()
})
