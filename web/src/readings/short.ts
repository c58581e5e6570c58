const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** A number in little room: fewer decimals where there are many digits before them, 1.23M and the like from a million on. */
export function short(value: number, decimals: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return COMPACT.format(value)
  const kept = size < 1000 ? decimals : size < 10_000 ? Math.min(decimals, 1) : 0
  return value.toLocaleString('en', { minimumFractionDigits: kept, maximumFractionDigits: kept }).replace(/^-(0(\.0+)?)$/, '$1')
}
