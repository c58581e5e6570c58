import { computed, effect, signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { readInk, rgb } from '../latent/ink'
import type { Trace } from '../model/networks'
import { TOO_BRIGHT, TOO_DARK } from '../probe/ErrorMap'
import { probedClass, seen } from '../probe/probe'
import { latestWins } from '../state/latest'
import { resting } from '../state/resting'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { view } from '../state/view'
import { count, short } from '../ui/number'
import { folded, Panel } from '../ui/Panel'
import { type Layer, layersOf, MOST_CHANNELS, MOST_NUMBERS } from '../model/layers'

type Part = 'encoder' | 'decoder'

/** What the layers make of the probed image, and of the mean of its posterior. */
export const traced = signal<Trace | null>(null)

const layers = computed<Record<Part, Layer[]> | null>(() => {
  const { encoder, decoder } = store.manifest.value ?? {}
  return encoder && decoder ? { encoder: layersOf(encoder), decoder: layersOf(decoder) } : null
})

const trace = latestWins(async (x: Float32Array, z: Float32Array, encodeAs: number | null, decodeAs: number | null) => {
  const engine = store.engines.value?.patient
  const found = await engine?.trace(x, z, encodeAs, decodeAs)?.catch(() => null)
  if (found && store.engines.value?.patient === engine) traced.value = found
})

const cls = computed(() => view.value.cls)

/** Each layer of both networks: its name, shape and parameters, and its numbers for the probed image; computed while it is open and the step rests. */
export function LayersPanel() {
  useEffect(
    () =>
      effect(() => {
        const about = store.manifest.value
        const code = store.probed.value
        const label = probedClass.value
        if (folded.value.has('layers') || !about || !layers.value || !resting.value || !seen.value || code?.loc.length !== about.latent) traced.value = null
        else trace(seen.value, code.loc, about.conditional.encoder ? label : null, about.conditional.decoder ? label : cls.value)
      }),
    [],
  )
  const all = layers.value
  if (!all) return null
  const numbers = () => [['network', 'layer', 'shape', 'parameters'], ...(['encoder', 'decoder'] as const).flatMap((part) => all[part].map(({ name, shape, parameters }) => [part, name, shape.join(' x '), parameters]))]
  return (
    <Panel id="layers" title="Layers" numbers={numbers}
      about={`What each layer makes of the probed image, and of the mean of its posterior: of each its first ${MOST_CHANNELS} channels as pictures, or its first ${MOST_NUMBERS} numbers as bars. Orange is above 0, blue below, the strongest of the layer in full. The layers are those that this page computes: batch norms are in the weights before them, and linear layers without anything between are one.`}>
      {(['encoder', 'decoder'] as const).map((part) => (
        <div key={part}>
          <h3>{part} <span class="fine numbers">{count(all[part].reduce((sum, { parameters }) => sum + parameters, 0), 'parameter')}</span></h3>
          <ol class="layers">
            {all[part].map((layer, i) => (
              <li key={layer.out}>
                <span>{layer.name}{layer.gives && <b> = {layer.gives}</b>}</span>
                <span class="fine numbers">{layer.shape.join(' × ')}{layer.parameters > 0 && ` · ${short(layer.parameters, 0)}`}</span>
                <Values layer={layer} values={traced.value?.[part][i] ?? null} />
              </li>
            ))}
          </ol>
        </div>
      ))}
    </Panel>
  )
}

const GAP = 1
const BAR = 20

/** Channels beside each other, or numbers as bars from 0. */
function Values({ layer: { shape, name }, values }: { layer: Layer; values: Float32Array | null }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  const [channels, height, width] = shape.length === 3 ? (shape as [number, number, number]) : [0, 0, 0]
  const shown = Math.min(MOST_CHANNELS, channels)
  useLayoutEffect(() => {
    const element = canvas.current!
    const context = element.getContext('2d')!
    element.width = shape.length === 3 ? MOST_CHANNELS * (width + GAP) - GAP : 2 * MOST_NUMBERS
    element.height = shape.length === 3 ? height : 2 * BAR + 1
    if (!values) return
    const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-12)
    if (shape.length === 3) {
      const image = context.createImageData(width, height)
      for (let c = 0; c < shown; c++) {
        for (let i = 0; i < width * height; i++) {
          const part = values[c * width * height + i]! / most
          image.data.set([...(part > 0 ? TOO_BRIGHT : TOO_DARK), 255 * Math.abs(part)], 4 * i)
        }
        context.putImageData(image, c * (width + GAP), 0)
      }
      return
    }
    context.fillStyle = `rgb(${rgb(readInk().muted).join(' ')})`
    context.fillRect(0, BAR, 2 * values.length, 1)
    values.forEach((value, i) => {
      context.fillStyle = `rgb(${(value > 0 ? TOO_BRIGHT : TOO_DARK).join(' ')})`
      const tall = Math.round((BAR * Math.abs(value)) / most)
      context.fillRect(2 * i, value > 0 ? BAR - tall : BAR + 1, 1, tall)
    })
  }, [values, now, shape, width, height, shown])
  const said = shape.length === 3 ? `${shown} of ${count(channels, 'channel')}` : `${Math.min(MOST_NUMBERS, shape[0]!)} of ${count(shape[0]!, 'number')}`
  return <canvas ref={canvas} class={shape.length === 3 ? '' : 'bars'} role="img" aria-label={`${name}: ${said}`} />
}
