import { expect, it } from 'vitest'
import { freest } from './fit'

const ALL = { left: 0, top: 0, right: 100, bottom: 60 }

it('what is free between panels, for something tall and for something wide', () => {
  const panels = [{ left: 0, top: 0, right: 30, bottom: 60 }, { left: 70, top: 0, right: 100, bottom: 20 }]
  expect(freest(ALL, panels, 1, 2)).toEqual({ left: 30, top: 0, right: 70, bottom: 60 })
  expect(freest(ALL, panels, 5, 1)).toEqual({ left: 30, top: 20, right: 100, bottom: 60 })
})

it('all of it where nothing is in the way, or all is', () => {
  expect(freest(ALL, [], 2, 1)).toEqual(ALL)
  expect(freest(ALL, [ALL], 2, 1)).toEqual(ALL)
})
