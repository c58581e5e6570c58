import { computed, effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { placeInWords } from '../state/actions'
import { axes, project, turn } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { ErrorMap } from '../probe/ErrorMap'
import { ScaleBar, ScaleMap } from '../probe/ScaleMap'
import { first, frame } from '../compare/frame'
import { fixed } from '../ui/number'
import { Picture } from '../ui/Picture'
import { camera, size, toScreen } from './camera'

const pinnedPlace = computed(() => (store.pinned.value ? placeInWords(store.pinned.value.z) : ''))
const decoded = computed(() => store.hovered.value ?? store.pinned.value)

/** What the decoder makes of the place under the pointer, or of the point; always in the same corner. */
export function Preview() {
  const here = decoded.value
  const about = store.manifest.value
  return (
    <section class="panel preview" id="preview" aria-label="Decoded here">
      <Picture of={decoded} testid="hovered" label={`what the decoder makes of this place: ${pinnedPlace.value}`} />
      <div>
        {frame !== null && frame > 0 && first.value?.length === here?.x.length && <ErrorMap from={first.value} to={here?.x ?? null} />}
        <p><b>{frame !== null && frame > 0 ? 'decoded here; less the first' : 'decoded here'}</b></p>
        <p class="numbers">{here && about ? `${view.value.lecture ? '' : turn.value ? 'z′ = ' : 'z = '}${Array.from(project(here.z, here.z.length, axes.value).slice(0, about.latent > 1 ? 2 : 1), (entry) => fixed(entry, view.value.lecture ? 1 : 2)).join(', ')}` : 'z'}</p>
        {about?.conditional.decoder && view.value.depth === 'play' && (
          <label class="inline">class
            <select data-testid="as-class" value={view.value.cls ?? 0} data-about="The class that the decoder is told (c: the next one)" onChange={(event) => change({ cls: Number(event.currentTarget.value) })}>
              {about.data.classes.map((name, k) => <option key={k} value={k}>{name}</option>)}
            </select>
          </label>
        )}
        {here?.scale && view.value.depth !== 'play' && (
          <div class="own-scale">
            <ScaleMap scale={here.scale} testid="here-scale" />
            <p class="fine">scale per pixel<br /><ScaleBar scale={here.scale} /></p>
          </div>
        )}
        {view.value.depth !== 'play' && <p class="fine">{here && placeInWords(here.z)}</p>}
      </div>
    </section>
  )
}

/** A thread from the place to its picture. */
export function Thread() {
  const svg = useRef<SVGSVGElement>(null)
  useLayoutEffect(() => { // ends as soon as the thread is taken away: what it follows goes on moving
    const element = svg.current!
    return effect(() => {
      const here = decoded.value
      void [camera.value, size.value, view.value.depth, view.value.lecture]
      const own = element.getBoundingClientRect()
      const box = document.getElementById('preview')?.getBoundingClientRect()
      let path = ''
      const place = here ? toScreen(...(Array.from(project(here.z, here.z.length, axes.value)) as [number, number])) : null
      if (box && place && own.width > 0) {
        const [x, y] = place
        const left = box.left - own.left
        const end = box.top - own.top + Math.min(box.height / 2, 90)
        const inside = x > left && y < box.bottom - own.top
        if (!inside && x >= 0 && y >= 0 && x <= own.width && y <= own.height) path = x < left ? `M${x} ${y}C${(x + left) / 2} ${y} ${(x + left) / 2} ${end} ${left} ${end}` : `M${x} ${y}L${left + box.width / 2} ${box.bottom - own.top}`
      }
      element.querySelectorAll('path').forEach((line) => line.setAttribute('d', path))
    })
  }, [])
  return <svg class="thread" ref={svg} aria-hidden="true"><path /><path /></svg>
}
