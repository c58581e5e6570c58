import { effect, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { pin, setPath } from '../state/actions'
import { latestWins } from '../state/latest'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Still } from '../ui/Picture'
import { Panel } from '../ui/tip'
import { between } from './between'

const FRAMES = 12
const strip = signal<{ z: number[]; x: Float32Array; label?: string; cls?: number }[]>([])

const decode = latestWins(async (codes: number[][], classes: Uint8Array | number | null, labels: string[] | null) => {
  const x = await store.engines.value?.patient.decode(Float32Array.from(codes.flat()), classes).catch(() => null)
  if (!x) return
  const each = x.length / codes.length
  strip.value = codes.map((z, i) => ({ z, x: x.slice(i * each, (i + 1) * each), ...(labels ? { label: labels[i]!, cls: i } : {}) }))
})

/** The way from A to B decoded; without a path, a conditional model's pin as every class. */
export function PathStrip() {
  useEffect(
    () =>
      effect(() => {
        const about = store.manifest.value
        const { path, z, cls } = view.value
        if (!about || !store.snapshot.value) strip.value = []
        else if (path?.from.length === about.latent) decode(between(path, FRAMES), cls, null)
        else if (about.conditional.decoder && z?.length === about.latent) {
          const classes = about.data.classes.slice(0, 20)
          decode(classes.map(() => z), Uint8Array.from(classes, (_, k) => k), classes)
        } else strip.value = []
      }),
    [],
  )
  const { path, z, cls } = view.value
  const about = store.manifest.value
  if (!about) return null
  const conditional = about.conditional.decoder
  const end = (name: 'from' | 'to') => z && setPath({ kind: path?.kind ?? 'straight', from: path?.from ?? z, to: path?.to ?? z, [name]: z })
  return (
    <Panel id="path" title={path || !conditional ? 'Path' : 'One code as every class'} about="Decoded images along the way from A to B"
      tools={
        <>
          <button onClick={() => end('from')} disabled={!z} title="Begin the path at the pin" data-testid="path-a">A = pin</button>
          <button onClick={() => end('to')} disabled={!z} title="End the path at the pin" data-testid="path-b">B = pin</button>
          {path && (
            <>
              <button data-testid="path-kind" title="Straight through the space, or along the sphere, where a normal prior has its mass in many dimensions" onClick={() => setPath({ ...path, kind: path.kind === 'straight' ? 'spherical' : 'straight' })}>{path.kind}</button>
              <button onClick={() => setPath({ ...path, from: path.to, to: path.from })}>swap</button>
              <button onClick={() => setPath(null)} data-testid="path-clear">clear</button>
            </>
          )}
          {conditional && (
            <label class="inline">class
              <select value={cls ?? 0} data-testid="class-switch" onChange={(event) => change({ cls: Number(event.currentTarget.value) })}>
                {about.data.classes.map((name, k) => <option key={k} value={k}>{name}</option>)}
              </select>
            </label>
          )}
        </>
      }>
      <div class="strip" data-testid="strip" onMouseLeave={() => (store.marked.value = null)}>
        {strip.value.map((frame, i) => (
          <button key={i} class={frame.cls !== undefined && frame.cls === cls ? 'frame chosen' : 'frame'} title={frame.label ?? `z = ${frame.z.slice(0, 3).map((v) => v.toFixed(2)).join(', ')}`}
            onMouseEnter={() => (store.marked.value = frame.z)} onFocus={() => (store.marked.value = frame.z)} onClick={() => (frame.cls === undefined ? pin(frame.z) : change({ cls: frame.cls }))}>
            <Still x={frame.x} side={52} label={frame.label ?? `decoded, ${i + 1} of ${strip.value.length}`} />
          </button>
        ))}
        {strip.value.length === 0 && <p class="fine">Choose the tool “path A–B” and drag over the latent space, or set A and B from the pin.</p>}
      </div>
    </Panel>
  )
}
