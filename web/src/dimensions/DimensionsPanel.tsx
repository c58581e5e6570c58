import { pin, setPlane } from '../state/actions'
import * as store from '../state/store'
import { view } from '../state/view'
import { summary } from '../readings/Readings'
import { ACTIVE } from '../readings/summary'
import { Panel } from '../ui/tip'

const REACH = 3.5

/** The dimensions by rate, each with a slider that moves the pin. */
export function DimensionsPanel() {
  const about = store.manifest.value
  const codes = summary.value
  if (!about || !codes) return null
  const d = about.latent
  const z = view.value.z?.length === d ? view.value.z : new Array<number>(d).fill(0)
  const order = Array.from({ length: d }, (_, k) => k).sort((a, b) => codes.rates[b]! - codes.rates[a]!)
  const largest = Math.max(...codes.rates, 1e-9)
  const move = (k: number, value: number) => pin(z.map((entry, m) => (m === k ? value : entry)))
  return (
    <Panel id="dimensions" title="Dimensions by rate" about="KL(q(z_k|x) || N(0, 1)) in nats, mean over the images: how much each dimension says. Grey: inactive, its mean hardly moves."
      tools={<button onClick={() => pin(new Array<number>(d).fill(0))} data-testid="pin-zero">z = 0</button>}>
      <div class="dimensions scroll">
        {order.map((k) => {
          const inactive = codes.moved[k]! <= ACTIVE
          const shown = view.value.plane.kind === 'axes' && (view.value.plane.i === k || view.value.plane.j === k)
          return (
            <div key={k} class={inactive ? 'dimension inactive' : 'dimension'} title={inactive ? `z${k + 1} is inactive: its mean varies by ${codes.moved[k]!.toExponential(1)}` : undefined}>
              <button class="name" aria-pressed={shown} disabled={d < 3} title={`Show z${k + 1} across`} onClick={() => setPlane({ kind: 'axes', i: k, j: order.find((other) => other !== k)! })}>z{k + 1}</button>
              <span class="bar"><i style={{ width: `${(100 * codes.rates[k]!) / largest}%` }} /></span>
              <span class="numbers">{codes.rates[k]!.toFixed(2)}</span>
              <input type="range" min={-REACH} max={REACH} step={0.01} value={z[k]} aria-label={`z${k + 1} of the pin`} data-testid={`slider-${k}`} onInput={(event) => move(k, Number(event.currentTarget.value))} />
              <input type="number" step={0.1} value={Number(z[k]!.toFixed(3))} aria-label={`z${k + 1} of the pin, typed`} data-testid={`typed-${k}`} onChange={(event) => move(k, Number(event.currentTarget.value) || 0)} />
            </div>
          )
        })}
      </div>
    </Panel>
  )
}
