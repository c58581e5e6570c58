import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { announce } from '../state/actions'
import { entryOf, showStep } from '../state/loading'
import { type Change, changes } from '../state/changes'
import { stopReplay, toggleReplay } from '../state/replay'
import { newestOf } from '../state/running'
import * as store from '../state/store'
import { view } from '../state/view'
import { along } from '../steps/time'
import { Icon } from '../ui/Icon'
import { fixed, short } from '../ui/number'
import { axisEnd } from './axis'
import { marksOf } from './marks'

/** That the words of a mark need, in rem. */
const LETTERS = 4.6

const inWords = ({ beta, learning_rate }: Omit<Change, 'step'>) => (beta === undefined ? `lr ${short(learning_rate!, 4)}` : `β ${Number(beta.toPrecision(3))}`)

/** The kept steps of the training on one axis; the step that is chosen drives everything, and they can be played as a film. */
export function TimeBar() {
  const about = store.manifest.value
  const shown = store.calm.value
  const steps = about?.steps ?? []
  const last = steps.at(-1)
  const at = (step: number) => `${100 * along(step, axisEnd.value)}%`
  const index = Math.max(0, steps.findIndex((entry) => entry.index === (shown?.index ?? last?.index)))
  const newest = newestOf(about?.run.name, store.training.value)
  const { step } = view.value
  const opened = step === null && about && entryOf(about, step) !== last ? 'best' : (step ?? 'last')
  const choose = (step: number | 'best' | 'last' | 'live') => {
    stopReplay()
    void showStep(step).then(() => announce(where(store.snapshot.value)))
  }
  const track = useRef<HTMLDivElement>(null)
  const room = useSignal(0.1)
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => (room.value = (LETTERS * parseFloat(getComputedStyle(document.documentElement).fontSize)) / Math.max(1, entry!.contentRect.width)))
    observer.observe(track.current!)
    return () => observer.disconnect()
  }, [])
  return (
    <div class="time">
      <button class="round" data-testid="replay" disabled={steps.length < 2} aria-label={store.replaying.value ? 'stop the replay' : 'replay the training'} data-about="Play the steps that were kept of the training as a film (Space)" onClick={toggleReplay}>
        <Icon name={store.replaying.value ? 'pause' : 'play'} />
      </button>
      <div class="track" ref={track}>
        {steps.map((entry) => <i key={entry.index} class={entry.best ? 'mark best' : 'mark'} style={{ left: at(entry.step) }} />)}
        {marksOf(changes.value, (step) => along(step, axisEnd.value), room.value, inWords).map((mark) => (
          <i key={`c${mark.at}`} class={`mark changed${mark.learning ? ' learning' : ''}${mark.before ? ' before' : ''}`} style={{ left: `${100 * mark.at}%` }} data-testid="change">{mark.words}</i>
        ))}
        {shown && <i class="now" style={{ left: at(shown.step) }} />}
        {last && <input id="scrubber" type="range" min={0} max={steps.length - 1} step={1} value={index} data-testid="scrubber" aria-label="Step of the training"
          aria-valuetext={where(shown)} onInput={(event) => choose(steps[Number(event.currentTarget.value)]!.step)} />}
      </div>
      <span class="group">
        <span class="numbers wide" data-testid="step-text">{where(shown)}</span>
        <span class="segments">
          <button data-testid="step-best" aria-pressed={opened === 'best'} data-about="The run's own weights: those of the epoch that did best on validation images, or while it trains the kept step nearest to them (b)" onClick={() => choose('best')}>★ best</button>
          <button data-testid="step-last" aria-pressed={opened === newest} data-about={`${newest === 'live' ? 'The training as it goes on' : 'The last kept step'} (e). The run's own weights, which \`vaelab evaluate\` measures, are at ★`} onClick={() => choose(newest)}>{newest}</button>
        </span>
      </span>
    </div>
  )
}

const where = (shown: store.Snapshot | null) => (shown ? `step ${short(shown.step, 0)} · epoch ${fixed(shown.epoch, 1)}` : '')
