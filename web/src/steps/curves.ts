import type { MetricRow } from '../model/manifest'

export interface Curve {
  key: 'distortion_nats' | 'rate_nats' | 'elbo_nats' | 'loss_nats'
  name: string
  /** What the number is multiplied by: -ELBO is drawn, since it is distortion and rate together. */
  sign?: -1
  /** A custom property of the page's styles. */
  colour: string
}

export const CURVES: Curve[] = [
  { key: 'distortion_nats', name: 'distortion', colour: '--curve-distortion' },
  { key: 'rate_nats', name: 'rate', colour: '--curve-rate' },
  { key: 'elbo_nats', name: '−ELBO', sign: -1, colour: '--curve-elbo' },
  { key: 'loss_nats', name: 'loss', colour: '--curve-loss' },
]
export const SPLITS: Record<string, string> = { train: 'training batches', valid: 'validation images' }

/** Validation where there is any, else training: the last terms that were logged up to a step. */
export function readingsAt(rows: MetricRow[], step: number): { split: string; terms: Partial<Record<Curve['key'], number>> } {
  const split = rows.some((row) => row.split === 'valid') ? 'valid' : 'train'
  const terms: Partial<Record<Curve['key'], number>> = {}
  for (const { key, sign } of CURVES) {
    const row = rows.findLast((one) => one.step <= step && typeof one[key] === 'number' && (one.split === split || key === 'loss_nats'))
    if (row) terms[key] = (row[key] as number) * (sign ?? 1)
  }
  return { split, terms }
}

export interface Series {
  curve: Curve
  split: string
}

/**
 * Rows as columns over one axis of steps: `[steps, ...a column for each series]`. Distortion and -ELBO of the images that the
 * readings are of, between which the rate lies; -ELBO of the training batches beside it, and the loss.
 */
export function columns(rows: MetricRow[]): { series: Series[]; data: (number | null)[][] } {
  const steps = [...new Set(rows.map((row) => row.step))].sort((a, b) => a - b)
  const place = new Map(steps.map((step, i) => [step, i]))
  const series: Series[] = []
  const data: (number | null)[][] = [steps]
  const main = rows.some((row) => row.split === 'valid') ? 'valid' : 'train'
  for (const curve of CURVES) {
    if (curve.key === 'rate_nats') continue // the band between the two
    for (const split of curve.key === 'loss_nats' ? ['train'] : curve.key === 'elbo_nats' && main === 'valid' ? ['valid', 'train'] : [main]) {
      const values = new Array<number | null>(steps.length).fill(null)
      let any = false
      for (const row of rows) {
        const value = row[curve.key]
        if (row.split !== split || typeof value !== 'number') continue
        values[place.get(row.step)!] = value * (curve.sign ?? 1)
        any = true
      }
      if (!any) continue
      series.push({ curve, split })
      data.push(values)
    }
  }
  return { series, data }
}

const MOST_LOOKED_AT = 400

/** What to show of values: all of them but the few wild ones at the beginning, with some room. */
export function rangeOf(columnsShown: (number | null)[][]): [number, number] {
  const every = Math.ceil((columnsShown[0]?.length ?? 0) / MOST_LOOKED_AT) || 1
  const looked = columnsShown.flatMap((values) => values.filter((_, i) => i % every === 0 || i === values.length - 1))
  const values = looked.filter((value): value is number => value !== null && Number.isFinite(value)).sort((a, b) => a - b)
  if (values.length === 0) return [0, 1]
  const at = (part: number) => values[Math.round(part * (values.length - 1))]!
  const [low, high] = values.length < 40 ? [at(0), at(1)] : [at(0.01), at(0.99)]
  const room = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1
  return [low - room, high + room]
}
