import { expect, it } from 'vitest'
import { Room } from './labels'

it('boxes that are taken never overlap, and what is refused would', () => {
  let seed = 1
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  const room = new Room(14)
  const taken: number[][] = []
  const over = (a: number[], b: number[]) => [0, 1].every((k) => Math.abs(a[k]! - b[k]!) < (a[k + 2]! + b[k + 2]!) / 2)
  for (let n = 0; n < 500; n++) {
    const box = [600 * random() - 100, 300 * random() - 50, 10 + 90 * random(), 8 + 20 * random()] as const
    const free = !taken.some((other) => over([...box], other))
    expect(room.take(...box)).toBe(free)
    if (free) taken.push([...box])
  }
  expect(taken.length).toBeGreaterThan(20)
})
