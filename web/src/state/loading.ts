import { checkWeights, type Manifest, type StepEntry, type Weights } from '../model/manifest'
import { Locked } from '../source/server'
import type { SnapshotFrame } from '../source/source'
import { longBefore, opensAtOwn } from './own'
import { mixtureOf } from './prior'
import * as store from './store'
import { change, view } from './view'

/** The entry that a view's step means: the named one, or the nearest; unsaid, the last unless the run's own weights lie long before and it stands alone. */
export function entryOf(manifest: Manifest, step: typeof view.value.step): StepEntry {
  const { steps } = manifest
  const last = steps.at(-1)!
  if (step === null) return (opensAtOwn.value && longBefore(last.epoch, steps)) || last
  if (step === 'best') return steps.find((entry) => entry.best) ?? last
  if (step === 'last' || step === 'live') return last
  return steps.reduce((near, entry) => (Math.abs(entry.step - step) < Math.abs(near.step - step) ? entry : near))
}

let wanted: StepEntry | null = null
let loading = false

/** Show a kept step; while one is loading only the last that was asked for comes next. */
export async function showStep(step: typeof view.value.step): Promise<void> {
  const manifest = store.manifest.value
  if (!manifest) return
  change({ step })
  wanted = entryOf(manifest, step)
  if (loading) return
  loading = true
  while (wanted && store.manifest.value) {
    const entry: StepEntry = wanted
    wanted = null
    await loadStep(store.manifest.value, entry).catch((error: unknown) => {
      if (wanted || view.value.step === 'live' || error instanceof Locked) return
      store.problem.value = error instanceof Error ? error.message : String(error)
    })
  }
  loading = false
}

const cache = new Map<string, Promise<Weights>>()
const MOST_CACHED = 64

function cached<T extends Weights>(key: string, read: () => Promise<T>): Promise<T> {
  let content = cache.get(key) as Promise<T> | undefined
  if (!content) {
    content = read()
    content.catch(() => cache.delete(key))
    if (cache.size >= MOST_CACHED) cache.delete(cache.keys().next().value!)
    cache.set(key, content)
  }
  return content
}

/** Bundles of a run that trains again are others. */
export function forgetCached(): void {
  cache.clear()
}

const keyOf = (manifest: Manifest, entry: StepEntry) => `${manifest.run.name}/${entry.index}/${entry.step}`

export const weightsOf = (manifest: Manifest, entry: StepEntry) => cached(`${keyOf(manifest, entry)}/w`, () => store.source.value!.weights(manifest.run.name, entry.index))

const codesOf = (manifest: Manifest, entry: StepEntry) => cached(`${keyOf(manifest, entry)}/c`, () => store.source.value!.codes(manifest.run.name, entry.index))

/** Ask for what will be wanted soon; what fails is told when it is wanted. */
export function prefetch(manifest: Manifest, entry: StepEntry): void {
  for (const part of [weightsOf, codesOf]) part(manifest, entry).catch(() => null)
}

async function loadStep(manifest: Manifest, entry: StepEntry): Promise<void> {
  const run = manifest.run.name
  const [weights, codes] = await Promise.all([weightsOf(manifest, entry), codesOf(manifest, entry)])
  if (codes.byteLength !== (manifest.codebook ? 2 : 4) * manifest.images.count * manifest.latent) {
    throw new Error(`The codes of step ${entry.step} do not fit the manifest; delete the run's folder \`explorer\` to have it made anew.`)
  }
  if (store.manifest.value?.run.name !== run) return
  present(weights, codes, manifest.images.count, entry.loc_unit, entry.log_scale_unit, {
    run, step: entry.step, epoch: entry.epoch, index: entry.index, likelihoodScale: entry.scale,
    prior: entry.prior ? mixtureOf(entry.prior, manifest.latent) : null,
  })
}

/** Of the page's time, what a training that is followed takes at most. */
const SHARE = 0.1
const LONGEST_PAUSE = 1000

/** Show what a training has just sent; resolves when it has been drawn, and the processor has been left to the training for a while. */
export async function showLive(frame: SnapshotFrame): Promise<void> {
  if (view.value.step !== 'live' || store.manifest.value?.run.name !== frame.run) return
  if (frame.weights.byteLength !== 2 * store.manifest.value.weights) return
  const began = performance.now()
  present(frame.weights, frame.codes, frame.count, frame.loc_unit, frame.log_scale_unit, {
    run: frame.run, step: frame.step, epoch: frame.epoch, index: null, likelihoodScale: frame.scale,
    prior: frame.prior ? mixtureOf(frame.prior, store.manifest.value.latent) : null,
  })
  if (document.hidden) return
  const taken = performance.now() - began
  const cost = taken + (await drawn())
  await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE, cost / SHARE - cost)))
}

/** Waits for the next frame; how long drawing it took, in ms. */
export async function drawn(): Promise<number> {
  const began = await new Promise<number>(requestAnimationFrame).then(() => performance.now())
  const { port1, port2 } = new MessageChannel() // its message comes once the frame is out
  await new Promise((resolve) => {
    port1.onmessage = resolve
    port2.postMessage(null)
  })
  return performance.now() - began
}

function present(
  weights: Weights, codes: ArrayBuffer, count: number, locUnit: number, logScaleUnit: number,
  about: Pick<store.Snapshot, 'run' | 'step' | 'epoch' | 'index' | 'likelihoodScale' | 'prior'>,
): void {
  const engines = store.engines.value
  checkWeights(store.manifest.value!, weights)
  engines?.pointer.load(weights, about.index)
  engines?.patient.load(weights, about.index)
  const d = store.manifest.value!.latent
  const total = store.manifest.value!.images.count
  const { codebook } = store.manifest.value!
  if (codebook) {
    const entries = new Uint16Array(codes)
    if (entries.some((entry) => entry >= codebook.entries)) throw new Error(`The codes of step ${about.step} are numbers of no entry; delete the run's folder \`explorer\` to have it made anew.`)
    store.snapshot.value = { ...about, entries, count: 0, imageOf: new Uint32Array(0), loc: new Float32Array(0), scale: new Float32Array(0) }
    return
  }
  const values = new Int16Array(codes)
  const loc = new Float32Array(count * d)
  const scale = new Float32Array(count * d)
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < d; k++) {
      loc[i * d + k] = values[2 * i * d + k]! * locUnit
      scale[i * d + k] = Math.exp(values[(2 * i + 1) * d + k]! * logScaleUnit)
    }
  }
  const imageOf = Uint32Array.from({ length: count }, (_, j) => Math.floor((j * total) / count))
  store.snapshot.value = { ...about, entries: null, count, imageOf, loc, scale }
}
