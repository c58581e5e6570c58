import { signal } from '@preact/signals'
import { eased } from '../latent/motion'
import type { Codes } from '../model/networks'

/** A draw z = mu + sigma epsilon on its way. */
export interface Fall extends Codes {
  epsilon: number[]
  /** How far epsilon has fallen from its bell curve, and how far it has then been carried to z: 0 to 1 each. */
  fallen: number
  carried: number
}

export const falling = signal<Fall | null>(null)

const MILLISECONDS = 600
/** Of each of several draws. */
const QUICK = 150
/** Of the whole, what the fall takes. */
const FALLS = 0.4

let land = () => {}

/** What falls is there at once. */
export const landNow = () => land()

/** Show epsilon fall from N(0, 1) and be carried to z; resolves when it is there, at once where nothing shall move. The last of it stays until `falling` is emptied. */
export function fall(code: Codes, epsilon: number[], quick: boolean): Promise<void> {
  if (document.hidden || matchMedia('(prefers-reduced-motion: reduce)').matches) return Promise.resolve()
  const whole = quick ? QUICK : MILLISECONDS
  const began = performance.now()
  return new Promise((resolve) => {
    let frame = 0
    land = () => {
      cancelAnimationFrame(frame)
      resolve()
    }
    const step = () => {
      const part = (performance.now() - began) / whole
      falling.value = { ...code, epsilon, fallen: Math.min(1, part / FALLS) ** 2, carried: part < FALLS ? 0 : eased((part - FALLS) / (1 - FALLS)) }
      if (part < 1) frame = requestAnimationFrame(step)
      else resolve()
    }
    step()
  })
}
