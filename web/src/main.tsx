import { type ComponentChild, render } from 'preact'
import { App } from './app'
import { comparedIn } from './compare/address'
import { keepCodebook } from './codebook/codebook'
import { Compare, comparedPages } from './compare/Compare'
import { frame, linkFrame } from './compare/frame'
import { helpOpen } from './help/HelpDialog'
import { keepEvidence } from './evidence/evidence'
import { keepGaps } from './evidence/gaps'
import { listenForDrops } from './probe/drop'
import { keepProbeEncoded } from './probe/probe'
import { takeKey, whenKeyComes } from './source/key'
import { keepLevels } from './levels/levels'
import { Locked, serverSource } from './source/server'
import { folderSource, inlineSource } from './source/static'
import { keepJourney } from './row/journey'
import { forgetChanges } from './state/changes'
import { keepCalm } from './state/calm'
import { keepDecoded } from './state/actions'
import { arrive, isHere, openRun } from './state/opening'
import { listenToKeys } from './state/keyboard'
import { exposeState } from './state/readonly'
import { followTraining } from './state/live'
import * as store from './state/store'
import { followAddress } from './state/url'
import { talkToHolder } from './state/embedded'
import { followTheme } from './state/theme'
import { keepTitled } from './state/title'
import { view } from './state/view'
import { listenForTips } from './ui/tips'
import './styles/tokens.css'
import './styles/layout.css'
import './styles/controls.css'
import './styles/train.css'
import './styles/readings.css'
import './styles/panels.css'
import './styles/latent.css'
import './styles/dock.css'
import './styles/row.css'
import './styles/time.css'
import './styles/preview.css'
import './styles/lecture.css'
import './styles/dialogs.css'
import './styles/runs.css'
import './styles/narrow.css'
import './styles/compare.css'
import './styles/codebook.css'
import './styles/levels.css'

const bundle = () => (comparedPages() ? `bundle/${encodeURIComponent(view.value.run ?? '')}` : 'bundle')
const SOURCES = { server: () => serverSource((words) => (store.locked.value = words)), static: () => folderSource(bundle()), inline: inlineSource }

async function start(): Promise<void> {
  const kind = document.documentElement.dataset.source as keyof typeof SOURCES
  if (kind === 'server') takeKey()
  const pages = comparedPages()
  const compared = pages ? Object.keys(pages) : comparedIn(location.hash)
  if (compared.length && frame === null) {
    compare(compared, pages)
    return
  }
  followAddress((asked) => void arrive(asked))
  followTheme()
  exposeState()
  listenToKeys(() => (helpOpen.value = true))
  keepCalm()
  keepTitled()
  if (kind === 'inline') talkToHolder()
  keepDecoded()
  keepProbeEncoded()
  keepJourney()
  keepEvidence()
  keepCodebook()
  keepLevels()
  keepGaps()
  listenForDrops()
  forgetChanges()
  linkFrame()
  listenForTips()
  show(<App />)
  store.source.value = SOURCES[kind]()
  await open()
  whenKeyComes(() => void open())
}

function show(page: ComponentChild): void {
  const root = document.getElementById('app')!
  root.textContent = ''
  render(page, root)
}

/** Runs beside each other; `pages` are those of an exported comparison. */
function compare(runs: string[], pages: ReturnType<typeof comparedPages>): void {
  followTheme()
  show(<Compare runs={runs} pages={pages} />)
  const source = pages ? null : SOURCES.server()
  source?.runs().then((all) => (store.runs.value = all), (error: unknown) => (store.problem.value = String(error)))
}

let following = false

/** Show the run that the address asks for, or the first; once more where the server did not let the page in. */
async function open(): Promise<void> {
  try {
    const source = store.source.value!
    const asked = view.value.run
    const id = store.manifest.value ? null : await source.first(asked)
    store.locked.value = null
    if (!following) followTraining()
    following = true
    const missing = frame !== null && asked !== null && asked !== id // no other run under its name
    if (missing) store.waiting.value = { run: asked, words: 'There is no run of that name here' }
    else if (id !== null) await openRun(id)
    store.runs.value = await source.runs() // later: nobody waits for the list
    store.listed.value = true
    if (!missing && id !== null && asked !== null && asked !== id) isHere(asked)
  } catch (error) {
    if (!(error instanceof Locked)) store.problem.value = error instanceof Error ? error.message : String(error)
  }
}

void start()
