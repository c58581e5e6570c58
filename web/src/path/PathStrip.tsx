import { computed, effect, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { spread } from '../latent/camera'
import { pin, setPath } from '../state/actions'
import { latestWins } from '../state/latest'
import { axes } from '../state/plane'
import * as store from '../state/store'
import { together } from '../state/together'
import { change, view } from '../state/view'
import { imagesOf } from '../selection/csv'
import { fixed } from '../ui/number'
import { Panel } from '../ui/Panel'
import { Sheet } from '../ui/Sheet'
import { across, between } from './between'

const FRAMES = 12
const MOST_CLASSES = 20

interface Frame {
  z: number[]
  x: Float32Array
  /** Name and index of the class it was decoded as, where that is what differs. */
  label?: string
  cls?: number
}

const strip = signal<Frame[]>([])
const images = computed(() => strip.value.map((frame) => frame.x))

const decode = latestWins(async (codes: number[][], classes: Uint8Array | number | null, labels: string[] | null) => {
  const x = (await store.engines.value?.patient.decode(Float32Array.from(codes.flat()), classes).catch(() => null))?.mean
  if (!x) return
  const each = x.length / codes.length
  const frames = codes.map((z, i) => ({ z, x: x.slice(i * each, (i + 1) * each), ...(labels ? { label: labels[i]!, cls: i } : {}) }))
  together(() => (strip.value = frames))
})

function keepStripDecoded(): () => void {
  return effect(() => {
    const about = store.manifest.value
    const { path, z, cls } = view.value
    const d = about?.latent
    if (!about || !store.calm.value || z?.length !== d) strip.value = []
    else if (path && path.from.length === d) decode(between(path, FRAMES), cls, null)
    else if (about.conditional.decoder) {
      const classes = about.data.classes.slice(0, MOST_CLASSES)
      decode(classes.map(() => z!), Uint8Array.from(classes, (_, k) => k), classes)
    } else decode(across(z!, axes.value.origin, axes.value.e1, spread.value, FRAMES), cls, null)
  })
}

/** The way from A to B decoded; without a path, the pin as every class, or what lies to its left and right. */
export function PathStrip() {
  useEffect(keepStripDecoded, [])
  const { path, z, cls } = view.value
  const about = store.manifest.value
  if (!about) return null
  const conditional = about.conditional.decoder
  if (view.value.lecture && !path && !conditional) return null // the plane needs the room
  const end = (name: 'from' | 'to') => z && setPath({ kind: path?.kind ?? 'straight', from: path?.from ?? z, to: path?.to ?? z, [name]: z })
  const title = path ? 'From A to B' : conditional ? 'This code as every class' : `Along ${axes.value.labels[0]} through the point`
  return (
    <Panel id="path" numbers={() => imagesOf(strip.value)} title={title} about="Decoded images along a way through the latent space. The tool “path A–B” draws one."
      tools={
        <>
          {conditional && (
            <label class="inline">class
              <select value={cls ?? 0} data-testid="class-switch" onChange={(event) => change({ cls: Number(event.currentTarget.value) })}>
                {about.data.classes.map((name, k) => <option key={k} value={k}>{name}</option>)}
              </select>
            </label>
          )}
          <span class="segments">
            <button onClick={() => end('from')} disabled={!z} data-about="Begin the path at the point" data-testid="path-a">A = point</button>
            <button onClick={() => end('to')} disabled={!z} data-about="End the path at the point" data-testid="path-b">B = point</button>
          </span>
          {path && (
            <span class="segments">
              <button data-testid="path-kind" data-about="Straight through the space, or along the sphere, where a normal prior has its mass in many dimensions" onClick={() => setPath({ ...path, kind: path.kind === 'straight' ? 'spherical' : 'straight' })}>{path.kind}</button>
              <button onClick={() => setPath({ ...path, from: path.to, to: path.from })}>swap</button>
              <button onClick={() => setPath(null)} data-testid="path-clear">clear</button>
            </span>
          )}
        </>
      }>
      <Sheet images={images.value} columns={Math.max(FRAMES, images.value.length)} testid="strip">
        {strip.value.map((frame, i) => (
          <button key={i} class={frame.cls !== undefined && frame.cls === cls ? 'frame chosen' : 'frame'} data-about={frame.label ?? `z = ${frame.z.slice(0, 3).map((v) => fixed(v, 2)).join(', ')}`}
            aria-label={frame.label ?? `decoded, ${i + 1} of ${strip.value.length}`} onMouseEnter={() => (store.marked.value = frame.z)} onMouseLeave={() => (store.marked.value = null)}
            onFocus={() => (store.marked.value = frame.z)} onClick={() => (frame.cls === undefined ? pin(frame.z) : change({ cls: frame.cls }))} />
        ))}
      </Sheet>
    </Panel>
  )
}
