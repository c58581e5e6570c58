import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { TrainingState } from '../source/source'
import { betaAt } from '../readings/trail'
import { replaying, toggleReplay } from '../state/replay'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { view } from '../state/view'
import { picturesOpen } from '../pictures/sending'
import { attempt, beginning, failure } from '../train/attempt'
import { Beta, LogSlider } from '../train/Live'
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
      {!running ? <Anew /> : state.beta !== null && <div class="beta"><Beta state={state} live={live!} /></div>}
      {failure.value && !formOpen.value && view.value.depth !== 'measure' && <p class="failure beta" role="alert">{failure.value}</p>}
    </div>
  )
}

function Film() {
  const steps = store.manifest.value?.steps.length ?? 0
  const playing = replaying.value
  return (
    <>
      <button class="go" data-testid="go" disabled={steps < 2} aria-label={playing ? 'Pause' : 'Watch it learn'} aria-keyshortcuts="Space" onClick={toggleReplay}><Icon name={playing ? 'pause' : 'play'} /></button>
      <div class="go-words">Watch it learn<span>{steps > 1 ? count(steps, 'kept step') : '…'}</span></div>
    </>
  )
}

function Steering({ state }: { state: TrainingState }) {
  const live = store.source.value!.live!
  const playing = state.phase === 'playing'
  const command = (name: 'play' | 'pause' | 'stop') => void attempt(() => live.command(name))
  return (
    <>
      <button class="go" data-testid="play" disabled={state.phase === 'starting'} aria-label={playing ? 'Pause' : 'Resume'} aria-keyshortcuts="Space" onClick={() => command(playing ? 'pause' : 'play')}><Icon name={playing ? 'pause' : 'play'} /></button>
      <div class="go-words">
        {state.phase === 'starting' ? 'starting …' : playing ? 'training' : 'paused'}
        {state.epochs > 0 && <span class="numbers">epoch {fixed(state.epoch, 0)} of {state.epochs}</span>}
        <button class="quiet" data-testid="stop" data-about="Stop: save and end; it can be resumed" onClick={() => command('stop')}>stop</button>
      </div>
    </>
  )
}

/** Another beta than this run's, that a new run would be trained with. */
const wished = signal<number | null>(null)

/** Where nothing is trained: beta of this run, and ways to train another. */
function Anew() {
  const live = store.source.value?.live
  const beta = betaOf()
  const about = store.manifest.value
  if (!live) return <p class="fine beta">{about && <><Term about="Beta multiplies the rate in what is minimised: distortion + beta × rate. 0 is an autoencoder, 1 the evidence lower bound.">beta</Term> {beta}, the price of the rate</>}</p>
  const found = choices.value
  const wish = wished.value
  const train = (set: Record<string, unknown>, name: string) => {
    wished.value = null
    startAlike(set, name)
  }
  return (
    <>
      <div class="beta"><LogSlider label="beta" value={wish ?? beta} least={0.01} most={1000} zero testid="beta-next" change={(value) => (wished.value = value)} /></div>
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

/** The objective's beta at the step that is shown. */
function betaOf(): number {
  const step = store.calm.value?.step ?? 0
  return Number((betaAt(store.metrics.value, step) ?? 1).toPrecision(3))
}
