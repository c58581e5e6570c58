const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** With the sign that is a minus, and none before a zero. */
const signed = (text: string) => text.replace(/^-(0(\.0+)?)$/, '$1').replaceAll('-', '−')

export const fixed = (value: number, decimals: number): string => signed(value.toFixed(decimals))

export const exponential = (value: number): string => signed(value.toExponential(1))

/** A number in little room: fewer decimals where there are many digits before them, 1.23M and the like from a million on. */
export function short(value: number, decimals: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return signed(COMPACT.format(value))
  const kept = size < 1000 ? decimals : size < 10_000 ? Math.min(decimals, 1) : 0
  return signed(value.toLocaleString('en', { minimumFractionDigits: kept, maximumFractionDigits: kept }))
}

/** What a number that is typed has to be. */
export interface Limits {
  least?: number
  most?: number
  whole?: boolean
  /** Whether there may be none. */
  empty?: boolean
}

/** What was typed, null where nothing was and may be, or in words what is needed instead. */
export function typed(text: string, { least = -Infinity, most = Infinity, whole = false, empty = false }: Limits): number | null | string {
  if (empty && text.trim() === '') return null
  const value = text.trim() === '' ? NaN : Number(text)
  if (Number.isFinite(value) && value >= least && value <= most && !(whole && !Number.isInteger(value))) return value
  const words = (limit: number) => (limit !== 0 && Math.abs(limit) < 1e-4 ? exponential(limit) : limit.toLocaleString('en').replace('-', '−'))
  const range = least > -Infinity && most < Infinity ? ` from ${words(least)} to ${words(most)}` : least > -Infinity ? ` from ${words(least)} on` : ''
  return `A ${whole ? 'whole ' : ''}number${range} is needed`
}

/** How many there are of something whose plural has an s. */
export const count = (many: number, one: string): string => `${short(many, 0)} ${one}${many === 1 ? '' : 's'}`

/** A number as a spreadsheet reads it; other words as they are. */
export const plain = (text: string): string => (/^[−-]?[\d,]+(\.\d+)?$/.test(text) ? text.replace('−', '-').replaceAll(',', '') : text)
