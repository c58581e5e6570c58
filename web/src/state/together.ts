import { batch } from '@preact/signals'
import * as store from './store'

const MILLISECONDS = 40
let waiting: (() => void)[] = []

/** Show what has been computed: at once, or while a training is followed together with what comes soon, in one frame. */
export function together(show: () => void): void {
  if (store.calm.peek()?.index !== null) {
    show()
    return
  }
  waiting.push(show)
  if (waiting.length > 1) return
  setTimeout(() => {
    const shows = waiting
    waiting = []
    batch(() => shows.forEach((one) => one()))
  }, MILLISECONDS)
}
