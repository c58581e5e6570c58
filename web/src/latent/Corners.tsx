import { setPlane, toggleLayer } from '../state/actions'
import { axes } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Icon } from '../ui/Icon'
import { Save } from '../ui/Save'
import { codesOf } from '../selection/csv'
import { zoomed } from './camera'
import { fit } from './fit'
import { planeLines } from './vector'

/** What each axis shows, at its end. */
export function Corners() {
  return (
    <>
      <span class="corner up"><Axis which="j" /></span>
      <span class="corner across"><Axis which="i" /></span>
    </>
  )
}

/** How the plane is seen. */
export function Seen() {
  const { scale } = view.value
  const even = scale === 'cdf'
  const plane = () => document.getElementById('plane')!
  const codes = () => codesOf(Array.from(store.snapshot.value?.imageOf ?? []).filter((image) => !view.value.hidden.includes(store.images.value!.labels[image]!)))
  return (
    <><span class="seen segments">
      {view.value.depth === 'play' ? (
        <button aria-pressed={view.value.layers.tiles} data-testid="layer-tiles" data-about="What the decoder makes of each place of the plane; the fainter, the fewer codes lie there (t)" onClick={() => toggleLayer('tiles')}>draw the whole map</button>
      ) : (
        <button aria-pressed={even} data-about="Spread the plane evenly in probability: the prior covers the square, each place as likely as any other (Gaussian CDF of each axis)" data-testid="scale" onClick={() => change({ scale: even ? 'linear' : 'cdf', camera: null })}>
        equal probability
      </button>
      )}
      <button aria-label="Closer" data-about="Closer (wheel)" onClick={() => change({ camera: zoomed(0.8) })}><Icon name="plus" /></button>
      <button aria-label="Farther" data-about="Farther (wheel)" onClick={() => change({ camera: zoomed(1.25) })}><Icon name="minus" /></button>
      <button data-about="All points again, clear of the panels (Home)" data-testid="reset-camera" onClick={fit}>fit</button>
    </span>
    <Save name="plane" of={plane} lines={planeLines} numbers={codes} /></>
  )
}

/** The dimension along an axis, or a principal component of the codes; to be chosen where there are more than two. */
function Axis({ which }: { which: 'i' | 'j' }) {
  const d = store.manifest.value?.latent ?? 2
  const { plane } = view.value
  const place = which === 'i' ? 0 : 1
  if (d <= 2) return <>{axes.value.labels[place]}</>
  const choose = (value: string) => {
    if (value === 'pca') {
      setPlane({ kind: 'pca' })
      return
    }
    const chosen = Number(value)
    const now = plane.kind === 'axes' ? plane : { i: 0, j: 1 }
    const other = which === 'i' ? now.j : now.i
    const spare = other === chosen ? (plane.kind === 'axes' ? now[which] : Number(chosen === 0)) : other
    setPlane(which === 'i' ? { kind: 'axes', i: chosen, j: spare } : { kind: 'axes', i: spare, j: chosen })
  }
  return (
    <select aria-label={which === 'i' ? 'Dimension across' : 'Dimension upwards'} data-testid={`axis-${which}`} value={plane.kind === 'axes' ? String(plane[which]) : 'pca'}
      data-about="A dimension of the code, or PC: the plane in which the codes vary most" onChange={(event) => choose(event.currentTarget.value)}>
      <option value="pca">PC{place + 1}</option>
      {Array.from({ length: d }, (_, k) => <option key={k} value={String(k)}>z{k + 1}</option>)}
    </select>
  )
}
