import { signal } from '@preact/signals'
import { DimensionsPanel } from './dimensions/DimensionsPanel'
import { HelpDialog } from './help/HelpDialog'
import { LatentView } from './latent/LatentView'
import { Legend, Toolbar } from './latent/Toolbar'
import { PathStrip } from './path/PathStrip'
import { ProbePanel } from './probe/ProbePanel'
import { Readings } from './readings/Readings'
import { Reconstructions } from './reconstructions/Reconstructions'
import { SelectionPanel } from './selection/SelectionPanel'
import { ShareDialog } from './share/ShareDialog'
import { openRun } from './state/actions'
import * as store from './state/store'
import { view } from './state/view'
import { Steps } from './steps/Steps'
import { TopBar } from './topbar/TopBar'
import { TrainPanel } from './train/TrainPanel'

const TABS = ['probe', 'dimensions', 'selection'] as const
const tab = signal<(typeof TABS)[number]>('probe')

export function App() {
  return (
    <>
      <TopBar />
      {store.problem.value !== null && (
        <p class="problem" role="alert" data-testid="problem">
          <span>{store.problem.value}</span>
          <span class="group">
            {view.value.run && !store.snapshot.value && <button onClick={() => { store.problem.value = null; void openRun(view.value.run!) }}>try again</button>}
            <button onClick={() => (store.problem.value = null)} aria-label="Close this message">✕</button>
          </span>
        </p>
      )}
      <main class="page">
        <div class="left">
          <TrainPanel />
          <Readings />
        </div>
        <div class="middle">
          <Toolbar />
          <LatentView />
          <Legend />
          <Steps />
        </div>
        <div class="right">
          <div class="tabs" role="group" aria-label="Panels">
            {TABS.map((name) => <button key={name} aria-pressed={tab.value === name} onClick={() => (tab.value = name)}>{name}</button>)}
          </div>
          <div class={tab.value === 'selection' ? 'tab shown' : 'tab'}><SelectionPanel /></div>
          <div class={tab.value === 'probe' ? 'tab shown' : 'tab'}><ProbePanel /></div>
          <div class={tab.value === 'dimensions' ? 'tab shown' : 'tab'}><DimensionsPanel /></div>
        </div>
        <div class="bottom">
          <PathStrip />
          <Reconstructions />
        </div>
      </main>
      {store.busy.value && <p class="busy" role="status">{store.busy.value}</p>}
      <p class="hidden-text" aria-live="polite" data-testid="announced">{store.announced.value}</p>
      <HelpDialog />
      <ShareDialog />
    </>
  )
}
