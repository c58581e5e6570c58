import { change, view } from '../state/view'
import { soloClass, toggleClass } from '../state/actions'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { classColour } from '../ui/palette'
import { hasMoved } from '../ui/tips'

const MOST = 40

/** The classes: what their colours mean, and which are shown. */
export function Legend() {
  const about = store.manifest.value
  if (!about) return null
  const { hidden } = view.value
  return (
    <div class="legend" role="group" aria-label="Classes that are shown">
      {about.data.classes.slice(0, MOST).map((name, k) => (
        <button key={k} class="class" aria-pressed={!hidden.includes(k)} data-about={`${name}: click to hide or show, double click for it alone${k < 10 ? ` (key ${k})` : ''}`} data-testid={`class-${k}`}
          onPointerEnter={(event) => hasMoved(event) && (store.lit.value = k)} onPointerLeave={() => (store.lit.value = null)} onFocus={() => (store.lit.value = k)} onBlur={() => (store.lit.value = null)}
          onClick={() => toggleClass(k)} onDblClick={() => soloClass(k)}>
          <i style={{ background: classColour(k, about.data.classes.length, theme.value === 'dark') }} />
          {name}
        </button>
      ))}
      {about.data.classes.length > MOST && <span class="fine">and {about.data.classes.length - MOST} more</span>}
      {hidden.length > 0 && <button class="quiet" data-testid="all-classes" onClick={() => change({ hidden: [] })}>show all</button>}
    </div>
  )
}
