import { useEffect } from 'preact/hooks'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { beginning, failure } from '../train/attempt'
import { Dialog } from '../ui/Dialog'
import { learnReady, openReady, ready, readyOpen, wantedOf } from './ready'

/** Comparisons that show something, a click each: of runs that are here, or of what is trained for them. */
export function ReadyDialog() {
  return <Dialog open={readyOpen} title="Classic comparisons">{readyOpen.value && <Content />}</Dialog>
}

function Content() {
  useEffect(() => void learnReady(), [])
  const state = store.training.value
  return (
    <div class="ready" data-testid="ready">
      {ready.value?.map((row) => {
        const wanted = wantedOf(row)
        return (
          <section key={row.name}>
            <h3>{row.title}</h3>
            <p>{row.about}</p>
            <p class="row">
              <button class={wanted ? '' : 'primary'} data-testid={`ready-${row.name}`} disabled={beginning.value} onClick={() => void openReady(row.name)}>{wanted ? 'train and open' : 'open'}</button>
              <span class="fine">{wanted ? `${wanted} on 3,000 images of MNIST; here: ${row.parts.flatMap(({ run }) => run ?? []).join(', ') || 'none'}` : row.parts.map(({ run }) => run).join(' | ')}</span>
            </p>
          </section>
        )
      })}
      {failure.value && <p class="failure" role="alert">{failure.value}</p>}
      <p class="fine">A run counts that has been trained to its end with this model and objective, its beta never changed meanwhile; of all in a row the data are the same. What is missing is trained one after the other while this page is open{isRunning(state) ? <>; <b>{state.run}</b>, which trains now, is saved and stopped first</> : ''}.</p>
    </div>
  )
}
