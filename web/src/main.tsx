import { effect } from '@preact/signals'
import { render } from 'preact'
import { App } from './app'
import { helpOpen } from './help/HelpDialog'
import { keepProbeEncoded } from './probe/probe'
import { takeKey, whenKeyComes } from './source/key'
import { Locked, serverSource } from './source/server'
import { folderSource, inlineSource } from './source/static'
import { keepCalm } from './state/calm'
import { keepPinDecoded, openRun } from './state/actions'
import { arrive, isHere } from './state/loading'
import { listenToKeys } from './state/keyboard'
import { exposeState } from './state/readonly'
import { followTraining } from './state/live'
import * as store from './state/store'
import { followAddress } from './state/url'
import { view } from './state/view'
import './styles/tokens.css'
import './styles/layout.css'
import './styles/controls.css'
import './styles/panels.css'
import './styles/latent.css'
import './styles/dialogs.css'

const SOURCES = { server: () => serverSource((words) => (store.locked.value = words)), static: folderSource, inline: inlineSource }

function followTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    const { theme } = view.value
    document.documentElement.dataset.theme = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme
  }
  effect(apply)
  dark.addEventListener('change', () => {
    apply()
    view.value = { ...view.value }
  })
}

async function start(): Promise<void> {
  const kind = document.documentElement.dataset.source as keyof typeof SOURCES
  if (kind === 'server') takeKey()
  followAddress((asked) => void arrive(asked))
  followTheme()
  exposeState()
  listenToKeys(() => (helpOpen.value = true))
  keepCalm()
  keepPinDecoded()
  keepProbeEncoded()
  const root = document.getElementById('app')!
  root.textContent = ''
  render(<App />, root)
  store.source.value = SOURCES[kind]()
  await open()
  whenKeyComes(() => void open())
}

let following = false

/** Show the run that the address asks for, or the first; once more where the server did not let the page in. */
async function open(): Promise<void> {
  try {
    store.runs.value = await store.source.value!.runs()
    store.locked.value = null
    if (!following) followTraining()
    following = true
    if (store.manifest.value) return
    const asked = view.value.run && isHere(view.value.run) ? view.value.run : null
    const id = asked ?? store.runs.value.find((run) => run.obstacle === null)?.id
    if (id) await openRun(id)
  } catch (error) {
    if (!(error instanceof Locked)) store.problem.value = error instanceof Error ? error.message : String(error)
  }
}

void start()
