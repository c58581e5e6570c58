import { useState } from 'preact/hooks'
import { showStep } from '../state/actions'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { short } from '../readings/short'
import { view } from '../state/view'
import { Curves } from './Curves'
import { CURVES, readingsAt, SPLITS } from './curves'
import { StepsTable } from './StepsTable'

/** The kept steps on one axis with the curves; the step that is chosen drives every panel. */
export function Steps() {
  const [table, setTable] = useState(false)
  const about = store.manifest.value
  const shown = store.calm.value
  if (!about) return null
  const { steps } = about
  const last = steps.at(-1)!
  const end = axisEnd(about.run.name, last.step)
  const at = (step: number) => `${(100 * step) / end}%`
  const index = Math.max(0, steps.findIndex((entry) => entry.index === (shown?.index ?? last.index)))
  return (
    <section class="steps" aria-label="Steps of the training">
      <header class="row">
        <label class="title" for="scrubber">Step</label>
        <span class="numbers wide" data-testid="step-text">{shown ? `${shown.step.toLocaleString('en')} · epoch ${shown.epoch.toFixed(1)}` : '…'}</span>
        <CurveNames step={shown?.step ?? 0} />
        <span class="segments">
          <button data-testid="step-best" aria-pressed={view.value.step === 'best'} title="The kept step nearest to the best validation ELBO (b)" onClick={() => void showStep('best')}>★ best</button>
          <button data-testid="step-last" aria-pressed={view.value.step === 'last'} title="The last kept step (l)" onClick={() => void showStep('last')}>last</button>
        </span>
        <span class="segments"><button aria-pressed={table} title="The numbers of the curves" data-testid="curves-table" onClick={() => setTable(!table)}>table</button></span>
      </header>
      <div class="track">
        {steps.map((entry) => (
          <i key={entry.index} class={entry.best ? 'mark best' : entry === last ? 'mark last' : 'mark'} style={{ left: at(entry.step) }} title={`step ${entry.step}${entry.best ? ', best on validation' : ''}${entry === last ? ', last' : ''}`} />
        ))}
        {shown && <i class="now" style={{ left: at(shown.step) }} />}
        <input id="scrubber" type="range" min={0} max={steps.length - 1} step={1} value={index} data-testid="scrubber"
          aria-valuetext={shown ? `step ${shown.step}, epoch ${shown.epoch.toFixed(1)}` : ''} onInput={(event) => void showStep(steps[Number(event.currentTarget.value)]!.step)} />
      </div>
      {table ? <StepsTable /> : <Curves end={end} step={shown?.step ?? null} />}
    </section>
  )
}

/** What the colours of the curves mean, each with its number at a step. */
function CurveNames({ step }: { step: number }) {
  const { split, terms } = readingsAt(store.metrics.value, step)
  return (
    <span class="curve-names grow" title={`nats per image at the step that is shown, ${SPLITS[split]}; dashed curves: validation images`}>
      {CURVES.filter(({ key }) => store.metrics.value.some((row) => row[key] !== undefined)).map(({ key, name, colour }) => (
        <span key={key}><i style={{ background: `var(${colour})` }} />{name} <b class="numbers">{terms[key] === undefined ? '' : short(terms[key], 1)}</b></span>
      ))}
    </span>
  )
}

/** The axis ends with a finished run; while one trains it grows in few leaps: to 1, 2 or 5 times a power of ten. */
function axisEnd(run: string, last: number): number {
  const state = store.training.value
  const reached = Math.max(1, last, store.metrics.value.at(-1)?.step ?? 0)
  if (!isRunning(state) || state.run !== run) return reached
  const now = Math.max(reached, state.step, 50)
  const power = 10 ** Math.floor(Math.log10(now))
  const round = power * ([1, 2, 5, 10].find((factor) => factor * power >= now) ?? 10)
  return Math.max(now, Math.min(round, state.steps))
}
