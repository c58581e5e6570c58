import { signal } from '@preact/signals'
import { DimensionsPanel } from './dimensions/DimensionsPanel'
import { HelpDialog } from './help/HelpDialog'
import { LatentView } from './latent/LatentView'
import { Legend } from './latent/Legend'
import { Toolbar } from './latent/Toolbar'
import { PathStrip } from './path/PathStrip'
import { ProbePanel } from './probe/ProbePanel'
import { Readings } from './readings/Readings'
import { Reconstructions } from './reconstructions/Reconstructions'
import { SelectionPanel } from './selection/SelectionPanel'
import { ShareDialog } from './share/ShareDialog'
import { LockedOut } from './locked/LockedOut'
import { openRun } from './state/actions'
import * as store from './state/store'
import { view } from './state/view'
import { Steps } from './steps/Steps'
import { TopBar } from './topbar/TopBar'
import { NewRunForm } from './train/NewRunForm'
import { TrainPanel } from './train/TrainPanel'
import { Icon } from './ui/Icon'

const TABS = { probe: ProbePanel, dimensions: DimensionsPanel, selection: SelectionPanel, pairs: Reconstructions }
const tab = signal<keyof typeof TABS>('probe')

export function App() {
  if (store.locked.value && !store.manifest.value) return <main><LockedOut alone /></main>
  return (
    <>
      <TopBar />
      {store.locked.value && <LockedOut />}
      <Problem />
      <main class="page">
        <div class="left">
          <TrainPanel />
          <Readings />
        </div>
        <div class="middle">
          <Toolbar />
          <LatentView />
          <Legend />
          <PathStrip />
          <Steps />
        </div>
        <div class="right">
          <div class="tabs segments" role="group" aria-label="Panels">
            {Object.keys(TABS).map((name) => <button key={name} aria-pressed={tab.value === name} onClick={() => (tab.value = name as keyof typeof TABS)}>{name}</button>)}
          </div>
          {Object.entries(TABS).map(([name, Content]) => (
            <div key={name} class={tab.value === name ? 'tab shown' : 'tab'}><Content /></div>
          ))}
        </div>
      </main>
      {store.busy.value && <p class="busy" role="status">{store.busy.value}</p>}
      <p class="hidden-text" aria-live="polite" data-testid="announced">{store.announced.value}</p>
      <HelpDialog />
      <NewRunForm />
      <ShareDialog />
    </>
  )
}

/** What went wrong, until it is closed. */
function Problem() {
  const { run } = view.value
  if (store.problem.value === null) return null
  const close = () => (store.problem.value = null)
  return (
    <p class="problem" role="alert" data-testid="problem">
      <span>{store.problem.value}</span>
      <span class="group">
        {run && !store.snapshot.value && <button onClick={() => { close(); void openRun(run) }}>try again</button>}
        <button onClick={close} aria-label="Close this message"><Icon name="close" /></button>
      </span>
    </p>
  )
}
