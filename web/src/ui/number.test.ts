import { expect, it } from 'vitest'
import { count, exponential, fixed, plain, short, typed } from './number'

it.each([
  [12.345, 2, '12.35'],
  [-0.001, 2, '0.00'],
  [-0, 1, '0.0'],
  [-16926.5, 2, '−16,927'],
  [1234.56, 2, '1,234.6'],
  [242_582_600, 2, '243M'],
  [-1.5e9, 1, '−1.5B'],
])('%d with %d decimals is %s', (value, decimals, text) => expect(short(value, decimals)).toBe(text))

it('the minus is a minus, of small numbers too', () => {
  expect([fixed(-0.126, 2), fixed(-0.001, 2), exponential(-2.34e-5)]).toEqual(['−0.13', '0.00', '−2.3e−5'])
})

it('one is no plural', () => {
  expect([0, 1, 2, 1797].map((n) => count(n, 'epoch'))).toEqual(['0 epochs', '1 epoch', '2 epochs', '1,797 epochs'])
})

it('a number is read again by a spreadsheet', () => {
  expect(['−16,927', '0.13', '−2', 'z1', 'a−b, c'].map(plain)).toEqual(['-16927', '0.13', '-2', 'z1', 'a−b, c'])
})

it.each([
  ['0.5', 0.5],
  ['0', 0],
  ['-3', 'A number from 0 to 10,000 is needed'],
  ['', 'A number from 0 to 10,000 is needed'],
  ['abc', 'A number from 0 to 10,000 is needed'],
  ['1e400', 'A number from 0 to 10,000 is needed'],
])('typed: “%s”', (text, found) => expect(typed(text, { least: 0, most: 1e4 })).toBe(found))

it('what is typed may have to be whole, and may be nothing', () => {
  expect(typed('1.5', { least: 0, whole: true, empty: true })).toBe('A whole number from 0 on is needed')
  expect(typed('', { empty: true })).toBeNull()
  expect(typed('2', { least: 1e-7, most: 1 })).toBe('A number from 1.0e−7 to 1 is needed')
})
