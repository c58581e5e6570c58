import * as store from '../state/store'
import { view } from '../state/view'
import { watch } from '../state/live'
import { Icon } from '../ui/Icon'
import { Panel } from '../ui/Panel'
import { attempt, failure } from './attempt'
import { Live } from './Live'
import { NewRun } from './NewRun'
import { formOpen } from './start'
import type { Phase } from '../source/source'

const WORDS: Record<Phase, string> = { idle: 'nothing is being trained', starting: 'starting …', playing: 'training', paused: 'paused', ended: 'ended', failed: 'failed' }

/** Play, pause, single steps, stop, reset; how far it is; what can be changed meanwhile; what else could be trained. */
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
      await watch(await live.resume(shown.run.name, shown.run.finished ? 2 * epochs : null))
    })
  const command = (name: 'step' | 'epoch' | 'stop') => void attempt(() => live.command(name))
  const { epochs } = (shown?.run.config.training ?? { epochs: 0 }) as { epochs: number }
  const again = !running && shown?.run.finished
  const playWords = running ? '' : again ? `${shown!.run.name} is finished: train it for ${epochs} epochs more` : 'Go on with this run'
  return (
    <Panel id="train" title="Train" about="Training runs in a process of its own; a run made here is an ordinary run folder.">
      <div class="transport">
        <button class="primary" data-testid="play" disabled={state?.phase === 'starting'} title={playWords} onClick={() => void play()}>
          <Icon name={playing ? 'pause' : 'play'} /> {playing ? 'pause' : again ? 'train on' : 'play'}
        </button>
        <button data-testid="step-batch" disabled={!running} aria-label="one step" title="One optimiser step" onClick={() => command('step')}><Icon name="step" /></button>
        <button data-testid="step-epoch" disabled={!running} aria-label="one epoch" title="To the end of this epoch" onClick={() => command('epoch')}><Icon name="epoch" /></button>
        <button data-testid="stop" disabled={!running} aria-label="stop" title="Stop: save and end; it can be gone on with" onClick={() => command('stop')}><Icon name="stop" /></button>
        <button data-testid="reset" disabled={!state?.run} aria-label="reset" title="Reset: begin again from the first step, with the same settings" onClick={() => void attempt(() => live.command('reset').then(() => watch(state!.run!)))}><Icon name="reset" /></button>
      </div>
      {state?.run && (
        <>
          <p class="fine" data-testid="phase" role="status">
            <b>{state.run}</b> {WORDS[state.phase]}{state.text && state.phase !== 'failed' ? `: ${state.text}` : ''}
            {playing && state.images_per_second > 0 && ` · ${Math.round(state.images_per_second).toLocaleString('en')} images/s`}
          </p>
          <div class="bar"><i style={{ width: `${state.steps ? (100 * state.step) / state.steps : 0}%` }} /></div>
          <p class="fine numbers">
            step {state.step.toLocaleString('en')} of {state.steps.toLocaleString('en')} · epoch {state.epoch.toFixed(1)} of {state.epochs}
          </p>
          {view.value.step !== 'live' && running && <button class="wide" data-testid="follow" onClick={() => void attempt(() => watch(state.run!))}>watch it live</button>}
        </>
      )}
      {running && state && <Live state={state} live={live} />}
      {failure.value && !formOpen.value && <p class="failure" role="alert" data-testid="train-failure">{failure.value}</p>}
      <NewRun />
    </Panel>
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
