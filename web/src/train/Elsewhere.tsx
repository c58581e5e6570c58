import { elsewhere } from '../state/live'
import * as store from '../state/store'
import { count, fixed, short } from '../ui/number'

/** That another process writes the run that is shown, or has just ended: who, since when, how far. */
export function Elsewhere() {
  const told = elsewhere.value
  if (!told || told.phase === 'idle') return null
  const { writer, phase, run, epoch, epochs } = told
  if (!writer || (phase !== 'training' && phase !== 'busy')) {
    return <p class={phase === 'killed' || phase === 'gone' ? 'notice bad' : 'notice'} role="status" data-testid="elsewhere">{sentence(told.text)}</p>
  }
  return (
    <div class="notice" data-testid="elsewhere">
      <p role="status">
        <b>{run}</b> is being {phase === 'training' ? 'trained' : 'written'} in another process{phase === 'busy' && ` (${writer.what})`}: process {writer.pid}{writer.here ? '' : ` on ${writer.host}`}, since{' '}
        {writer.since}.
      </p>
      {phase === 'training' && (
        <>
          <div class="bar"><i style={{ width: `${epochs ? Math.min(100, (100 * epoch) / epochs) : 0}%` }} /></div>
          <p class="fine numbers">epoch {fixed(epoch, 1)} of {short(epochs, 0)} · {count(store.manifest.value?.steps.length ?? 0, 'kept step')}</p>
          <p class="fine">This page follows it: curves and kept steps appear as they come. It is steered where it was started.</p>
        </>
      )}
    </div>
  )
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
