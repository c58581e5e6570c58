import { pin, setPlane } from '../state/actions'
import { drawPrior } from '../state/prior'
import * as store from '../state/store'
import { view } from '../state/view'
import { summary } from '../readings/current'
import { ACTIVE } from '../readings/summary'
import { normal } from '../latent/normal'
import { Icon } from '../ui/Icon'
import { exponential, fixed, short } from '../ui/number'
import { NumberField } from '../ui/NumberField'
import { Panel } from '../ui/Panel'
import { Picture } from '../ui/Picture'
import { Marginal } from './Marginal'
import { reachOf } from './marginals'

/** An address holds no code that is farther out. */
const FARTHEST = 1e5

let steady: { of: string; order: number[] } = { of: '', order: [] }

/** The dimensions, the largest rate first as the run was opened; they keep their places, whatever step is shown. */
function orderOf(rates: Float64Array): number[] {
  const of = store.manifest.value!.run.name
  if (steady.of !== of || steady.order.length !== rates.length) {
    steady = { of, order: Array.from(rates, (_, k) => k).sort((a, b) => rates[b]! - rates[a]!) }
  }
  return steady.order
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
  const own = store.calm.value?.prior ?? null
  const drawn = () => {
    const epsilon = Array.from({ length: d }, () => normal())
    pin(own ? drawPrior(own, view.value.cls, Math.random(), epsilon) : epsilon)
  }
  const move = (k: number, value: number) => pin(z.map((entry, m) => (m === k ? value : entry)))
  return (
    <Panel id="dimensions" numbers={() => [['dimension', 'z', 'rate (nats per image)', 'mean of q(z)', 'variance of q(z)', 'variance of the means'], ...order.map((k) => [`z${k + 1}`, z[k], codes.rates[k], codes.mean[k], codes.variance[k], codes.moved[k]])]} title="Point" about="The selected code z decoded. Below, its dimensions by their rate: KL(q(z_k|x) ‖ N(0, 1)) in nats, mean over the images. Grey: inactive, its mean hardly moves."
      tools={
        <span class="segments">
          <button onClick={() => pin(new Array<number>(d).fill(0))} data-about="The middle of the prior" data-testid="pin-zero">z = 0</button>
          <button onClick={drawn} data-about={own ? `A draw from the model's own prior (${about.prior.kind})` : 'A draw from N(0, 1)'} data-testid="pin-draw"><Icon name="die" /> {own ? 'p(z)' : 'N(0, 1)'}</button>
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
              <div key={k} class={inactive ? 'dimension inactive' : 'dimension'} data-about={inactive ? `z${k + 1} is inactive: its mean varies by ${exponential(codes.moved[k]!)}` : undefined}>
                <button class="name" aria-pressed={shown} disabled={d < 3} data-about={d < 3 ? undefined : `Show z${k + 1} across`} onClick={() => setPlane({ kind: 'axes', i: k, j: order.find((other) => other !== k)! })}>z{k + 1}</button>
                <span class="rate" data-about={`rate of z${k + 1}: ${fixed(codes.rates[k]!, 3)} nats per image`}><i style={{ width: `${(100 * codes.rates[k]!) / largest}%` }} /><b class="numbers">{short(codes.rates[k]!, 2)}</b></span>
                <span class="over">
                  <Marginal k={k} reach={reach} />
                  <input type="range" min={-reach} max={reach} step={0.01} value={z[k]} aria-label={`z${k + 1} of the point`} data-testid={`slider-${k}`} onInput={(event) => move(k, Number(event.currentTarget.value))} />
                </span>
                <NumberField least={-FARTHEST} most={FARTHEST} step={0.1} value={Number(z[k]!.toFixed(2))} label={`z${k + 1} of the point, typed`} testid={`typed-${k}`} change={(to) => move(k, to!)} />
              </div>
            )
          })}
        </div>
      </div>
    </Panel>
  )
}
