import { computed } from '@preact/signals'
import { short } from '../ui/number'
import { resting } from '../state/resting'
import * as store from '../state/store'
import { view } from '../state/view'
import { Panel } from '../ui/Panel'
import { Term } from '../ui/tips'
import { chiBelow, chiDensity, chiMean, histogram, normsOf, quantileOf } from './norms'

const WIDTH = 320
const HEIGHT = 96
const BELOW = 26
const BINS = 48
const CURVE = 120
/** Of the codes, what is shown. */
const FAR = 0.995

const norms = computed(() => {
  const shown = resting.value
  const d = store.manifest.value?.latent
  if (!shown || !d || shown.loc.length !== shown.count * d) return null
  const { means, draws } = normsOf(shown.loc, shown.scale, d)
  return { means, draws, far: Math.max(quantileOf(means, FAR), quantileOf(draws, FAR)), mean: quantileOf(means, 0.5), draw: quantileOf(draws, 0.5) }
})

/** How far codes are from the prior's mean: of more than two dimensions nearly none is close to it. */
export function NormsPanel() {
  const about = store.manifest.value
  const found = norms.value
  if (!about || !found || about.latent <= 2) return null
  const d = about.latent
  const { z } = view.value
  const point = z?.length === d ? Math.hypot(...z) : null
  const usual = chiMean(d)
  const reach = 1.05 * Math.max(usual + 3, found.far, Math.min(point ?? 0, 2 * usual + 6))
  const [means, draws] = [histogram(found.means, reach, BINS), histogram(found.draws, reach, BINS)]
  const curve = Array.from({ length: CURVE + 1 }, (_, i) => [(reach * i) / CURVE, chiDensity((reach * i) / CURVE, d)] as const)
  const top = 1.08 * Math.max(...means, ...draws, ...curve.map(([, density]) => density))
  const x = (r: number) => (WIDTH * Math.min(r, reach)) / reach
  const y = (density: number) => (HEIGHT - BELOW) * (1 - density / top)
  const bars = (values: Float64Array) => `M0 ${HEIGHT - BELOW}${Array.from(values, (density, bin) => `V${y(density).toFixed(2)}H${x(((bin + 1) * reach) / BINS).toFixed(2)}`).join('')}V${HEIGHT - BELOW}Z`
  const ticks = Array.from({ length: 20 }, (_, i) => i * (reach > 12 ? 4 : 2)).filter((r) => r < reach)
  const nearer = point === null ? null : chiBelow(point, d)
  const images = resting.value!.imageOf
  return (
    <Panel id="norms" title="Norms" about="How far codes are from z = 0, the mean of the prior N(0, I). No place is denser than that mean, yet a ball around it holds next to nothing: nearly all of the prior lies in a shell. A decoder is hardly ever trained in its middle."
      numbers={() => [['image', 'norm of the mean', 'norm of a draw from q(z|x)'], ...Array.from(found.means, (norm, i) => [images[i], norm, found.draws[i]])]}>
      <svg class="norms" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Norms of codes: N(0, I) about ${short(usual, 1)}, means ${short(found.mean, 1)}, draws ${short(found.draw, 1)}`}>
        <path class="draws" d={bars(draws)} />
        <path class="means" d={bars(means)} />
        <polyline class="chi" points={curve.map(([r, density]) => `${x(r).toFixed(2)},${y(density).toFixed(2)}`).join(' ')} />
        {point !== null && <line class="point" x1={x(point)} x2={x(point)} y1="0" y2={HEIGHT - BELOW} />}
        <path class="axis" d={`M0 ${HEIGHT - BELOW}H${WIDTH}`} />
        {ticks.map((r) => <text key={r} x={x(r)} y={HEIGHT - BELOW + 11} text-anchor={r ? 'middle' : 'start'}>{r}</text>)}
        <text x={WIDTH} y={HEIGHT - 2} text-anchor="end">distance from z = 0</text>
      </svg>
      <dl class="readings norms">
        <Line kind="chi" name={about.prior.kind === 'standard_normal' ? 'prior N(0, I)' : 'N(0, I)'} value={`${short(usual, 2)} on average`} about={`The chi distribution with ${d} degrees of freedom: density of ‖z‖ for z from N(0, I); its mean is about √(d − ½)${about.prior.kind === 'standard_normal' ? '' : '. The prior of this model is another'}`} />
        <Line kind="draws" name="draws from q(z|x)" value={`${short(found.draw, 2)}, median`} about="‖z‖ of one code drawn from the posterior of each image, with the same noise at every step: what the decoder is trained on" testid="draws" />
        <Line kind="means" name="means μ" value={`${short(found.mean, 2)}, median`} about="‖μ‖ of each image. Means lie further in than draws: σ is missing in them" testid="means" />
        {point !== null && nearer !== null && (
          <Line kind="point" name="the point" value={`${short(point, 2)}; ${percent(nearer)} of N(0, I) nearer to 0`} about="‖z‖ of the point, and how much of N(0, I) lies nearer to its mean than that" testid="point" />
        )}
      </dl>
    </Panel>
  )
}

const percent = (part: number) => (part > 0 && part < 0.001 ? 'less than 0.1 %' : part < 1 && part > 0.999 ? 'more than 99.9 %' : `${(100 * part).toFixed(1)} %`)

function Line({ kind, name, value, about, testid }: { kind: string; name: string; value: string; about: string; testid?: string }) {
  return (
    <div>
      <dt><i class={kind} /><Term about={about}>{name}</Term></dt>
      <dd data-testid={testid && `norms-${testid}`}>{value}</dd>
    </div>
  )
}
