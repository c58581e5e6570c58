import { beforeEach, expect, it, vi } from 'vitest'

const KEY = 'k'.repeat(43)

function storage() {
  const kept = new Map<string, string>()
  return { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value), removeItem: (name: string) => void kept.delete(name) }
}

function at(address: string) {
  const url = new URL(address)
  const location = { ...{ origin: url.origin, pathname: url.pathname, search: url.search, hash: url.hash }, assign: vi.fn() }
  const replaceState = vi.fn((_state: unknown, _title: string, shown: string) => void Object.assign(location, { search: '', hash: shown.slice(url.pathname.length) }))
  vi.stubGlobal('location', location)
  vi.stubGlobal('history', { replaceState })
  return location
}

beforeEach(() => {
  vi.resetModules()
  vi.stubGlobal('localStorage', storage())
  vi.stubGlobal('sessionStorage', storage())
})

it('the key is taken out of the address and kept', async () => {
  const location = at(`http://127.0.0.1:8008/#key=${KEY}`)
  const { key, takeKey } = await import('./key')
  expect(key()).toBe('')
  takeKey()
  expect(key()).toBe(KEY)
  expect(location.hash).toBe('')
})

it('a view is left alone, and comes back after the server has let the page in again', async () => {
  const location = at('http://127.0.0.1:8008/#v=1&run=demo')
  const { openWith, takeKey } = await import('./key')
  takeKey()
  expect(location.hash).toBe('#v=1&run=demo')
  expect(openWith(`  http://127.0.0.1:8008/?token=${KEY}\n`)).toBe(true)
  expect(location.assign).toHaveBeenCalledWith(`/?token=${KEY}`)
  const after = at(`http://127.0.0.1:8008/#key=${KEY}`)
  takeKey()
  expect(after.hash).toBe('#v=1&run=demo')
})

it('a token that was used before does not stay in the address', async () => {
  const location = at(`http://127.0.0.1:8008/?token=${KEY}#v=1`)
  const { key, takeKey } = await import('./key')
  takeKey()
  expect(key()).toBe('')
  expect([location.search, location.hash]).toEqual(['', '#v=1'])
})

it('without storage the key lasts as long as the page', async () => {
  const forbidden = () => {
    throw new Error('switched off')
  }
  vi.stubGlobal('localStorage', { getItem: forbidden, setItem: forbidden })
  vi.stubGlobal('sessionStorage', { getItem: forbidden, setItem: forbidden, removeItem: forbidden })
  at(`http://127.0.0.1:8008/#key=${KEY}`)
  const { key, takeKey } = await import('./key')
  takeKey()
  expect(key()).toBe(KEY)
})

it.each(['', 'http://127.0.0.1:8008/', 'http://127.0.0.1:8008/?token=', 'javascript:alert(1)', `http://evil.example/#${KEY} x`])('what is no address with a token goes nowhere: %s', async (given) => {
  const location = at('http://127.0.0.1:8008/')
  const { openWith } = await import('./key')
  expect(openWith(given)).toBe(false)
  expect(location.assign).not.toHaveBeenCalled()
})
