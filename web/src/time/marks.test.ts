import { expect, test } from 'vitest'
import { marksOf } from './marks'

const along = (step: number) => step / 100
const words = ({ beta, learning_rate }: { beta?: number; learning_rate?: number }) => (beta === undefined ? `lr ${learning_rate}` : `β ${beta}`)
const marks = (...changes: { step: number; beta?: number; learning_rate?: number }[]) => marksOf(changes, along, 0.1, words)

test('changes close to each other have one mark, at the first and with the last value', () => {
  expect(marks({ step: 20, beta: 2 }, { step: 23, beta: 3 }, { step: 29, beta: 4 }, { step: 31, beta: 5 })).toEqual([
    { at: 0.2, words: 'β 4 (3×)', learning: false, before: false },
    { at: 0.31, words: 'β 5', learning: false, before: false },
  ])
})

test('beta comes before the learning rate', () => {
  expect(marks({ step: 20, beta: 2 }, { step: 23, learning_rate: 0.1 })[0]!.words).toBe('β 2 (2×)')
  expect(marks({ step: 23, learning_rate: 0.1 })).toEqual([{ at: 0.23, words: 'lr 0.1', learning: true, before: false }])
})

test('at the end the words stand before the mark, where none are', () => {
  expect(marks({ step: 70, beta: 2 }, { step: 95, beta: 3 })[1]).toEqual({ at: 0.95, words: 'β 3', learning: false, before: true })
  expect(marks({ step: 80, beta: 2 }, { step: 95, beta: 3 })).toEqual([{ at: 0.8, words: 'β 3 (2×)', learning: false, before: false }])
})
