import { computed, effect, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { normal } from '../latent/normal'
import { pin } from '../state/actions'
import { drawable, drawAt } from '../state/drawn'
import { latestWins } from '../state/latest'
import { drawPrior } from '../state/prior'
import * as store from '../state/store'
import { together } from '../state/together'
import { view } from '../state/view'
import { imagesOf } from '../selection/csv'
import { Icon } from '../ui/Icon'
import { Panel } from '../ui/Panel'
import { Sheet } from '../ui/Sheet'

const COLUMNS = 8
const COUNT = 3 * COLUMNS

type From = 'prior' | 'posterior'

const from = signal<From>('prior')
/** Noise and images that the samples are made of: the same as long as no others are asked for, so that a training can be watched on them. */
const rolled = signal(0)
/** Whether x ~ p(x|z) is shown, or its mean. */
const drawn = signal(false)
const samples = signal<{ z: number[]; x: Float32Array }[]>([])
const images = computed(() => samples.value.map(({ x }) => x))
let noise: { of: string; epsilon: number[][]; rows: number[]; seed: number } = { of: '', epsilon: [], rows: [], seed: 1 }

const decode = latestWins(async (codes: number[][], cls: number | null, noisy: boolean) => {
  const engine = store.engines.value?.patient
  const all = Float32Array.from(codes.flat())
  const decoded = await engine?.decode(all, cls).catch(() => null)
  if (!engine || !decoded) return
  const x = (noisy && (await drawAt(engine, all, cls, decoded, sequence(noise.seed)).catch(() => null))) || decoded.mean
  const each = x.length / codes.length
  together(() => (samples.value = codes.map((z, i) => ({ z, x: x.slice(i * each, (i + 1) * each) }))))
})

/** Numbers in [0, 1), the same for the same seed: Park and Miller's generator. */
function sequence(seed: number): () => number {
  let last = seed
  return () => (last = (last * 48271) % 2147483647) / 2147483647
}

function keepSampled(): () => void {
  return effect(() => {
    const shown = store.calm.value
    const d = store.manifest.value?.latent
    const { cls } = view.value
    const of = `${rolled.value} ${d}`
    if (!shown || !d || shown.loc.length !== shown.count * d) {
      samples.value = []
      return
    }
    if (noise.of !== of) {
      const draw = <T,>(make: () => T) => Array.from({ length: COUNT }, make)
      noise = { of, epsilon: draw(() => Array.from({ length: d }, () => normal())), rows: draw(() => Math.random()), seed: 1 + Math.floor(2 ** 31 * Math.random()) % 2147483646 }
    }
    const codes = noise.epsilon.map((epsilon, i) => {
      if (from.value === 'prior') return shown.prior ? drawPrior(shown.prior, cls, noise.rows[i]!, epsilon) : epsilon
      const row = Math.floor(noise.rows[i]! * shown.count)
      return epsilon.map((value, k) => shown.loc[row * d + k]! + value * shown.scale[row * d + k]!)
    })
    decode(codes, cls, drawn.value)
  })
}

/** Images decoded from codes that were drawn: from N(0, 1), or from the posteriors of the test images. */
export function SamplesPanel() {
  useEffect(keepSampled, [])
  const about = store.manifest.value
  if (!about || samples.value.length === 0) return null
  const own = store.calm.value?.prior ?? null
  const normalPrior = own !== null || about.prior.kind === 'standard_normal'
  return (
    <Panel id="samples" numbers={() => imagesOf(samples.value)} title="Samples" about="New images: codes are drawn and decoded. From the prior is what the model generates; from q(z), the codes of real images, is what it has learned to decode. Where the two differ, it cannot generate."
      tools={
        <>
          <span class="segments">
            <button aria-pressed={from.value === 'prior'} data-testid="samples-prior" data-about={normalPrior ? `z ~ p(z)${own ? `, the model's own prior (${about.prior.kind})` : ' = N(0, 1)'}` : 'z ~ N(0, 1); the prior of this model is another'} onClick={() => (from.value = 'prior')}>{normalPrior ? 'prior' : 'N(0, 1)'}</button>
            <button aria-pressed={from.value === 'posterior'} data-testid="samples-posterior" data-about="z ~ q(z): from the posterior of a test image" onClick={() => (from.value = 'posterior')}>q(z)</button>
          </span>
          {drawable.value && (
            <span class="segments">
              <button aria-pressed={!drawn.value} data-testid="samples-mean" data-about="Each code decoded: the mean of p(x|z)" onClick={() => (drawn.value = false)}>mean</button>
              <button aria-pressed={drawn.value} data-testid="samples-draw" data-about="x ~ p(x|z): images drawn, each pixel as uncertain as the likelihood says. These are the model’s samples; the mean is a picture without their noise" onClick={() => (drawn.value = true)}>x ~ p(x|z)</button>
            </span>
          )}
          <button data-testid="samples-again" aria-label="Draw others" onClick={() => (rolled.value += 1)}><Icon name="die" /></button>
        </>
      }>
      <Sheet images={images.value} columns={COLUMNS} testid="samples-sheet">
        {samples.value.map(({ z }, i) => (
          <button key={i} class="frame" aria-label={`sample ${i + 1} of ${COUNT}`} onMouseEnter={() => (store.marked.value = z)} onMouseLeave={() => (store.marked.value = null)} onFocus={() => (store.marked.value = z)} onClick={() => pin(z)} />
        ))}
      </Sheet>
    </Panel>
  )
}
