import * as store from '../state/store'
import { view } from '../state/view'
import { watch } from '../state/live'
import { isRunning } from '../state/running'
import { Icon } from '../ui/Icon'
import { count, fixed, short } from '../ui/number'
import { Panel } from '../ui/Panel'
import type { Live as Server, Phase, TrainingState } from '../source/source'
import { attempt, begin, beginning, failure } from './attempt'
import { GoOn } from './GoOn'
import { Live } from './Live'
import { NewRun } from './NewRun'
import { Elsewhere } from './Elsewhere'
import { formOpen } from './start'

const WORDS: Record<Phase, string> = { idle: 'nothing is being trained', starting: 'is starting …', playing: 'is being trained', paused: 'is paused', ended: 'has ended', failed: 'failed' }

/** Play, pause, single steps, stop, reset; how far it is; what can be changed meanwhile; what else could be trained. */
export function TrainPanel() {
  const live = store.source.value?.live
  if (!live) return <Exported />
  const state = store.training.value
  const running = isRunning(state)
  return (
    <Panel id="train" title="Train" about="Training runs in a process of its own; a run made here is an ordinary run folder.">
      <Elsewhere />
      {running ? <Transport state={state} live={live} /> : <GoOn live={live} />}
      {failure.value && !formOpen.value && <p class="failure" role="alert" data-testid="train-failure">{failure.value}</p>}
      {state?.run && (running || state.run === view.value.run) && <Progress state={state} />}
      {running && state.steps > 0 && <Live state={state} live={live} />}
      <NewRun />
    </Panel>
  )
}

/** What steers the training under way, beside the large button. */
function Transport({ state, live }: { state: TrainingState & { run: string }; live: Server }) {
  const command = (name: 'step' | 'epoch') => void attempt(() => live.command(name))
  return (
    <div class="transport">
      <button data-testid="step-batch" data-about="One optimiser step" onClick={() => command('step')}><Icon name="step" /> step</button>
      <button data-testid="step-epoch" data-about="To the end of this epoch" onClick={() => command('epoch')}><Icon name="epoch" /> epoch</button>
      <button data-testid="reset" data-about={`Reset: stop, and train ${state.run} again from its first step, with the settings it was begun with`} disabled={beginning.value} onClick={() => void begin(async () => watch(await live.reset(state.run)))}><Icon name="reset" /> reset</button>
    </div>
  )
}

function Progress({ state }: { state: TrainingState }) {
  const running = isRunning(state)
  return (
    <>
      <p class="fine" data-testid="phase" role="status">
        <b>{state.run}</b> {running && !store.connected.value ? 'was in training when the connection was lost' : WORDS[state.phase]}{state.text && state.phase !== 'failed' ? `: ${state.text}` : ''}
        {state.phase === 'playing' && store.connected.value && state.images_per_second > 0 && ` · ${short(state.images_per_second, 0)} images/s`}
      </p>
      {running && state.steps > 0 && (
        <>
          <div class="bar"><i style={{ width: `${state.steps ? (100 * state.step) / state.steps : 0}%` }} /></div>
          <p class="fine numbers">
            step {short(state.step, 0)} of {short(state.steps, 0)} · epoch {fixed(state.epoch, 1)} of {state.epochs}
          </p>
          {(view.value.step !== 'live' || view.value.run !== state.run) && (
            <button class="wide" data-testid="follow" onClick={() => void attempt(() => watch(state.run!))}>watch it live</button>
          )}
        </>
      )}
    </>
  )
}

/** Where nothing can be trained. */
function Exported() {
  const about = store.manifest.value
  const training = about?.run.config.training as { epochs: number; seed: number; batch_size: number } | undefined
  if (!about || !training) return null
  return (
    <Panel id="train" title="Training">
      <p class="fine">{count(training.epochs, 'epoch')}, batches of {training.batch_size}, seed {training.seed}.</p>
      <p class="fine">This is an exported page: it walks in a finished training. To train one and watch it form, take vaelab itself: <code>vaelab explore</code>.</p>
    </Panel>
  )
}
