import type { MetricRow } from '../model/manifest'

/** A log with new rows: those of later steps are forgotten, as they were made before a training went back. */
export function merged(known: MetricRow[], rows: MetricRow[], after: number | null = null): MetricRow[] {
  const first = rows[0]?.step ?? Infinity
  const again = new Set(rows.filter((row) => row.step === first).map((row) => row.split))
  const kept = known.filter((row) => row.step <= (after ?? Infinity) && (row.step < first || (row.step === first && !again.has(row.split))))
  return kept.concat(rows)
}
