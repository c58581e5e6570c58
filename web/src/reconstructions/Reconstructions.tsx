import { computed, effect, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { indexOf, codeOf, pickImage } from '../state/actions'
import { latestWins } from '../state/latest'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { together } from '../state/together'
import { view } from '../state/view'
import { fixed } from '../ui/number'
import { Panel } from '../ui/Panel'
import { Sheet } from '../ui/Sheet'

const COLUMNS = 8
const PAIRS = 2 * COLUMNS
const offset = signal(0)
const pairs = signal<{ image: number; x: Float32Array; y: Float32Array; error: number }[]>([])

/** A row of images, below it their reconstructions, and again. */
const rows = computed(() => {
  const found = pairs.value
  const images: Float32Array[] = []
  for (let first = 0; first < found.length; first += COLUMNS) {
    const row = found.slice(first, first + COLUMNS)
    const rest = new Array<Float32Array>(COLUMNS - row.length).fill(new Float32Array(0))
    images.push(...row.map(({ x }) => x), ...rest, ...row.map(({ y }) => y), ...rest)
  }
  return images
})

const decode = latestWins(async (images: number[]) => {
  const about = store.manifest.value!
  const codes = images.map((image) => codeOf(image)!.loc)
  const labels = Uint8Array.from(images, (image) => store.images.value!.labels[image]!)
  const z = Float32Array.from(codes.flatMap((code) => Array.from(code)))
  const y = (await store.engines.value?.patient.decode(z, about.conditional.decoder ? labels : null).catch(() => null))?.mean
  if (!y) return
  const each = y.length / images.length
  const found = images.map((image, i) => {
    const x = pixelsOf(image)
    const decoded = y.slice(i * each, (i + 1) * each)
    return { image, x, y: decoded, error: x.reduce((sum, v, k) => sum + (v - decoded[k]!) ** 2, 0) / each }
  })
  together(() => (pairs.value = found))
})

/** Test images above what the decoder makes of their posterior's mean. */
export function Reconstructions() {
  useEffect(
    () =>
      effect(() => {
        const shown = store.calm.value
        const images = store.images.value
        if (!shown || !images || !store.engines.value) {
          pairs.value = []
          return
        }
        const hidden = new Set(view.value.hidden)
        const chosen: number[] = []
        for (let i = 0; i < shown.count && chosen.length < PAIRS; i++) {
          const image = shown.imageOf[(i + offset.value) % shown.count]!
          if (!hidden.has(images.labels[image]!)) chosen.push(image)
        }
        if (chosen.length) decode(chosen)
        else pairs.value = []
      }),
    [],
  )
  if (pairs.value.length === 0) return null
  return (
    <Panel id="reconstructions" numbers={() => [['index', 'mean squared error'], ...pairs.value.map(({ image, error }) => [indexOf(image), error])]} title="Reconstructions" about="Test images, and below them the decoded mean of their posterior. This is a picture, not the ELBO: that decodes draws from the posterior."
      tools={<span class="segments"><button onClick={() => (offset.value += PAIRS)} data-testid="other-images">others</button></span>}>
      <Sheet images={rows.value} columns={COLUMNS} testid="pairs">
        {pairs.value.map(({ image, error }) => (
          <button key={image} class="frame" aria-label={`test image ${image} and its reconstruction`} data-about={`image ${image}, mean squared error ${fixed(error, 4)}: click to look at it`} onClick={() => pickImage(image)} />
        ))}
      </Sheet>
    </Panel>
  )
}
