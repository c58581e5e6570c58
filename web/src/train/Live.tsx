import { useEffect, useState } from 'preact/hooks'
import type { Live as Server, LiveValues, TrainingState } from '../source/source'
import { remember } from '../state/changes'
import { latestWins } from '../state/latest'
import { NumberField } from '../ui/NumberField'
import { attempt } from './attempt'

const PACES = [0, 0.05, 0.25, 1] as const

/** What can be changed while a run trains; each change is written into its config with its step. */
export function Live({ state, live }: { state: TrainingState; live: Server }) {
  const send = useSend(live)
  return (
    <fieldset>
      <legend data-about="Each change is written into the run's config.yaml with its step, so that the run can be repeated">while it trains</legend>
      {state.learning_rate !== null && <LogSlider label="learning rate" value={state.learning_rate} least={1e-5} most={0.1} limits={[1e-7, 1]} testid="learning-rate" change={(learning_rate) => send({ learning_rate })} />}
      <label class="setting">slow motion
        <select data-testid="pace" value={state.pace} onChange={(event) => send({ pace: Number(event.currentTarget.value) })}>
          {PACES.map((pace) => <option key={pace} value={pace}>{pace === 0 ? 'off' : `${pace} s a step`}</option>)}
        </select>
      </label>
      <label class="setting">pause at step
        <NumberField least={0} whole empty value={state.stop_at} label="pause at step" placeholder="never" testid="stop-at" change={(stop_at) => send({ stop_at })} />
      </label>
      <label class="setting">when the page closes
        <select value={state.on_close} data-testid="on-close" onChange={(event) => send({ on_close: event.currentTarget.value as 'keep' | 'pause' })}>
          <option value="keep">go on</option>
          <option value="pause">pause</option>
        </select>
      </label>
    </fieldset>
  )
}

const useSend = (live: Server) => useState(() => latestWins((values: LiveValues) => attempt(async () => {
  const forget = remember(values)
  try {
    await live.set(values)
  } catch (error) {
    forget() // it has not happened
    throw error
  }
})))[0]

/** What the server takes. */
export const BETA: [number, number] = [0, 1e4]

/** The price of the rate, while it trains. */
export function Beta({ state, live }: { state: TrainingState; live: Server }) {
  const send = useSend(live)
  return <LogSlider label="beta" value={state.beta!} least={0.01} most={1000} zero limits={BETA} testid="beta" change={(beta) => send({ beta })} />
}

/** ms after which a change that the server has not told is no longer under way. */
const REFUSED = 2000

export function LogSlider({ label, note, value, least, most, zero = false, limits, testid, change }: { label: string; note?: string; value: number; least: number; most: number; zero?: boolean; limits: [number, number]; testid: string; change: (value: number) => void }) {
  const steps = 200
  // what was set stands until the server tells it too, else a quick hand would go on from a value of before
  const [set, setSet] = useState<{ value: number; place: number | null; underWay: boolean } | null>(null)
  const told = set !== null && Math.abs(set.value - value) <= 1e-6 * value
  useEffect(() => {
    if (!set?.underWay) return
    const over = () => setSet({ ...set, underWay: false })
    if (told) return over()
    const timer = setTimeout(over, REFUSED)
    return () => clearTimeout(timer)
  }, [set, told])
  const now = set?.underWay ? set.value : value
  const choose = (to: number, place: number | null) => {
    setSet({ value: to, place, underWay: true })
    change(to)
  }
  const toPlace = (v: number) => (v <= 0 ? 0 : Math.round((steps * Math.log(Math.max(least, v) / least)) / Math.log(most / least)))
  const toValue = (place: number) => (zero && place === 0 ? 0 : Number((least * (most / least) ** (place / steps)).toPrecision(2)))
  return (
    <div class="slider">
      <label for={`live-${testid}`}>{label}{note && <span class="second">{note}</span>}</label>
      <NumberField least={limits[0]} most={limits[1]} value={Number(now.toPrecision(3))} label={`${label}, typed`} testid={testid} change={(to) => choose(to!, null)} />
      <input id={`live-${testid}`} type="range" min={0} max={steps} value={(set?.underWay || told ? set?.place : null) ?? toPlace(now)} data-testid={`${testid}-slider`} aria-valuetext={String(now)}
        onInput={(event) => { const place = Number(event.currentTarget.value); choose(toValue(place), place) }} />
    </div>
  )
}
