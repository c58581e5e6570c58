import { signal } from '@preact/signals'
import { picturesOpen } from '../pictures/sending'
import type { Axis, Base } from '../source/source'
import * as store from '../state/store'
import { Dialog } from '../ui/Dialog'
import { beginning, failure } from './attempt'
import { choices, formOpen, start } from './start'

type Wishes = Record<string, unknown>

const base = signal('mnist_3000')
const name = signal('')
const wished = signal<Wishes>({})

/** A new run, like a shipped config but for what is chosen here. */
export function NewRunForm() {
  const found = choices.value
  if (!found) return null
  const like = found.bases.find((one) => one.name === base.value)
  if (!like) return null
  const wanted = name.value.trim() || base.value
  const taken = store.runs.value.find((run) => run.id === wanted)
  const fields = (restarts: boolean) => found.axes.filter(({ key, restarts: own }) => own === restarts && key in like.values).map((axis) => <Choice key={axis.key} axis={axis} like={like} />)
  // what was wished of another base may be nothing that this one has
  const suited = () => Object.fromEntries(Object.entries(wished.value).filter(([key, value]) => key in like.values && !refuses(like, key, value)))
  return (
    <Dialog open={formOpen} title="New run">
      <form class="form" method="dialog" onSubmit={(event) => { event.preventDefault(); void start(base.value, suited(), name.value || null) }}>
        <div class="fields">
          <label>start from
            <select value={base.value} data-testid="base" onChange={(event) => (base.value = event.currentTarget.value)}>
              {found.bases.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
            </select>
          </label>
          <label>name<input data-testid="run-name" placeholder={base.value} maxLength={60} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} /></label>
        </div>
        {taken && <p class="fine" role="status" data-testid="name-taken">{wanted} is there already: this run is going to be {taken.copy}.</p>}
        <p class="fine">{like.about}</p>
        <h3>fixed once it trains: another choice needs a new run</h3>
        <div class="fields">{fields(true)}</div>
        <h3>can be changed while it trains</h3>
        <div class="fields">{fields(false)}</div>
        {failure.value && <p class="failure" role="alert" data-testid="form-failure">{failure.value}</p>}
        <p class="row">
          <button class="primary" data-testid="start" disabled={beginning.value}>train</button>
          <button type="button" disabled={Object.keys(wished.value).length === 0} onClick={() => (wished.value = {})}>reset to {base.value}</button>
          <button type="button" onClick={() => { formOpen.value = false; picturesOpen.value = true }}>your own pictures …</button>
        </p>
      </form>
    </Dialog>
  )
}

/** Whether a model like this cannot have it. */
const refuses = (like: Base, key: string, value: unknown) => (like.refused[key] ?? []).some((one) => JSON.stringify(one) === JSON.stringify(value))

/** One axis: what the config has stands there until something else is chosen. */
function Choice({ axis, like }: { axis: Axis; like: Base }) {
  const usual = like.values[axis.key]!
  const value = wished.value[axis.key]
  const set = (chosen: unknown) => {
    const { [axis.key]: _, ...rest } = wished.value
    wished.value = chosen === undefined ? rest : { ...rest, [axis.key]: chosen }
  }
  if (!('options' in axis)) {
    return (
      <label class={value === undefined ? '' : 'changed'}>{axis.label}
        <input type="number" min={axis.minimum} max={axis.maximum} step={axis.integer ? 1 : 'any'} value={(value as number) ?? ''} placeholder={usual} data-testid={`axis-${axis.key}`}
          onChange={(event) => set(event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value))} />
      </label>
    )
  }
  const chosen = axis.options.findIndex((option) => axis.key in wished.value && !refuses(like, axis.key, value) && JSON.stringify(option.value) === JSON.stringify(value))
  return (
    <label class={chosen < 0 ? '' : 'changed'}>{axis.label}
      <select value={chosen} data-testid={`axis-${axis.key}`} onChange={(event) => set(axis.options[Number(event.currentTarget.value)]?.value)}>
        <option value={-1}>{usual}</option>
        {axis.options.map((option, i) => option.label !== usual && !refuses(like, axis.key, option.value) && <option key={option.label} value={i}>{option.label}</option>)}
      </select>
      {chosen >= 0 && <span class="fine">{axis.options[chosen]!.about}</span>}
    </label>
  )
}
