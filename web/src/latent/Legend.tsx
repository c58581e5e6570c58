import { change, view } from '../state/view'
import { soloClass, toggleClass } from '../state/actions'
import * as store from '../state/store'
import { classColour, isDark } from '../ui/palette'

const MOST = 40

/** The classes: what their colours mean, and which are shown. */
export function Legend() {
  const about = store.manifest.value
  if (!about) return null
  const { hidden, theme } = view.value
  void theme
  return (
    <div class="legend" role="group" aria-label="Classes that are shown">
      {about.data.classes.slice(0, MOST).map((name, k) => (
        <button key={k} class="class" aria-pressed={!hidden.includes(k)} title={`${name}: click to hide or show, double click for it alone${k < 10 ? ` (key ${k})` : ''}`} data-testid={`class-${k}`}
          onClick={() => toggleClass(k)} onDblClick={() => soloClass(k)}>
          <i style={{ background: classColour(k, isDark()) }} />
          {name}
        </button>
      ))}
      {about.data.classes.length > MOST && <span class="fine">and {about.data.classes.length - MOST} more</span>}
      {hidden.length > 0 && <button class="quiet" data-testid="all-classes" onClick={() => change({ hidden: [] })}>show all</button>}
    </div>
  )
}
