import { compareHash } from '../compare/address'
import { making, readyOpen } from '../compare/ready'
import { openRun } from '../state/opening'
import { setDepth, toggleLecture } from '../state/actions'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { change, type Depth, view } from '../state/view'
import { helpOpen } from '../help/HelpDialog'
import { tableOpen } from '../runs/shelf'
import { shareOpen } from '../share/ShareDialog'
import type { RunSummary } from '../source/source'
import { isRunning } from '../state/running'
import { Icon } from '../ui/Icon'
import { count, exponential } from '../ui/number'
import { Term } from '../ui/tips'

const DEPTHS: [Depth, string, string][] = [
  ['play', 'Play', 'The plane, the model in a row, play and beta (p)'],
  ['look', 'Look', 'And a probe to draw in, layers, a path, samples (l)'],
  ['measure', 'Measure', 'And every number (m)'],
]

/** No run has such a name. */
const CLASSIC = '/classic'

export function TopBar() {
  const about = store.manifest.value
  const { depth, lecture } = view.value
  const shown = store.waiting.value?.run ?? about?.run.name ?? ''
  const others = store.runs.value.filter((run) => run.obstacle === null && run.id !== about?.run.name)
  return (
    <header class="topbar">
      <h1 class="brand">vaelab</h1>
      <label class="inline"><span class="hidden-text">Run</span>
        <select data-testid="run" value={shown} onChange={(event) => {
          const { value } = event.currentTarget
          event.currentTarget.value = shown // until the other is
          void openRun(value)
        }}>
          {shown && !store.runs.value.some((run) => run.id === shown) && <option value={shown}>{shown}{store.runs.value.length > 0 && ' (not here any more)'}</option>}
          {!shown && <option value="">{store.listed.value ? 'choose a run' : '…'}</option>}
          {store.runs.value.map((run) => (
            <option key={run.id} value={run.id} disabled={run.obstacle !== null}>{run.id}{stateOf(run)}</option>
          ))}
        </select>
      </label>
      {store.source.value?.live && !lecture && <button onClick={() => (tableOpen.value = true)} aria-label="Table of runs" data-testid="runs" data-about="All runs in a table: settings, numbers, other names, the bin"><Icon name="table" /></button>}
      {making.value ? <span class="fine" role="status" data-testid="making">for “{making.value.title}”: {making.value.words}, then it opens</span> : store.source.value?.kind === 'server' && about && !lecture && (
        <label class="inline"><span class="hidden-text">Compare with another run</span>
          <select data-testid="compare" value="" data-about="Another run beside this one, under one pointer; or one of the classic comparisons" onChange={(event) => {
            const { value } = event.currentTarget
            event.currentTarget.value = ''
            if (value === CLASSIC) readyOpen.value = true
            else location.hash = compareHash([about.run.name, value], location.hash)
          }}>
            <option value="">+ compare</option>
            <option value={CLASSIC}>classic comparisons …</option>
            {others.map((run) => <option key={run.id} value={run.id}>{run.id}</option>)}
          </select>
        </label>
      )}
      {about && depth !== 'play' && !lecture && (
        <span class="fine about" data-testid="data">
          {about.data.name} · {count(about.images.count, `${about.images.split} image`)} · {about.codebook ? `${about.codebook.grid.join(' × ')} of ${about.codebook.entries} entries` : `${about.levels ? `${about.levels.lower} + ` : ''}${count(about.latent, 'dimension')}`} · {about.likelihood.kind.replaceAll('_', ' ')} likelihood
          {about.prior.kind !== 'standard_normal' && ` · ${about.prior.kind.replaceAll('_', ' ')} prior`}
        </span>
      )}
      <span class="grow" />
      {!store.connected.value && !store.locked.value && <span class="check bad" role="status">connection lost, trying again …</span>}
      {depth === 'measure' && !lecture && <SelfCheck />}
      <span class="segments" role="group" aria-label="How much is shown">
        {DEPTHS.map(([name, label, what]) => <button key={name} aria-pressed={depth === name} data-testid={`depth-${name}`} data-about={what} onClick={() => setDepth(name)}>{label}</button>)}
      </span>
      {!lecture && <button onClick={() => (shareOpen.value = true)} data-testid="share" data-about="The address of this view, and the page as a file">Share</button>}
      <button onClick={toggleLecture} aria-pressed={lecture} data-testid="lecture" data-about="Lecture mode: Play or Look, readable from the back row (k)" aria-label="Lecture mode"><Icon name="screen" /></button>
      {!lecture && <button onClick={switchTheme} data-testid="theme" data-about="Light or dark" aria-label="Light or dark"><Icon name="contrast" /></button>}
      <button onClick={() => (helpOpen.value = true)} aria-label="Help and keys" data-about="Words, questions, keys (?)" data-testid="help">?</button>
    </header>
  )
}

function switchTheme(): void {
  const other = theme.value === 'dark' ? 'light' : 'dark'
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  change({ theme: other === system ? 'auto' : other })
}

function stateOf(run: RunSummary): string {
  if (run.obstacle) return ' (cannot be shown)'
  const state = store.training.value
  if (isRunning(state) && state.run === run.id) return ' (training)'
  if (run.writer) return ' (in another process)'
  return run.epochs_done < run.epochs ? ` (${Math.floor(run.epochs_done)}/${count(run.epochs, 'epoch')})` : ''
}

/** Whether this page computes what PyTorch computed. */
function SelfCheck() {
  const check = store.check.value
  if (store.engines.value?.pointer.backend === 'server') {
    return <span class="check" data-testid="check"><Term about={`This page has no operation for the layer ${store.manifest.value?.unsupported}: the server decodes, and the run cannot be exported`}>decoded by the server</Term></span>
  }
  if (!check) return null
  return (
    <span class={check.ok ? 'check ok' : 'check bad'} data-testid="check">
      <Term about={`What this page computes against what PyTorch computed from the same weights: images differ by at most ${exponential(check.worstDecode)}, codes by ${exponential(check.worstEncode)}; allowed is ${check.tolerance}`}>
        {check.ok ? 'self-check ok' : 'self-check failed'}
      </Term>
    </span>
  )
}
