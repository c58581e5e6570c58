import { openRun } from '../state/actions'
import * as store from '../state/store'
import { change } from '../state/view'
import { helpOpen } from '../help/HelpDialog'
import { shareOpen } from '../share/ShareDialog'
import type { RunSummary } from '../source/source'
import { isRunning } from '../state/running'
import { Icon } from '../ui/Icon'
import { isDark } from '../ui/palette'

export function TopBar() {
  const about = store.manifest.value
  const shown = store.waiting.value?.run ?? about?.run.name ?? ''
  return (
    <header class="topbar">
      <strong class="brand"><i /><i />vaelab</strong>
      <label class="inline"><span class="hidden-text">Run</span>
        <select data-testid="run" value={shown} onChange={(event) => void openRun(event.currentTarget.value)}>
          {shown && !store.runs.value.some((run) => run.id === shown) && <option value={shown}>{shown} (not here any more)</option>}
          {!shown && <option value="">choose a run</option>}
          {store.runs.value.map((run) => (
            <option key={run.id} value={run.id} disabled={run.obstacle !== null} title={run.obstacle ?? ''}>{run.id}{stateOf(run)}</option>
          ))}
        </select>
      </label>
      {about && (
        <span class="fine about" data-testid="data">
          {about.data.name} · {about.images.count.toLocaleString('en')} {about.images.split} images · {about.latent} dimension{about.latent > 1 && 's'} · {about.likelihood.kind.replaceAll('_', ' ')} likelihood
          {about.prior.kind !== 'standard_normal' && ` · ${about.prior.kind.replaceAll('_', ' ')} prior`}
        </span>
      )}
      <span class="grow" />
      <SelfCheck />
      {!store.connected.value && !store.locked.value && <span class="check bad" role="status">connection lost, trying again …</span>}
      <button onClick={() => (shareOpen.value = true)} data-testid="share">Share · Export</button>
      <button onClick={switchTheme} data-testid="theme" title="Light or dark" aria-label="Light or dark"><Icon name="contrast" /></button>
      <button onClick={() => (helpOpen.value = true)} aria-label="Help and keys" title="Words, questions, keys (?)" data-testid="help">?</button>
    </header>
  )
}

function switchTheme(): void {
  const other = isDark() ? 'light' : 'dark'
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  change({ theme: other === system ? 'auto' : other })
}

function stateOf(run: RunSummary): string {
  if (run.obstacle) return ' (cannot be shown)'
  const state = store.training.value
  if (isRunning(state) && state.run === run.id) return ' (training)'
  if (run.writer) return ' (in another process)'
  return run.epochs_done < run.epochs ? ` (${Math.floor(run.epochs_done)}/${run.epochs} epochs)` : ''
}

/** Whether this page computes what PyTorch computed. */
function SelfCheck() {
  const check = store.check.value
  if (store.engines.value?.pointer.backend === 'server') {
    return <span class="check" data-testid="check" title={`This page has no operation for the layer ${store.manifest.value?.unsupported}: the server decodes, and the run cannot be exported`}>decoded by the server</span>
  }
  if (!check) return null
  return (
    <span class={check.ok ? 'check ok' : 'check bad'} data-testid="check"
      title={`What this page computes against what PyTorch computed from the same weights: images differ by at most ${check.worstDecode.toExponential(1)}, codes by ${check.worstEncode.toExponential(1)}; allowed is ${check.tolerance}`}>
      {check.ok ? 'self-check ok' : 'self-check failed'}
    </span>
  )
}
