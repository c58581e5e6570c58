import { picturesOpen } from '../pictures/sending'
import { beginning } from './attempt'
import { choices, formOpen, startAlike } from './start'

/** Train from scratch: one click for the classic cases, a form for all the rest. */
export function NewRun() {
  const found = choices.value
  if (!found) return null
  return (
    <section class="presets" aria-label="Train from scratch">
      <h3>train from scratch</h3>
      {found.presets.map((preset) => (
        <button key={preset.name} disabled={beginning.value} data-about={preset.about} data-testid={`preset-${preset.name}`} onClick={() => startAlike(preset.set, preset.name)}>
          {preset.name} <span>{preset.hint}</span>
        </button>
      ))}
      <button class="wide" onClick={() => (formOpen.value = true)} data-testid="new-run">New run …</button>
      <button class="wide" onClick={() => (picturesOpen.value = true)} data-testid="own-folder">Your own pictures …</button>
    </section>
  )
}
