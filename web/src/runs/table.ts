import type { RunSummary } from '../source/source'

/** A column of the table of runs. */
export interface Column {
  key: string
  name: string
  /** Of a run, as it is shown and sorted: numbers by size, words by the alphabet. */
  value: (run: RunSummary) => string | number | null
}

const nats = (key: 'elbo_nats' | 'distortion_nats' | 'rate_nats', name: string): Column => ({ key, name, value: (run) => run[key] })

export const NAME: Column = { key: 'id', name: 'run', value: (run) => run.id }
export const NUMBERS: Column[] = [
  { key: 'epochs_done', name: 'epochs', value: (run) => run.epochs_done },
  nats('elbo_nats', 'ELBO'),
  nats('distortion_nats', 'distortion'),
  nats('rate_nats', 'rate'),
]
export const WRITTEN: Column = { key: 'written', name: 'begun', value: (run) => run.written }

const MOST = 5
/** Settings that matter most, in their order. */
const FIRST = [/^data$/, /^model\.latent$/, /^objective\.beta\b/, /^model\.(kind|encoder)\b/, /^model\.likelihood\b/]
const rank = (key: string) => FIRST.findIndex((first) => first.test(key)) + 1 || FIRST.length + 1

/** Day and time of a moment in seconds, with the year where it is another. */
export function when(seconds: number, now = new Date()): string {
  const date = new Date(1000 * seconds)
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' as const }
  return date.toLocaleString('en-GB', { day: 'numeric', month: 'short', ...year, hour: '2-digit', minute: '2-digit' })
}

/** How often each value of a setting occurs, the commonest first. */
function counts(runs: RunSummary[], key: string): [string, number][] {
  const found = new Map<string, number>()
  for (const { settings } of runs) found.set(settings[key] ?? '', (found.get(settings[key] ?? '') ?? 0) + 1)
  return [...found].sort((a, b) => b[1] - a[1])
}

/** Settings in which these runs differ: what matters most, then what most runs differ in; those that part the runs as another does come after the others. */
export function differing(runs: RunSummary[]): { columns: Column[]; others: { key: string; name: string; usual: string }[] } {
  const known = runs.filter(({ settings }) => Object.keys(settings).length > 0)
  const keys = [...new Set(known.flatMap(({ settings }) => Object.keys(settings)))].filter((key) => key !== 'training.epochs').sort() // those have their column
  const varied = keys.map((key) => ({ key, found: counts(known, key) })).filter(({ found }) => found.length > 1)
  const depth = (key: string) => key.split('.').length
  varied.sort((a, b) => rank(a.key) - rank(b.key) || a.found[0]![1] - b.found[0]![1] || depth(a.key) - depth(b.key))
  const names = namesOf(varied.map(({ key }) => key))
  const said = new Set<string>()
  const again = varied.filter(({ key, found }) => {
    const order = new Map(found.map(([text], i) => [text, i]))
    const what = known.map(({ settings }) => order.get(settings[key] ?? '')).join()
    return said.has(what) || !said.add(what)
  })
  const inOrder = [...varied.filter((one) => !again.includes(one)), ...again].map(({ key, found }) => ({ key, name: names.get(key)!, usual: found[0]![0] }))
  return {
    columns: inOrder.slice(0, MOST).map(({ key, name }) => ({ key, name, value: (run) => plain(run.settings[key]) })),
    others: inOrder.slice(MOST),
  }
}

const plain = (text: string | undefined) => (text === undefined ? null : text !== '' && Number.isFinite(Number(text)) ? Number(text) : text)

/** A dotted key without its section; of two keys without a section of the same name, with it. */
export function namesOf(keys: string[]): Map<string, string> {
  const words = (key: string, from: number) => key.split('.').slice(from).join(' ').replaceAll('_', ' ')
  const short = (key: string) => words(key, key.includes('.') ? (key.startsWith('training.') ? -1 : 1) : 0)
  return new Map(keys.map((key) => [key, keys.some((other) => other !== key && short(other) === short(key)) ? words(key, 0) : short(key)]))
}

/** Rows by a column, up or down; what has no value comes last. */
export function sorted(runs: RunSummary[], column: Column, down: boolean): RunSummary[] {
  return [...runs].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)]
    if (x === null || y === null) return Number(x === null) - Number(y === null)
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true })
    return down ? -order : order
  })
}

const COMPARED = /^([^=<>]+)(=|<|>)(.+)$/

const columnOf = (word: string) => word.replaceAll(' ', '').toLowerCase()

/** Words of a filter that are half a condition, or one on what no run has. */
export function unclear(words: string[], names: Map<string, string>): string[] {
  const known = [...names.values(), ...[NAME, ...NUMBERS].map(({ name }) => name)].map(columnOf)
  return words.filter((word) => {
    const [, name, sign, wanted] = COMPARED.exec(word) ?? []
    if (name === undefined) return /[=<>]/.test(word)
    return !known.some((each) => each.endsWith(name)) || (sign !== '=' && !Number.isFinite(Number(wanted)))
  })
}

/** Whether a run has every word of a filter: part of its name or of a setting, or `latent=4`, `elbo>90`, `rate<10`. */
export function matches(run: RunSummary, words: string[], names: Map<string, string>): boolean {
  const settings = Object.entries(run.settings).map(([key, text]) => ({ name: names.get(key) ?? key, text }))
  const all = [run.id, run.data, run.model, ...settings.map(({ name, text }) => `${name} ${text}`)].join('\n').toLowerCase()
  const named = [...settings, ...[NAME, ...NUMBERS].map((column) => ({ name: column.name, text: String(column.value(run) ?? '') }))]
  return words.every((word) => {
    const [, name, sign, wanted] = COMPARED.exec(word) ?? []
    if (name === undefined || wanted === undefined) return all.includes(word)
    const one = named.find((each) => columnOf(each.name).endsWith(name))
    if (!one || one.text === '') return false
    if (sign === '=') return one.text.toLowerCase() === wanted || Number(one.text) === Number(wanted)
    return sign === '<' ? Number(one.text) < Number(wanted) : Number(one.text) > Number(wanted)
  })
}

export const wordsOf = (filter: string): string[] => filter.toLowerCase().split(/\s+/).filter(Boolean)
