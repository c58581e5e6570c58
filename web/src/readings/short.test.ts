import { expect, it } from 'vitest'
import { short } from './short'

it.each([
  [12.345, 2, '12.35'],
  [-0.001, 2, '0.00'],
  [-0, 1, '0.0'],
  [-16926.5, 2, '-16,927'],
  [1234.56, 2, '1,234.6'],
  [242_582_600, 2, '243M'],
  [-1.5e9, 1, '-1.5B'],
])('%d with %d decimals is %s', (value, decimals, text) => expect(short(value, decimals)).toBe(text))
