import { pickImage } from '../state/actions'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Icon } from '../ui/Icon'
import { fixed } from '../ui/number'
import { NumberField } from '../ui/NumberField'
import { Panel } from '../ui/Panel'
import { Still } from '../ui/Picture'
import { DrawingPad } from './DrawingPad'
import { ErrorMap } from './ErrorMap'
import { ScaleBar, ScaleMap } from './ScaleMap'
import { takePicture } from './drop'
import { drawAgain, draws, dropped, inkOf, placed, readAs, result, seen, strokes } from './probe'

/** Draw, or take a test image: see its code and what the decoder makes of it. */
export function ProbePanel() {
  const about = store.manifest.value
  if (!about || !store.images.value) return null
  const { probe } = view.value
  const drawing = probe?.kind === 'drawing'
  const ink = inkOf(about)
  const pad = ink === null ? 'draw, light on grey' : `draw ${subject(about.data.classes)}`
  const error = seen.value && result.value ? seen.value.reduce((sum, v, i) => sum + (v - result.value!.decoded[i]!) ** 2, 0) / seen.value.length : null
  const clear = () => {
    strokes.value = []
    dropped.value = null
    draws.value = 0
    if (drawing) change({ probe: null })
  }
  return (
    <Panel id="probe" title="Probe" about="One image through the encoder and the decoder" tools={<ChooseImage />}>
      <div class="probe">
        <figure class="pad-figure">
          <DrawingPad />
          <figcaption>
            <span>
              {pad}, or take a <label class="own-picture" data-about="Encode a picture of your own; one that is dropped anywhere on the page, too. It is read here and sent nowhere.">
picture
              <input type="file" accept="image/*" data-testid="own-picture" aria-label="A picture of your own" onChange={(event) => {
                const [file] = event.currentTarget.files!
                if (file) void takePicture(file)
                event.currentTarget.value = ''
              }} /></label>
            </span>
            <button class="quiet" onClick={clear} data-testid="clear-drawing">clear</button>
          </figcaption>
        </figure>
        <figure>
          <Still x={seen.value} testid="probe-seen" label="what the network sees" />
          <figcaption>what the encoder gets</figcaption>
        </figure>
        <figure>
          <Still x={result.value?.decoded ?? null} testid="probe-decoded" label="what the decoder makes of its code" />
          <figcaption>{about.levels ? 'the upper level alone' : 'decoded: the mean'}</figcaption>
        </figure>
        {result.value?.draw && (
          <figure>
            <Still x={result.value.draw} testid="probe-draw" label="an image drawn from p(x|z)" />
            <figcaption data-about="An image drawn from p(x|z): the decoded picture is its mean, and each pixel is as uncertain as the likelihood says. What the mean leaves blurred, the model takes for noise.">
              a draw{store.calm.value?.likelihoodScale ? `, scale ${fixed(store.calm.value.likelihoodScale, 2)} a pixel` : ''}
            </figcaption>
          </figure>
        )}
        {result.value?.pixelScale && (
          <figure>
            <ScaleMap scale={result.value.pixelScale} testid="probe-scale" />
            <figcaption>scale<br /><ScaleBar scale={result.value.pixelScale} /></figcaption>
          </figure>
        )}
        <figure>
          <ErrorMap from={seen.value} to={result.value?.decoded ?? null} />
          <figcaption data-about="mean squared error per pixel, in units of the pixels">error</figcaption>
        </figure>
        <div class="probe-words">
          <b>{drawing ? (dropped.value ? 'your picture' : 'your drawing') : probe ? (about.data.classes[store.images.value.labels[probe.index]!] ?? '') : ''}</b>
          <span class="numbers fine" data-about="mean squared error per pixel, in units of the pixels">{error !== null && `mse ${fixed(error, 4)}`}</span>
        </div>
      </div>
      <div class="row">
        {ink && (
          <label class="inline" data-about={`Make a drawing as the training images are: its longer side ${fixed(ink.longest, 0)} pixels, its ${ink.centre === 'mass' ? 'centre of mass' : 'middle'} at their place. Strokes are ${fixed(ink.stroke, 1)} pixels wide either way; all measured on the training images.`}>
            <input type="checkbox" checked={placed.value} onChange={(event) => (placed.value = event.currentTarget.checked)} data-testid="placed" /> size as trained
          </label>
        )}
        <span class="grow" />
        <span class="segments">
          <button aria-pressed={draws.value === 0} data-about="Decode the mean of the posterior q(z|x)" data-testid="mean" onClick={() => (draws.value = 0)}>mean</button>
          <button aria-pressed={draws.value > 0} data-about="Decode a draw from the posterior q(z|x); again for another" data-testid="dice" onClick={() => drawAgain()}><Icon name="die" /> draw z</button>
          <button data-about="Ten draws one after the other; each leaves its mark" aria-label="draw ×10" data-testid="dice-ten" onClick={() => drawAgain(10)}>×10</button>
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

/** What one draws, by the names of the classes. */
function subject(classes: string[]): string {
  const all = (pattern: RegExp) => classes.length > 1 && classes.every((name) => pattern.test(name))
  return all(/^\d$/) ? 'a digit' : all(/^\p{L}$/u) ? 'a letter' : 'a shape'
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
      <button onClick={() => step(-1)} aria-label="Test image before" data-about="[" data-testid="probe-before"><Icon name="back" /></button>
      <NumberField least={0} most={images.count - 1} whole value={index} placeholder="image" label="Test image number" testid="probe-index" change={pickImage} />
      <button onClick={() => step(1)} aria-label="Next test image" data-about="]" data-testid="probe-next"><Icon name="on" /></button>
      <button onClick={random} aria-label="A random test image" data-about="A random test image of the classes that are shown" data-testid="probe-random"><Icon name="die" /></button>
    </span>
  )
}

function CodeTable({ loc, scale, z }: { loc: Float32Array; scale: Float32Array; z?: number[] }) {
  return (
    <div class="codes scroll" tabIndex={0} role="region" aria-label="The code of the probed image">
      <table>
        <thead><tr><th></th><th data-about="mean of q(z|x)">loc</th><th data-about="standard deviation of q(z|x)">scale</th><th data-about="the code that is decoded">z</th></tr></thead>
        <tbody>
          {Array.from(loc, (entry, k) => (
            <tr key={k}><th>z{k + 1}</th><td>{fixed(entry, 3)}</td><td>{fixed(scale[k]!, 3)}</td><td>{z?.[k] !== undefined && fixed(z[k]!, 3)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
