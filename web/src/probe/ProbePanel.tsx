import { effect, signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Manifest } from '../model/manifest'
import { fromByte } from '../model/pixels'
import { announce, pickImage } from '../state/actions'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/loading'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Still } from '../ui/Picture'
import { Panel } from '../ui/tip'
import { asImage } from './centre'
import { ErrorMap } from './ErrorMap'

const SIDE = 280
const PEN = 22

/** Darkness of what was drawn. */
const ink = signal(new Float32Array(SIDE * SIDE))
const centred = signal(true)
const read = signal<number | null>(null)
/** What the network sees, what it makes of it, and from which code. */
const seen = signal<Float32Array | null>(null)
const result = signal<{ x: Float32Array; z: number[] } | null>(null)
const dice = signal(0)

/** The drawing in the pixels' domain, the same in each channel. */
function drawn(about: Manifest): Float32Array {
  const [channels, height, width] = about.data.shape
  const one = asImage(ink.value, SIDE, [height, width], centred.value)
  const x = new Float32Array(channels * height * width)
  for (let c = 0; c < channels; c++) one.forEach((value, i) => (x[c * one.length + i] = fromByte(Math.round(255 * value), about.data.domain)))
  return x
}

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
}

const encode = latestWins(async (x: Float32Array, cls: number | null, decodeAs: number | null, roll: number, drawing: boolean) => {
  const engine = store.engines.value?.patient
  if (!engine) return
  try {
    const code = await engine.encode(x, cls)
    const z = Array.from(code.loc, (entry, k) => (roll ? entry + normal() * code.scale[k]! : entry))
    const decoded = await engine.decode(Float32Array.from(z), decodeAs)
    store.probed.value = code
    result.value = { x: decoded, z }
    if (drawing) change({ z: Array.from(code.loc) })
  } catch {
    // another run has been opened meanwhile
  }
})

/** Encode whatever is probed whenever it, the weights or the class change. */
export function keepProbeEncoded(): void {
  effect(() => {
    const about = store.manifest.value
    const { probe, cls } = view.value
    void [store.snapshot.value, ink.value, centred.value]
    if (!about || !store.snapshot.value || !probe || !store.images.value) {
      seen.value = store.probed.value = result.value = null
      return
    }
    const image = probe.kind === 'image' ? Math.min(probe.index, about.images.count - 1) : null
    const x = image === null ? drawn(about) : pixelsOf(image)
    const label = image === null ? (read.value ?? cls ?? 0) : store.images.value.labels[image]!
    seen.value = x
    encode(x, about.conditional.encoder ? label : null, about.conditional.decoder ? label : cls, dice.value, image === null)
  })
}

