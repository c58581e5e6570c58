import { computed } from '@preact/signals'
import { size } from '../latent/camera'
import { changes } from '../state/changes'
import { showStep } from '../state/loading'
import * as store from '../state/store'
import { short } from '../ui/number'
import { Panel } from '../ui/Panel'
import { current } from './current'
import { betaAt, trailOf, windowOf } from './trail'

const WIDTH = 240
const TALL = 150
/** Where the plane is so low that its panels are, too, in CSS pixels. */
const LOW = 520
const SMALL = 88
/** Left of the plane and below it, for the axes. */
const LEFT = 34
const BELOW = 28

const low = computed(() => size.value.height < LOW)

/** The run's way through the plane of rate and distortion, and what beta makes of it. */
export function RatePlane() {
  const about = store.manifest.value
  const shown = store.calm.value
  if (!about || !shown) return null
  const trail = trailOf(about.steps)
  if (trail.length < 2) return null
  const terms = current.value
  const HEIGHT = low.value ? SMALL : TALL
  const [left, right, bottom, top] = windowOf(trail)
  const x = (rate: number) => LEFT + ((rate - left) / (right - left)) * (WIDTH - LEFT)
  const y = (distortion: number) => ((top - distortion) / (top - bottom)) * (HEIGHT - BELOW)
  const above = trail.filter(({ distortion }) => distortion > top).length
  const beta = betaAt(store.metrics.value, changes.value, shown.step)
  /** The line through the place that is shown along which distortion + weight x rate is the same. */
  const line = (weight: number) => {
    const at = (rate: number) => terms!.distortion_nats + weight * (terms!.rate_nats - rate)
    return { x1: x(left), y1: y(at(left)), x2: x(right), y2: y(at(right)) }
  }
  return (
    <Panel id="rate-plane" title="Rate and distortion" about="Each dot is a kept step. Down is better images, left is a cheaper code; the dashed line joins places of equal ELBO, the full one those of equal loss: its slope is −beta, and training moves the dot to where it touches the lowest"
      numbers={() => [['step', 'rate_nats', 'distortion_nats'], ...trail.map(({ step, rate, distortion }) => [step, rate, distortion])]}>
      <svg class="rate-plane" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={terms ? `rate ${short(terms.rate_nats, 2)}, distortion ${short(terms.distortion_nats, 2)} nats` : 'rate and distortion'}>
        <defs><clipPath id="rate-plane-inside"><rect x={LEFT} y={0} width={WIDTH - LEFT} height={HEIGHT - BELOW} /></clipPath></defs>
        <path class="axis" d={`M${LEFT} 0V${HEIGHT - BELOW}H${WIDTH}`} />
        <g clip-path="url(#rate-plane-inside)">
          {terms && <line class="elbo" {...line(1)} />}
          {terms && beta !== null && beta !== 1 && <line class="price" {...line(beta)} />}
          <polyline class="trail" points={trail.map(({ rate, distortion }) => `${x(rate)},${y(distortion)}`).join(' ')} />
          {trail.map(({ step, rate, distortion }) => <circle key={step} class="kept" cx={x(rate)} cy={y(distortion)} r="3" onClick={() => void showStep(step)} />)}
          {terms && <circle class="now" cx={x(terms.rate_nats)} cy={y(terms.distortion_nats)} r="5" data-testid="rate-plane-now" />}
        </g>
        <text x={LEFT} y={HEIGHT - BELOW + 12}>{short(left, 0)}</text>
        <text x={WIDTH} y={HEIGHT - BELOW + 12} text-anchor="end">{short(right, 1)}</text>
        <text x={(LEFT + WIDTH) / 2} y={HEIGHT - 3} text-anchor="middle">rate, nats per image</text>
        <text x={LEFT - 3} y="9" text-anchor="end">{short(top, 0)}</text>
        <text x={LEFT - 3} y={HEIGHT - BELOW} text-anchor="end">{short(bottom, 0)}</text>
        <text transform={`translate(9 ${(HEIGHT - BELOW) / 2}) rotate(-90)`} text-anchor="middle">distortion</text>
      </svg>
      <p class="fine">{above > 0 && `${above === 1 ? 'one step lies' : `${above} steps lie`} above; `}{beta === null ? 'dashed: equal ELBO' : `dashed: equal ELBO${beta === 1 ? ', which is the loss, for beta is 1' : `; full: equal loss, beta ${Number(beta.toPrecision(3))}`}`}</p>
    </Panel>
  )
}
