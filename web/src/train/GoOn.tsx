import { signal } from '@preact/signals'
import type { Live } from '../source/source'
import { elsewhere, watch } from '../state/live'
import * as store from '../state/store'
import { Icon } from '../ui/Icon'
import { count } from '../ui/number'
import { begin, beginning } from './attempt'
import { formOpen } from './start'

/** The finished run that is to be trained in place; chosen for this one time. */
const inPlace = signal<string | null>(null)

/** What can be done with the run that is shown while nothing is being trained: a finished one stays as it is, unless that is asked for. */
export function GoOn({ live }: { live: Live }) {
  const about = store.manifest.value
  if (!about) return <NewOne />
  const { name, finished } = about.run
  const busy = beginning.value || ['training', 'busy', 'gone'].includes(elsewhere.value?.phase ?? 'idle')
  const { epochs } = about.run.config.training as { epochs: number }
  const copy = store.runs.value.find((run) => run.id === name)?.copy ?? `${name}-2`
  const itself = finished && inPlace.value === name
  const play = async () => {
    inPlace.value = null
    await watch(await live.resume(name, finished ? 2 * epochs : null, finished ? (itself ? 'in_place' : 'copy') : null))
  }
  const again = 'Train it again from its first step, with the settings it was begun with. A finished run, and one that was not begun on this page, stays as it is: another is begun beside it'
  return (
    <>
      <div class="transport go-on">
        <button class="primary" data-testid="play" disabled={busy} data-about={finished ? '' : `Resume ${name} where it was left`} onClick={() => void begin(play)}>
          <Icon name="play" /> {finished ? `train ${count(epochs, 'more epoch')}` : 'resume'}
        </button>
        <button data-testid="reset" disabled={busy} aria-label="reset" data-about={again} onClick={() => void begin(async () => watch(await live.reset(name)))}><Icon name="reset" /></button>
      </div>
      {finished && !busy && (
        <div class="fine choice" data-testid="choice">
          {itself ? <>This trains <b>{name}</b> itself.</> : <><b>{name}</b> is finished and stays as it is: a copy is trained, <b>{copy}</b>.</>}
          <label class="tick">
            <input type="checkbox" data-testid="in-place" checked={itself} onChange={(event) => (inPlace.value = event.currentTarget.checked ? name : null)} /> train {name} itself, without a copy
          </label>
          {itself && (
            <p class="failure" role="alert" data-testid="consequence">
              This cannot be undone: its best weights are replaced as soon as better ones are found, its log and kept steps go on, and its evaluation and pictures no longer
              belong to its weights.
            </p>
          )}
        </div>
      )}
    </>
  )
}

function NewOne() {
  return (
    <div class="transport go-on">
      <button class="primary" data-testid="play" onClick={() => (formOpen.value = true)}><Icon name="play" /> new run …</button>
    </div>
  )
}
