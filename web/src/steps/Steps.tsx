import { effect } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { showStep } from '../state/actions'
import * as store from '../state/store'
import { view } from '../state/view'
import { readInk } from '../latent/draw'

const CURVES = [
  ['distortion_nats', 'distortion'],
  ['rate_nats', 'rate'],
  ['elbo_nats', 'ELBO'],
  ['loss_nats', 'loss'],
] as const

/** The kept steps on one axis with the curves; the step that is chosen drives every panel. */
export function Steps() {
  const [table, setTable] = useState(false)
  const about = store.manifest.value
  const shown = store.snapshot.value
  if (!about) return null
  const { steps } = about
  const last = steps.at(-1)!
  const end = Math.max(last.step, store.metrics.value.at(-1)?.step ?? 0, store.training.value?.run === about.run.name ? store.training.value.step : 0, 1)
  const at = (step: number) => `${(100 * step) / end}%`
  const index = Math.max(0, steps.findIndex((entry) => entry.index === (shown?.index ?? last.index)))
  return (
    <section class="steps" aria-label="Steps of the training">
      <header class="row">
        <label for="scrubber">Step</label>
        <span class="numbers wide" data-testid="step-text">{shown ? `${shown.step.toLocaleString('en')} · epoch ${shown.epoch.toFixed(1)}` : '…'}</span>
        <span class="grow" />
        <button class="toggle" data-testid="step-best" aria-pressed={view.value.step === 'best'} title="The kept step nearest to the best validation ELBO" onClick={() => void showStep('best')}>★ best</button>
        <button class="toggle" data-testid="step-last" aria-pressed={view.value.step === 'last'} onClick={() => void showStep('last')}>last</button>
        <button class="toggle" aria-pressed={table} title="The numbers of the curves" onClick={() => setTable(!table)}>table</button>
      </header>
        <div class="track">
          {steps.map((entry) => (
            <i key={entry.index} class={entry.best ? 'mark best' : entry === last ? 'mark last' : 'mark'} style={{ left: at(entry.step) }} title={`step ${entry.step}${entry.best ? ', best on validation' : ''}${entry === last ? ', last' : ''}`} />
          ))}
          {shown && <i class="now" style={{ left: at(shown.step) }} />}
          <input id="scrubber" type="range" min={0} max={steps.length - 1} step={1} value={index} data-testid="scrubber"
            aria-valuetext={shown ? `step ${shown.step}, epoch ${shown.epoch.toFixed(1)}` : ''} onInput={(event) => void showStep(steps[Number(event.currentTarget.value)]!.step)} />
        </div>
      {table ? <Table /> : <Curves end={end} />}
    </section>
  )
}

function Curves({ end }: { end: number }) {
  const frame = useRef<HTMLDivElement>(null)
  useEffect(() => {
    let plot: uPlot | null = null
    const stop = effect(() => {
      const rows = store.metrics.value
      void view.value.theme
      const ink = readInk()
      const train = rows.filter((row) => row.split === 'train')
      const valid = rows.filter((row) => row.split === 'valid')
      const steps = [...new Set(rows.map((row) => row.step))].sort((a, b) => a - b)
      const place = new Map(steps.map((step, i) => [step, i]))
      const column = (from: typeof rows, key: string) => {
        const values = new Array<number | null>(steps.length).fill(null)
        for (const row of from) if (typeof row[key] === 'number') values[place.get(row.step)!] = row[key]
        return values
      }
      const colours = [ink.accent, '#c2570c', ink.text, ink.muted]
      const series: uPlot.Series[] = [{ label: 'step' }]
      const data: (number | null)[][] = [steps]
      CURVES.forEach(([key, label], i) => {
        const values = column(train, key)
        if (values.some((value) => value !== null)) {
          series.push({ label, stroke: colours[i]!, width: 1.2, scale: key === 'rate_nats' ? 'rate' : 'y', spanGaps: true, points: { show: false } })
          data.push(values)
        }
        if (key === 'loss_nats') return
        const checked = column(valid, key)
        if (checked.some((value) => value !== null)) {
          series.push({ label: 'valid', stroke: colours[i]!, width: 1.2, dash: [4, 3], scale: key === 'rate_nats' ? 'rate' : 'y', spanGaps: true, points: { show: false } })
          data.push(checked)
        }
      })
      plot?.destroy()
      const element = frame.current!
      const axis = { stroke: ink.muted, grid: { stroke: ink.line, width: 1 }, ticks: { show: false }, font: '11px system-ui', size: 46 }
      plot = new uPlot(
        {
          width: element.clientWidth, height: element.clientHeight - 26, series, padding: [6, 0, 0, 0],
          scales: { x: { time: false, range: [0, end] } },
          axes: [{ ...axis, size: 22, label: undefined }, { ...axis }, { ...axis, side: 1, scale: 'rate', grid: { show: false } }],
          legend: { live: true }, cursor: { points: { size: 5 } },
        },
        data as uPlot.AlignedData, element,
      )
    })
    const observer = new ResizeObserver(() => plot?.setSize({ width: frame.current!.clientWidth, height: frame.current!.clientHeight - 26 }))
    observer.observe(frame.current!)
    return () => {
      stop()
      observer.disconnect()
      plot?.destroy()
    }
  }, [end])
  return <div class="curves" ref={frame} data-testid="curves" role="img" aria-label="Distortion and ELBO (left) and rate (right) in nats per image against the step; the button table shows the numbers" />
}

function Table() {
  const rows = store.metrics.value.filter((row) => row.split === 'valid' || !store.metrics.value.some((other) => other.split === 'valid'))
  const number = (value: unknown) => (typeof value === 'number' ? value.toFixed(2) : '–')
  return (
    <div class="curves scroll">
      <table>
        <thead>
          <tr><th>step</th><th>epoch</th><th>split</th><th>distortion</th><th>rate</th><th>ELBO, nats per image</th></tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.step}${row.split}`}>
              <td>{row.step}</td><td>{row.epoch.toFixed(1)}</td><td>{row.split}</td>
              <td>{number(row.distortion_nats)}</td><td>{number(row.rate_nats)}</td><td>{number(row.elbo_nats)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
