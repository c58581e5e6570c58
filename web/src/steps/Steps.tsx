import { useState } from 'preact/hooks'
import * as store from '../state/store'
import { axisEnd } from '../time/axis'
import { short } from '../ui/number'
import { type Cells, Save } from '../ui/Save'
import { Curves, drawn } from './Curves'
import { CURVES, readingsAt, SPLITS } from './curves'
import { StepsTable } from './StepsTable'
import { curveLines } from './vector'

/** The curves of the training, over the same axis as the kept steps below; or their numbers. */
export function Steps() {
  const [table, setTable] = useState(false)
  const shown = store.calm.value
  if (!store.manifest.value) return null
  return (
    <section class="steps" aria-label="Curves of the training">
      <header class="group">
        <CurveNames step={shown?.step ?? 0} />
        <span class="segments"><button aria-pressed={table} data-about="The numbers of the curves" data-testid="curves-table" onClick={() => setTable(!table)}>table</button></span>
        <Save name="curves" of={(button) => button.closest('section')!} lines={table ? undefined : () => curveLines(drawn.plot!)} numbers={logged} />
      </header>
      {table ? <StepsTable /> : <Curves end={axisEnd.value} step={shown?.step ?? null} />}
    </section>
  )
}

/** Every line of the log. */
function logged(): Cells {
  const rows = store.metrics.value
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return [keys, ...rows.map((row) => keys.map((key) => (row as unknown as Record<string, string | number>)[key]))]
}

/** What the colours of the curves mean, each with its number at a step. */
function CurveNames({ step }: { step: number }) {
  const { split, terms } = readingsAt(store.metrics.value, step)
  return (
    <span class="curve-names grow" data-about={`Nats per image at the step that is shown, ${SPLITS[split]}. The rate lies on the distortion: together they are −ELBO. Dashed: training batches.`}>
      <em>{split === 'valid' ? 'validation' : 'training'}</em>
      {CURVES.filter(({ key }) => store.metrics.value.some((row) => row[key] !== undefined)).map(({ key, name, colour }) => (
        <span key={key}><i style={{ background: `var(${colour})` }} />{name} <b class="numbers">{terms[key] === undefined ? '' : short(terms[key], 1)}</b></span>
      ))}
    </span>
  )
}
