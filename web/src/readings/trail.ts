import type { MetricRow, StepEntry } from '../model/manifest'
import type { Change } from '../state/changes'

/** A place of the rate-distortion plane: nats per image. */
export interface Place {
  step: number
  rate: number
  distortion: number
}

/** Rate and distortion of the kept steps, in their order. */
export function trailOf(steps: StepEntry[]): Place[] {
  return steps
    .map(({ step, readings }) => ({ step, rate: readings.rate_nats, distortion: readings.distortion_nats }))
    .filter(({ rate, distortion }) => Number.isFinite(rate) && Number.isFinite(distortion))
}

/** Share of the trail whose distortion has to be in sight: a training begins far above where it goes. */
const SEEN = 0.6
const ROOM = 0.08

/** What of the plane is shown: least and most rate, least and most distortion. */
export function windowOf(trail: Place[]): [number, number, number, number] {
  const distortions = trail.map(({ distortion }) => distortion).sort((a, b) => a - b)
  const low = distortions[0] ?? 0
  const high = distortions[Math.min(distortions.length - 1, Math.ceil(SEEN * distortions.length))] ?? 1
  const wide = Math.max(1e-3, ...trail.map(({ rate }) => rate))
  const tall = Math.max(1e-3, high - low)
  return [0, wide * (1 + ROOM), low - ROOM * tall, high + ROOM * tall]
}

/** The weight of the rate up to a step, as somebody set it meanwhile, else as it was logged; null: it has none, or nobody logged it. */
export function betaAt(rows: MetricRow[], changes: Change[], step: number): number | null {
  const set = changes.findLast((change) => change.step <= step && change.beta !== undefined)
  if (set) return set.beta!
  const row = rows.findLast((one) => one.step <= step && typeof one.beta === 'number') ?? rows.find((one) => typeof one.beta === 'number')
  return row ? (row.beta as number) : null
}
