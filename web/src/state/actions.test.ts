import { expect, it } from 'vitest'
import type { Engine } from '../model/engine'
import type { Pixels } from '../model/networks'
import { decodeAt } from './actions'
import * as store from './store'

it('what a run that is left still answers is not shown of the next one', async () => {
  let answer: (pixels: Pixels) => void = () => {}
  const slow = { decode: () => new Promise<Pixels>((resolve) => (answer = resolve)) } as unknown as Engine
  store.engines.value = { pointer: slow, patient: slow }
  decodeAt([1, 2])
  store.engines.value = { pointer: {} as Engine, patient: {} as Engine }
  store.hovered.value = null
  answer({ mean: new Float32Array(4), scale: null })
  await new Promise((resolve) => setTimeout(resolve))
  expect(store.hovered.value).toBeNull()
})

it('what is answered after the pointer has left is not shown', async () => {
  let answer: (pixels: Pixels) => void = () => {}
  const slow = { decode: () => new Promise<Pixels>((resolve) => (answer = resolve)) } as unknown as Engine
  store.engines.value = { pointer: slow, patient: slow }
  decodeAt([1, 2])
  decodeAt(null)
  answer({ mean: new Float32Array(4), scale: null })
  await new Promise((resolve) => setTimeout(resolve))
  expect(store.hovered.value).toBeNull()
})
