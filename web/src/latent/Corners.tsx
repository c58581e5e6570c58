import { setPlane } from '../state/actions'
import { axes } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Icon } from '../ui/Icon'
import { zoomed } from './camera'

/** What each axis shows, and how it is seen: in the corners of the plane. */
export function Corners() {
  const { scale, camera } = view.value
  const even = scale === 'cdf'
  return (
    <>
      <span class="corner up"><Axis which="j" /></span>
      <span class="corner across"><Axis which="i" /></span>
      <span class="corner see segments">
        <button aria-pressed={even} title="Spread the plane evenly in probability: the prior covers the square, each place as likely as any other (Gaussian CDF of each axis)" data-testid="scale" onClick={() => change({ scale: even ? 'linear' : 'cdf', camera: null })}>
          even prior
        </button>
        <button aria-label="Closer" title="Closer (wheel)" onClick={() => change({ camera: zoomed(0.8) })}><Icon name="plus" /></button>
        <button aria-label="Farther" title="Farther (wheel)" onClick={() => change({ camera: zoomed(1.25) })}><Icon name="minus" /></button>
        <button title="Show all points again (Home)" data-testid="reset-camera" disabled={camera === null} onClick={() => change({ camera: null })}>fit</button>
      </span>
    </>
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
      title="A dimension of the code, or PC: the plane in which the codes vary most" onChange={(event) => choose(event.currentTarget.value)}>
      <option value="pca">PC{place + 1}</option>
      {Array.from({ length: d }, (_, k) => <option key={k} value={String(k)}>z{k + 1}</option>)}
    </select>
  )
}
