import { pin, setPlane } from '../state/actions'
import * as store from '../state/store'
import { view } from '../state/view'
import { summary } from '../readings/current'
import { short } from '../readings/short'
import { ACTIVE } from '../readings/summary'
import { normal } from '../probe/probe'
import { Icon } from '../ui/Icon'
import { Panel } from '../ui/Panel'
import { Picture } from '../ui/Picture'
import { Marginal } from './Marginal'
import { reachOf } from './marginals'

let steady: number[] = []

/** The dimensions, the largest rate first; they keep their places under the hand while a training is followed. */
function orderOf(rates: Float64Array): number[] {
  if (steady.length !== rates.length || store.calm.value?.index !== null) {
    steady = Array.from(rates, (_, k) => k).sort((a, b) => rates[b]! - rates[a]!)
  }
  return steady
}

/** The pin decoded, and its dimensions by rate, each with a slider that moves it over the codes of all images. */
export function DimensionsPanel() {
  const about = store.manifest.value
  const codes = summary.value
  if (!about || !codes) return null
  const d = about.latent
  const z = view.value.z?.length === d ? view.value.z : new Array<number>(d).fill(0)
  const order = orderOf(codes.rates)
  const largest = Math.max(...codes.rates, 1e-9)
  const { plane } = view.value
  const move = (k: number, value: number) => pin(z.map((entry, m) => (m === k ? value : entry)))
  return (
    <Panel id="dimensions" title="Pin" about="The pinned code decoded. Below, its dimensions by their rate: KL(q(z_k|x) || N(0, 1)) in nats, mean over the images. Grey: inactive, its mean hardly moves."
      tools={
        <span class="segments">
          <button onClick={() => pin(new Array<number>(d).fill(0))} title="The middle of the prior" data-testid="pin-zero">z = 0</button>
          <button onClick={() => pin(Array.from({ length: d }, normal))} title="A draw from N(0, 1)" data-testid="pin-draw"><Icon name="die" /> N(0, 1)</button>
        </span>
      }>
      <div class="pin">
        <Picture of={store.pinned} testid="pinned" label="the pinned code decoded" />
        <div class="dimensions scroll" tabIndex={0} role="region" aria-label="Dimensions by rate">
          {order.map((k) => {
            const inactive = codes.moved[k]! <= ACTIVE
            const shown = plane.kind === 'axes' && (plane.i === k || plane.j === k)
            const reach = reachOf(codes, k)
            return (
              <div key={k} class={inactive ? 'dimension inactive' : 'dimension'} title={inactive ? `z${k + 1} is inactive: its mean varies by ${codes.moved[k]!.toExponential(1)}` : undefined}>
                <button class="name" aria-pressed={shown} disabled={d < 3} title={d < 3 ? undefined : `Show z${k + 1} across`} onClick={() => setPlane({ kind: 'axes', i: k, j: order.find((other) => other !== k)! })}>z{k + 1}</button>
                <span class="rate" title={`rate of z${k + 1}: ${codes.rates[k]!.toFixed(3)} nats per image`}><i style={{ width: `${(100 * codes.rates[k]!) / largest}%` }} /><b class="numbers">{short(codes.rates[k]!, 2)}</b></span>
                <span class="over">
                  <Marginal k={k} reach={reach} />
                  <input type="range" min={-reach} max={reach} step={0.01} value={z[k]} aria-label={`z${k + 1} of the pin`} data-testid={`slider-${k}`} onInput={(event) => move(k, Number(event.currentTarget.value))} />
                </span>
                <input type="number" step={0.1} value={Number(z[k]!.toFixed(2))} aria-label={`z${k + 1} of the pin, typed`} data-testid={`typed-${k}`} onChange={(event) => move(k, Number(event.currentTarget.value) || 0)} />
              </div>
            )
          })}
        </div>
      </div>
    </Panel>
  )
}
