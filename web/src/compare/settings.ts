import { count } from '../ui/number'

/** Parts of a config that make a run what it is. */
const ASKED = ['data', 'model', 'objective', 'training']
/** What says where and how it is computed, and what the explorer wrote: no choice that makes a run another. */
const UNASKED = /^training\.(changes|device|engine|log_every|loggers|max_minutes|preview|save_minutes|threads)\b/

/** What may be set anew while a run trains, by its name in a change. */
const CHANGED = { beta: 'objective.beta', learning_rate: 'training.optimizer.learning_rate' }

/** The settings of a run, by dotted keys and in words. */
export function settingsOf(config: Record<string, unknown>): Record<string, string> {
  const all = flat(Object.fromEntries(ASKED.map((part) => [part, config[part]])), '')
  const { changes = [] } = config.training as { changes?: Record<string, unknown>[] }
  for (const [name, setting] of Object.entries(CHANGED)) {
    const times = changes.filter((change) => (change[name] ?? null) !== null).length
    const key = setting in all ? setting : `${setting}.kind`
    if (times && key in all) all[key] += ` (changed ${count(times, 'time')})`
  }
  return Object.fromEntries(Object.entries(all).filter(([key]) => !UNASKED.test(key)))
}

function flat(config: unknown, prefix: string): Record<string, string> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return { [prefix]: inWords(config) }
  if ('value' in config && 'kind' in config && config.kind === 'constant') return { [prefix]: inWords(config.value) } // of a schedule
  if ('start' in config && 'end' in config && 'epochs' in config) return { [prefix]: `${String(config.start)} to ${String(config.end)} in ${count(Number(config.epochs), 'epoch')}` }
  const parts = Object.entries(config).map(([key, value]) => flat(value, prefix ? `${prefix}.${key}` : key))
  return Object.assign({}, ...parts) as Record<string, string>
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.map(inWords).join(', ') || 'none'
  if (typeof value === 'object') return Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [key === 'kind' ? inWords(one) : `${key} ${inWords(one)}`])).join(' ')
  return String(value)
}
