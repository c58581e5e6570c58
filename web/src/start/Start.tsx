import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { picturesOpen } from '../pictures/sending'
import { betaAt } from '../readings/trail'
import type { TrainingState } from '../source/source'
import { changes } from '../state/changes'
import { elsewhere, watch } from '../state/live'
import { toggleReplay } from '../state/replay'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { view } from '../state/view'
import { attempt, begin, beginning, failure } from '../train/attempt'
import { Beta, BETA, LogSlider } from '../train/Live'
import { choices, formOpen, learnChoices, startAlike } from '../train/start'
import { Icon } from '../ui/Icon'
import { count, fixed } from '../ui/number'
import { Term } from '../ui/tips'

/** The one large button: what trains is paused and resumed, what has trained is played again; and beta. */
export function StartCorner() {
  const state = store.training.value
  const live = store.source.value?.live ?? null
  const running = isRunning(state)
  const idle = store.listed.value
  useEffect(() => {
    if (live && idle) learnChoices() // not before the first picture is there
  }, [live, idle])
  return (
    <div class="start">
      {running ? <Steering state={state} /> : <Film />}
      {!running ? <Anew /> : state.run !== view.value.run ? <div class="beta group"><button data-testid="show-training" onClick={() => void attempt(() => watch(state.run))}>show {state.run}</button></div> : state.beta !== null && <div class="beta"><Beta state={state} live={live!} /></div>}
      {failure.value && !formOpen.value && view.value.depth !== 'measure' && <p class="failure beta" role="alert">{failure.value}</p>}
    </div>
  )
}

function Film() {
  const steps = store.manifest.value?.steps.length ?? 0
  const playing = store.replaying.value
  const unfinished = goesOn()
  return (
    <>
      <button class="go" data-testid="go" disabled={steps < 2} aria-label={playing ? 'Pause' : 'Watch it learn'} aria-keyshortcuts="Space" onClick={toggleReplay}><Icon name={playing ? 'pause' : 'play'} /></button>
      <div class="go-words">
        Watch it learn
        <span>{steps > 1 ? count(steps, 'kept step') : '…'}</span>
        <span role="status" data-testid="so-far">{soFar()}</span>
        {unfinished && <button class="quiet" data-testid="resume" disabled={beginning.value} data-about={`Train ${unfinished} on from where it was left`} onClick={() => void begin(async () => watch(await store.source.value!.live!.resume(unfinished, null, null)))}>resume</button>}
      </div>
    </>
  )
}

/** The run that is shown, where it has been left before its end and nobody writes it. */
function goesOn(): string | null {
  const run = store.manifest.value?.run
  const writes = ['training', 'busy', 'gone'].includes(elsewhere.value?.phase ?? 'idle')
  return store.source.value?.live && run && !run.finished && !writes ? run.name : null
}

/** How far the run that is shown has been trained. */
function soFar(): string {
  const about = store.manifest.value
  const told = elsewhere.value
  if (told?.phase === 'training') return `training elsewhere: epoch ${fixed(told.epoch, 0)} of ${told.epochs}`
  if (told?.phase === 'busy') return 'written elsewhere'
  if (!about) return ''
  const { epochs } = about.run.config.training as { epochs: number }
  if (about.run.finished) return `finished: ${count(epochs, 'epoch')}`
  return `stopped: epoch ${fixed(about.steps.at(-1)?.epoch ?? 0, 0)} of ${epochs}`
}

function Steering({ state }: { state: TrainingState & { run: string } }) {
  const live = store.source.value!.live!
  const playing = state.phase === 'playing'
  const command = (name: 'play' | 'pause' | 'stop') => void attempt(() => live.command(name))
  const other = state.run !== view.value.run
  const words = !store.connected.value ? 'not connected' : state.phase === 'starting' ? 'starting …' : playing ? 'training' : 'paused'
  return (
    <>
      <button class="go" data-testid="play" disabled={state.phase === 'starting'} aria-label={`${playing ? 'Pause' : 'Resume'}${other ? ` ${state.run}` : ''}`} aria-keyshortcuts="Space" onClick={() => command(playing ? 'pause' : 'play')}><Icon name={playing ? 'pause' : 'play'} /></button>
      <div class="go-words">
        {words}
        {other && <span class="of-run" title={state.run} data-testid="steered">{state.run}</span>}
        {state.epochs > 0 && <span class="numbers">epoch {fixed(state.epoch, 0)} of {state.epochs}</span>}
        <button class="quiet" data-testid="stop" data-about="Stop: save and end; it can be resumed" onClick={() => command('stop')}>stop</button>
      </div>
    </>
  )
}

/** Another beta than this run's, that a new run would be trained with. */
const wished = signal<{ run: string | null; beta: number } | null>(null)

/** Where nothing is trained: beta of this run, and ways to train another. */
function Anew() {
  const live = store.source.value?.live
  const beta = betaOf()
  const about = store.manifest.value
  if (!live) return <p class="fine beta">{about && <><Term about="Beta multiplies the rate in what is minimised: distortion + beta × rate. 0 is an autoencoder, 1 the evidence lower bound.">beta</Term> {beta}, the price of the rate{scheduled() && ', at this step'}</>}</p>
  const found = choices.value
  const wish = wished.value?.run === view.value.run ? wished.value!.beta : null
  const train = (set: Record<string, unknown>, name: string) => {
    wished.value = null
    startAlike(set, name)
  }
  return (
    <>
      <div class="beta"><LogSlider label="beta" note={scheduled() && wish === null ? 'by schedule' : undefined} value={wish ?? beta} least={0.01} most={1000} zero limits={BETA} testid="beta-next" change={(value) => (wished.value = { run: view.value.run, beta: value })} /></div>
      <div class="beta group">
        {wish !== null && wish !== beta ? (
          <button class="primary" data-testid="train-beta" disabled={beginning.value || !found} onClick={() => train({ 'objective.beta': wish }, `beta-${wish}`)}>train with beta {wish}</button>
        ) : (
          <select aria-label="Train from scratch" data-testid="anew" disabled={beginning.value || !found} value="" onChange={(event) => {
            const { value } = event.currentTarget
            const preset = found?.presets.find(({ name }) => name === value)
            event.currentTarget.value = ''
            if (preset) train(preset.set, preset.name)
            else (value === 'own' ? picturesOpen : formOpen).value = true
          }}>
            <option value="">Train from scratch …</option>
            {found?.presets.map(({ name, hint }) => <option key={name} value={name}>{name} ({hint})</option>)}
            <option value="more">New run …</option>
            <option value="own">Your own pictures …</option>
          </select>
        )}
      </div>
    </>
  )
}

/** Whether the run's beta changes by its schedule, so that it is another at each step of the film. */
function scheduled(): boolean {
  const { beta } = (store.manifest.value?.run.config.objective ?? {}) as { beta?: { kind?: string } | number }
  return typeof beta === 'object' && beta.kind !== 'constant'
}

/** The objective's beta at the step that is shown. */
function betaOf(): number {
  const step = store.calm.value?.step ?? 0
  return Number((betaAt(store.metrics.value, changes.value, step) ?? 1).toPrecision(3))
}
