import { effect } from '@preact/signals'
import { render } from 'preact'
import { App } from './app'
import { helpOpen } from './help/HelpDialog'
import { keepProbeEncoded } from './probe/probe'
import { serverSource } from './source/server'
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

const SOURCES = { server: serverSource, static: folderSource, inline: inlineSource }

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
  try {
    const kind = document.documentElement.dataset.source as keyof typeof SOURCES
    store.source.value = SOURCES[kind]()
    store.runs.value = await store.source.value.runs()
    const asked = view.value.run && isHere(view.value.run) ? view.value.run : null
    const id = asked ?? store.runs.value.find((run) => run.obstacle === null)?.id
    followTraining()
    if (id) await openRun(id)
  } catch (error) {
    store.problem.value = error instanceof Error ? error.message : String(error)
  }
}

void start()
