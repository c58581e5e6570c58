import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Axis, Choices } from '../source/source'
import { watch } from '../state/live'
import * as store from '../state/store'
import { Dialog } from '../ui/Dialog'
import { attempt, failure } from './TrainPanel'

export const formOpen = signal(false)
const choices = signal<Choices | null>(null)
/** What differs from the base, by key. */
const wished = signal<Record<string, unknown>>({})
const base = signal('digits')
const name = signal('')

async function start(set: Record<string, unknown>, name: string | null): Promise<void> {
  await attempt(async () => {
    await watch(await store.source.value!.live!.start(base.value, set, name))
    formOpen.value = false
  })
}

/** Train from scratch: one click for the classic cases, a form for all the rest. */
export function NewRun() {
  useEffect(() => {
    void attempt(async () => (choices.value = await store.source.value!.live!.choices()))
  }, [])
  const found = choices.value
  if (!found) return null
  return (
    <fieldset>
      <legend title="On the embedded digits">train from scratch</legend>
      <div class="group">
        {found.presets.map((preset) => (
          <button key={preset.name} title={preset.about} data-testid={`preset-${preset.name}`} onClick={() => { base.value = 'digits'; void start(preset.set, preset.name) }}>{preset.name}</button>
        ))}
        <button onClick={() => (formOpen.value = true)} data-testid="new-run">choose …</button>
      </div>
      <Dialog open={formOpen} title="A new run">
        <Form found={found} />
      </Dialog>
    </fieldset>
  )
}

function Form({ found }: { found: Choices }) {
  return (
    <form class="form" method="dialog" onSubmit={(event) => { event.preventDefault(); void start(wished.value, name.value || null) }}>
      <label>like
        <select value={base.value} onChange={(event) => (base.value = event.currentTarget.value)}>
          {found.bases.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
        </select>
      </label>
      <p class="fine">{found.bases.find((one) => one.name === base.value)?.about}</p>
      {found.axes.map((axis) => <Choice key={axis.key} axis={axis} />)}
      <label>name<input data-testid="run-name" placeholder={base.value} maxLength={60} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} /></label>
      <p class="fine">⟲ needs a new run; the others can also be changed while it trains. Empty: as in {base.value}.</p>
      {failure.value && <p class="failure" role="alert" data-testid="form-failure">{failure.value}</p>}
      <p class="row"><button class="primary" data-testid="start">train</button><button type="button" onClick={() => (wished.value = {})}>forget all changes</button></p>
    </form>
  )
}

function Choice({ axis }: { axis: Axis }) {
  const label = <>{axis.label}{axis.restarts && <span title="needs a new run"> ⟲</span>}</>
  const set = (value: unknown) => {
    const { [axis.key]: _, ...rest } = wished.value
    wished.value = value === undefined ? rest : { ...rest, [axis.key]: value }
  }
  if ('options' in axis) {
    const chosen = axis.options.findIndex((option) => JSON.stringify(option.value) === JSON.stringify(wished.value[axis.key]))
    return (
      <label>{label}
        <select value={chosen} data-testid={`axis-${axis.key}`} title={axis.options[chosen]?.about} onChange={(event) => set(axis.options[Number(event.currentTarget.value)]?.value)}>
          <option value={-1}>as it is</option>
          {axis.options.map((option, i) => <option key={option.label} value={i} title={option.about}>{option.label}</option>)}
        </select>
      </label>
    )
  }
  return (
    <label>{label}
      <input type="number" min={axis.minimum} max={axis.maximum} step={axis.integer ? 1 : 'any'} value={(wished.value[axis.key] as number) ?? ''} placeholder="as it is" data-testid={`axis-${axis.key}`}
        onChange={(event) => set(event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value))} />
    </label>
  )
}
