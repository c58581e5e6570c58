import { openRun } from '../state/actions'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { helpOpen } from '../help/HelpDialog'
import { shareOpen } from '../share/ShareDialog'

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const

export function TopBar() {
  const about = store.manifest.value
  const check = store.check.value
  const runs = store.runs.value
  const { theme } = view.value
  return (
    <header class="topbar">
      <strong class="brand">vaelab</strong>
      <label class="inline">Run
        <select data-testid="run" value={about?.run.name ?? ''} onChange={(event) => void openRun(event.currentTarget.value)}>
          {!about && <option value="">–</option>}
          {runs.map((run) => (
            <option key={run.id} value={run.id} disabled={run.damaged !== null} title={run.damaged ?? ''}>
              {run.id}{run.damaged ? ' (damaged)' : store.training.value?.run === run.id && store.training.value.phase !== 'ended' ? ' (training)' : run.epochs_done < run.epochs ? ` (${Math.floor(run.epochs_done)}/${run.epochs} epochs)` : ''}
            </option>
          ))}
        </select>
      </label>
      {about && (
        <span class="fine" data-testid="data">
          {about.data.name} · {about.images.count.toLocaleString('en')} {about.images.split} images · {about.latent} dimensions · {about.likelihood.kind.replaceAll('_', ' ')} likelihood
        </span>
      )}
      <span class="grow" />
      {check && (
        <span class={check.ok ? 'check ok' : 'check bad'} data-testid="check"
          title={`What this page computes against what PyTorch computed from the same weights: images differ by at most ${check.worstDecode.toExponential(1)}, codes by ${check.worstEncode.toExponential(1)}; allowed is ${check.tolerance}`}>
          {check.ok ? 'self-check ok' : 'self-check failed'}
        </span>
      )}
      {!store.connected.value && <span class="check bad" role="status">connection lost, trying again …</span>}
      <button onClick={() => (shareOpen.value = true)} data-testid="share">Share · Export</button>
      <button onClick={() => change({ theme: NEXT[theme] })} data-testid="theme" title="Light, dark, or as the system has it">{theme === 'auto' ? '◐ auto' : theme === 'light' ? '○ light' : '● dark'}</button>
      <button onClick={() => (helpOpen.value = true)} aria-label="Help and keys" data-testid="help">?</button>
    </header>
  )
}
