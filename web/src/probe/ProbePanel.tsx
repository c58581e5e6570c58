import { pickImage } from '../state/actions'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Icon } from '../ui/Icon'
import { Panel } from '../ui/Panel'
import { Still } from '../ui/Picture'
import { DrawingPad } from './DrawingPad'
import { ErrorMap } from './ErrorMap'
import { centred, draws, ink, readAs, result, seen, SIDE } from './probe'

/** Draw, or take a test image: see its code and what the decoder makes of it. */
export function ProbePanel() {
  const about = store.manifest.value
  if (!about || !store.images.value) return null
  const { probe } = view.value
  const drawing = probe?.kind === 'drawing'
  const error = seen.value && result.value ? seen.value.reduce((sum, v, i) => sum + (v - result.value!.x[i]!) ** 2, 0) / seen.value.length : null
  const clear = () => {
    ink.value = new Float32Array(SIDE * SIDE)
    if (drawing) change({ probe: null })
  }
  return (
    <Panel id="probe" title="Probe" about="One image through the encoder and the decoder" tools={<ChooseImage />}>
      <div class="probe">
        <figure class="pad-figure">
          <DrawingPad />
          <figcaption>
            draw a digit
            <button class="quiet" onClick={clear} data-testid="clear-drawing">clear</button>
          </figcaption>
        </figure>
        <figure>
          <Still x={seen.value} testid="probe-seen" label="what the network sees" />
          <figcaption>net sees</figcaption>
        </figure>
        <figure>
          <Still x={result.value?.x ?? null} testid="probe-decoded" label="what the decoder makes of its code" />
          <figcaption>decoded</figcaption>
        </figure>
        <figure>
          <ErrorMap from={seen.value} to={result.value?.x ?? null} />
          <figcaption title="mean squared error per pixel, in units of the pixels">error</figcaption>
        </figure>
        <div class="probe-words">
          <b>{drawing ? 'your drawing' : probe ? (about.data.classes[store.images.value.labels[probe.index]!] ?? '') : ''}</b>
          <span class="numbers fine" title="mean squared error per pixel, in units of the pixels">{error !== null && `mse ${error.toFixed(4)}`}</span>
        </div>
      </div>
      <div class="row">
        <label class="inline" title="Scale and centre a drawing as MNIST's digits were: what the network knows"><input type="checkbox" checked={centred.value} onChange={(event) => (centred.value = event.currentTarget.checked)} /> centre as MNIST</label>
        <span class="grow" />
        <span class="segments">
          <button aria-pressed={draws.value === 0} title="Decode the mean of the posterior q(z|x)" data-testid="mean" onClick={() => (draws.value = 0)}>mean</button>
          <button aria-pressed={draws.value > 0} title="Decode a draw from the posterior q(z|x); again for another" data-testid="dice" onClick={() => (draws.value += 1)}><Icon name="die" /> draw z</button>
        </span>
      </div>
      {about.conditional.encoder && drawing && (
        <label class="setting">encode as class
          <select value={readAs.value ?? view.value.cls ?? 0} onChange={(event) => (readAs.value = Number(event.currentTarget.value))}>
            {about.data.classes.map((name, k) => <option key={k} value={k}>{name}</option>)}
          </select>
        </label>
      )}
      {store.probed.value && <CodeTable loc={store.probed.value.loc} scale={store.probed.value.scale} z={result.value?.z} />}
    </Panel>
  )
}

/** Which test image. */
function ChooseImage() {
  const images = store.images.value!
  const { probe, hidden } = view.value
  const index = probe?.kind === 'image' ? probe.index : null
  const step = (by: number) => pickImage(((index ?? 0) + by + images.count) % images.count)
  const random = () => {
    const shown = [...images.labels.keys()].filter((i) => !hidden.includes(images.labels[i]!))
    pickImage(shown[Math.floor(Math.random() * shown.length)] ?? 0)
  }
  return (
    <span class="segments">
      <button onClick={() => step(-1)} aria-label="Test image before" title="[" data-testid="probe-before"><Icon name="back" /></button>
      <input type="number" min={0} max={images.count - 1} value={index ?? ''} placeholder="image" aria-label="Test image number" data-testid="probe-index"
        onChange={(event) => pickImage(Math.max(0, Math.min(images.count - 1, Number(event.currentTarget.value) || 0)))} />
      <button onClick={() => step(1)} aria-label="Next test image" title="]" data-testid="probe-next"><Icon name="on" /></button>
      <button onClick={random} aria-label="A random test image" title="A random test image of the classes that are shown" data-testid="probe-random"><Icon name="die" /></button>
    </span>
  )
}

function CodeTable({ loc, scale, z }: { loc: Float32Array; scale: Float32Array; z?: number[] }) {
  return (
    <div class="codes scroll" tabIndex={0} role="region" aria-label="The code of the probed image">
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