/** Draw, or take a test image: see its code and what the decoder makes of it. */
export function ProbePanel() {
  const about = store.manifest.value
  if (!about || !store.images.value) return null
  const { probe } = view.value
  const images = store.images.value
  const index = probe?.kind === 'image' ? probe.index : null
  const step = (by: number) => pickImage(((index ?? 0) + by + images.count) % images.count)
  const random = () => {
    const shown = [...images.labels.keys()].filter((i) => !view.value.hidden.includes(images.labels[i]!))
    pickImage(shown[Math.floor(Math.random() * shown.length)] ?? 0)
  }
  const error = seen.value && result.value ? seen.value.reduce((sum, v, i) => sum + (v - result.value!.x[i]!) ** 2, 0) / seen.value.length : null
  return (
    <Panel id="probe" title="Probe" about="One image through the encoder and the decoder">
      <div class="row">
        <span class="group">
          <button onClick={() => step(-1)} aria-label="Test image before" data-testid="probe-before">‹</button>
          <label class="inline">
            <span class="hidden-text">Test image number</span>
            <input type="number" min={0} max={images.count - 1} value={index ?? ''} placeholder="image" data-testid="probe-index" onChange={(event) => pickImage(Math.max(0, Math.min(images.count - 1, Number(event.currentTarget.value) || 0)))} />
          </label>
          <button onClick={() => step(1)} aria-label="Next test image" data-testid="probe-next">›</button>
          <button onClick={random} title="A random test image of the classes that are shown" data-testid="probe-random">random</button>
        </span>
      </div>
      <div class="probe">
        <figure>
          <DrawingPad />
          <figcaption>draw</figcaption>
        </figure>
        <figure>
          <Still x={seen.value} side={92} testid="probe-seen" label="what the network sees" />
          <figcaption>{index === null ? 'net sees' : `image ${index}: ${about.data.classes[images.labels[index]!] ?? ''}`}</figcaption>
        </figure>
        <figure>
          <Still x={result.value?.x ?? null} side={92} testid="probe-decoded" label="what the decoder makes of its code" />
          <figcaption>decoded</figcaption>
        </figure>
        <figure>
          <ErrorMap from={seen.value} to={result.value?.x ?? null} />
          <figcaption>{error === null ? 'error' : `error, mean² ${error.toFixed(4)}`}</figcaption>
        </figure>
      </div>
      <div class="row">
        <label class="inline"><input type="checkbox" checked={centred.value} onChange={(event) => (centred.value = event.currentTarget.checked)} /> centre as MNIST</label>
        <button onClick={() => { ink.value = new Float32Array(SIDE * SIDE); if (probe?.kind === 'drawing') change({ probe: null }) }} data-testid="clear-drawing">clear</button>
        <button aria-pressed={dice.value > 0} title="Decode a draw from the posterior q(z|x) instead of its mean" data-testid="dice" onClick={() => (dice.value += 1)}>⚄ draw z</button>
        {dice.value > 0 && <button onClick={() => (dice.value = 0)}>mean</button>}
      </div>
      {about.conditional.encoder && probe?.kind === 'drawing' && (
        <label class="inline">encode as class
          <select value={read.value ?? view.value.cls ?? 0} onChange={(event) => (read.value = Number(event.currentTarget.value))}>
            {about.data.classes.map((name, k) => <option key={k} value={k}>{name}</option>)}
          </select>
        </label>
      )}
      {store.probed.value && <CodeTable loc={store.probed.value.loc} scale={store.probed.value.scale} z={result.value?.z} />}
    </Panel>
  )
}

function CodeTable({ loc, scale, z }: { loc: Float32Array; scale: Float32Array; z?: number[] }) {
  return (
    <div class="codes scroll">
      <table>
        <thead><tr><th></th><th title="mean of q(z|x)">loc</th><th title="standard deviation of q(z|x)">scale</th><th title="the code that is decoded">z</th></tr></thead>
        <tbody>
          {Array.from(loc, (entry, k) => (
            <tr key={k}><th>z{k + 1}</th><td>{entry.toFixed(3)}</td><td>{scale[k]!.toFixed(3)}</td><td>{z?.[k]?.toFixed(3)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function DrawingPad() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef<[number, number] | null>(null)
  useEffect(
    () =>
      effect(() => {
        const context = canvas.current!.getContext('2d', { willReadFrequently: true })!
        if (ink.value.every((value) => value === 0)) context.clearRect(0, 0, SIDE, SIDE)
      }),
    [],
  )
  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect()
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height]
  }
  const stroke = (event: PointerEvent) => {
    if (!last.current) return
    const context = canvas.current!.getContext('2d', { willReadFrequently: true })!
    const to = at(event)
    context.strokeStyle = '#fff'
    context.lineWidth = PEN
    context.lineCap = 'round'
    context.beginPath()
    context.moveTo(...last.current)
    context.lineTo(...to)
    context.stroke()
    last.current = to
    const { data } = context.getImageData(0, 0, SIDE, SIDE)
    ink.value = Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i + 3]! / 255)
    if (view.value.probe?.kind !== 'drawing') change({ probe: { kind: 'drawing' } })
  }
  return (
    <canvas ref={canvas} class="pad" width={SIDE} height={SIDE} data-testid="pad" role="img" aria-label="Drawing pad; without a pointer, choose a test image by its number above"
      onPointerDown={(event) => { canvas.current!.setPointerCapture(event.pointerId); last.current = at(event); stroke(event) }}
      onPointerMove={stroke} onPointerUp={() => { last.current = null; announce('drawing encoded') }} />
  )
}
