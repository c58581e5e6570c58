import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { LiveValues, Phase } from '../source/source'
import { latestWins } from '../state/latest'
import { watch } from '../state/live'
import * as store from '../state/store'
import { view } from '../state/view'
import { Panel } from '../ui/tip'
import { NewRun, formOpen } from './NewRun'

const WORDS: Record<Phase, string> = { idle: 'nothing is being trained', starting: 'starting …', playing: 'training', paused: 'paused', ended: 'ended', failed: 'failed' }
const PACES = [0, 0.05, 0.25, 1] as const
export const failure = signal<string | null>(null)
const stopAt = signal('')

/** Do it, and show the server's words where it refuses. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  failure.value = null
  try {
    await action()
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error)
  }
}

const send = latestWins((values: LiveValues) => attempt(() => store.source.value!.live!.set(values)))

export function TrainPanel() {
  const live = store.source.value?.live
  if (!live) return <Exported />
  const state = store.training.value
  const running = state !== null && ['starting', 'playing', 'paused'].includes(state.phase)
  const playing = state?.phase === 'playing'
  const shown = store.manifest.value
  const play = () =>
    attempt(async () => {
      if (running) return live.command(playing ? 'pause' : 'play')
      if (!shown) return void (formOpen.value = true)
      const done = shown.run.finished
      const { epochs } = shown.run.config.training as { epochs: number }
      await watch(await live.resume(shown.run.name, done ? 2 * epochs : null))
    })
  const command = (name: 'step' | 'epoch' | 'stop' | 'reset') => attempt(() => live.command(name))
  const percent = state && state.steps ? (100 * state.step) / state.steps : 0
  return (
    <Panel id="train" title="Train" about="Training runs in a process of its own; a run made here is an ordinary run folder.">
      <div class="group">
        <button class="primary" data-testid="play" disabled={state?.phase === 'starting'} onClick={() => void play()} title={running ? '' : shown?.run.finished ? `${shown.run.name} is finished: play trains it for as many epochs again` : 'Go on with this run'}>
          {playing ? '❚❚ pause' : '▶ play'}
        </button>
        <button data-testid="step-batch" disabled={!running} title="One optimiser step" onClick={() => void command('step')}>+ step</button>
        <button data-testid="step-epoch" disabled={!running} title="To the end of this epoch" onClick={() => void command('epoch')}>+ epoch</button>
        <button data-testid="stop" disabled={!running} aria-label="stop" title="Stop: save and end; it can be gone on with" onClick={() => void command('stop')}>■</button>
        <button data-testid="reset" disabled={!state?.run} aria-label="reset" title="Reset: begin again from the first step, with the same settings" onClick={() => void command('reset')}>↺</button>
      </div>
      {state && state.run && (
        <>
          <p class="fine" data-testid="phase" role="status">
            {state.run}: {WORDS[state.phase]}{state.text && state.phase !== 'failed' ? ` (${state.text})` : ''}
          </p>
          <div class="bar" title={`${percent.toFixed(0)} %`}><i style={{ width: `${percent}%` }} /></div>
          <p class="fine numbers">
            step {state.step.toLocaleString('en')} of {state.steps.toLocaleString('en')} · epoch {state.epoch.toFixed(1)} of {state.epochs}
            {playing && state.images_per_second > 0 && ` · ${Math.round(state.images_per_second).toLocaleString('en')} images/s`}
          </p>
          {view.value.step !== 'live' && running && <button data-testid="follow" onClick={() => void attempt(() => watch(state.run!))}>watch it live</button>}
        </>
      )}
      {running && state && (
        <fieldset>
          <legend>while it trains</legend>
          {state.beta !== null && <LogSlider label="beta" value={state.beta} least={0.01} most={1000} zero testid="beta" change={(beta) => send({ beta })} />}
          {state.learning_rate !== null && <LogSlider label="learning rate" value={state.learning_rate} least={1e-5} most={0.1} testid="learning-rate" change={(learning_rate) => send({ learning_rate })} />}
          <details>
          <summary>more</summary>
          <label class="inline">slow motion
            <select data-testid="pace" value={state.pace} onChange={(event) => send({ pace: Number(event.currentTarget.value) })}>
              {PACES.map((pace) => <option key={pace} value={pace}>{pace === 0 ? 'off' : `${pace} s a step`}</option>)}
            </select>
          </label>
          <label class="inline">pause at step
            <input type="number" min={state.step} value={state.stop_at ?? stopAt.value} data-testid="stop-at" onChange={(event) => send({ stop_at: event.currentTarget.value === '' ? null : Number(event.currentTarget.value) })} />
          </label>
          <label class="inline">when this page closes
            <select value={state.on_close} data-testid="on-close" onChange={(event) => send({ on_close: event.currentTarget.value as 'keep' | 'pause' })}>
              <option value="keep">keep on</option>
              <option value="pause">pause</option>
            </select>
          </label>
          </details>
        </fieldset>
      )}
      {failure.value && !formOpen.value && <p class="failure" role="alert" data-testid="train-failure">{failure.value}</p>}
      <NewRun />
    </Panel>
  )
}

function LogSlider({ label, value, least, most, zero = false, testid, change }: { label: string; value: number; least: number; most: number; zero?: boolean; testid: string; change: (value: number) => void }) {
  const steps = 200
  // what is being typed is not overwritten by what the server tells meanwhile
  const [draft, setDraft] = useState<string | null>(null)
  const toPlace = (v: number) => (v <= 0 ? 0 : Math.round((steps * Math.log(Math.max(least, v) / least)) / Math.log(most / least)))
  const toValue = (place: number) => (zero && place === 0 ? 0 : Number((least * (most / least) ** (place / steps)).toPrecision(2)))
  return (
    <div class="slider">
      <label for={`live-${testid}`}>{label}</label>
      <input id={`live-${testid}`} type="range" min={0} max={steps} value={toPlace(value)} data-testid={`${testid}-slider`} aria-valuetext={String(value)} onInput={(event) => change(toValue(Number(event.currentTarget.value)))} />
      <input type="number" step="any" min={0} value={draft ?? Number(value.toPrecision(3))} aria-label={`${label}, typed`} data-testid={testid}
        onInput={(event) => setDraft(event.currentTarget.value)} onBlur={() => setDraft(null)}
        onChange={(event) => { change(Number(event.currentTarget.value)); setDraft(null) }} />
    </div>
  )
}

/** Where nothing can be trained. */
function Exported() {
  const about = store.manifest.value
  const training = about?.run.config.training as { epochs: number; seed: number; batch_size: number } | undefined
  if (!about || !training) return null
  return (
    <Panel id="train" title="Training">
      <p class="fine">{training.epochs} epochs, batches of {training.batch_size}, seed {training.seed}.</p>
      <p class="fine">This is an exported page: it walks in a finished training. To train one and watch it form: <code>pip install vaelab</code>, then <code>vaelab explore</code>.</p>
    </Panel>
  )
}

