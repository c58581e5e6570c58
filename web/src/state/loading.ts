import { batch } from '@preact/signals'
import { createEngine } from '../model/engine'
import { Remote } from '../model/remote'
import { checkWeights, type Manifest, type StepEntry, type Weights } from '../model/manifest'
import { fromByte } from '../model/pixels'
import { selfCheck } from '../model/selfcheck'
import { Locked, NotNow } from '../source/server'
import type { SnapshotFrame } from '../source/source'
import { mixtureOf } from './prior'
import { isRunning } from './running'
import * as store from './store'
import { change, type View, view } from './view'

let generation = 0

/** How often, and how many ms apart, a run is looked at again that has just been begun anew. */
const PATIENCE = 20
const PAUSE = 250

/** Show a run: its manifest, its images, the step that the view asks for. */
export async function openRun(id: string, patience = PATIENCE): Promise<void> {
  const mine = ++generation
  const source = store.source.value!
  store.busy.value = `Opening ${id} …`
  if (id !== store.manifest.value?.run.name) store.problem.value = null // it was of another run
  const again = async () => {
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    if (mine === generation) await openRun(id, patience - 1)
  }
  try {
    // what is just being begun has no files yet: what is not there is not asked for, which the browser would tell as errors
    const begun = trainsHere(id)
    if (begun && patience > 0 && store.training.value!.phase === 'starting') return await again()
    const read = () => Promise.all([source.labels(id), source.thumbs(id)])
    const early = begun ? null : read()
    early?.catch(() => null) // it is awaited below
    const manifest = await source.manifest(id)
    const parts = early ?? read()
    parts.catch(() => null)
    const entry = entryOf(manifest, view.value.step)
    prefetch(manifest, entry)
    const [images, engines] = await Promise.all([parts.then(([labels, thumbs]) => loadImages(manifest, labels, thumbs)), enginesOf(manifest)])
    if (mine !== generation) return
    store.engines.value?.pointer.close()
    store.engines.value?.patient.close()
    batch(() => {
      store.waiting.value = null
      store.engines.value = engines
      store.manifest.value = manifest
      store.metrics.value = manifest.metrics
      store.images.value = images
      store.snapshot.value = null
      store.pinned.value = null
      store.hovered.value = null
      store.probed.value = null
      store.check.value = null
      view.value = suited(view.value, manifest)
    })
    await showStep(view.value.step)
    await checkSelf(manifest)
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    if (mine !== generation) return // another was chosen
    if (patience > 0 && trainsHere(id)) await again() // its files are being replaced
    else if (error instanceof NotNow) wait(id, words)
    else if (!(error instanceof Locked)) store.problem.value = `${id}: ${words}`
  } finally {
    if (mine === generation) store.busy.value = null
  }
}

/** Whether this server trains it, so that the page hears of it anyway. */
function trainsHere(run: string): boolean {
  return isRunning(store.training.value) && store.training.value.run === run
}

/** Show nothing but why; it is opened by itself as soon as there is something of it. */
function wait(run: string, words: string): void {
  batch(() => {
    store.waiting.value = { run, words }
    store.manifest.value = null
    store.snapshot.value = null
    store.check.value = null
    change({ run })
  })
}

/** As much of a view as a run can show. */
function suited(asked: View, manifest: Manifest): View {
  const d = manifest.latent
  const { codebook } = manifest
  const { z, path, plane, cls, probe, selected } = asked
  return {
    ...asked,
    run: manifest.run.name,
    z: codebook ? (z?.length === d && z.every((entry) => Number.isInteger(entry) && entry >= 0 && entry < codebook.entries) ? z : null) : z?.length === d ? z : new Array<number>(d).fill(0),
    path: path?.from.length === d ? path : null,
    plane: plane.kind === 'axes' && Math.max(plane.i, plane.j) < d ? plane : { kind: 'pca' },
    probe: probe?.kind === 'drawing' || (probe && probe.index < manifest.images.count) ? probe : { kind: 'image', index: 0 },
    cls: manifest.conditional.decoder ? Math.min(cls ?? 0, manifest.data.classes.length - 1) : cls,
    selected: selected.filter((index) => index < manifest.images.count),
  }
}

/** Show what an address asks for that was put into the page that is open. */
export async function arrive(asked: View): Promise<void> {
  const manifest = store.manifest.value
  if (manifest && (asked.run ?? manifest.run.name) === manifest.run.name) {
    generation++ // what is being opened is not wished any more
    store.busy.value = null
    view.value = suited(asked, manifest)
    await showStep(asked.step)
  } else if (asked.run && (!store.listed.value || isHere(asked.run))) {
    view.value = asked
    await openRun(asked.run)
  }
}

/** Whether there is such a run; says so where there is none. */
export function isHere(run: string): boolean {
  const here = store.runs.value.some((other) => other.id === run)
  if (!here) store.problem.value = `The address asks for the run “${run}”, which is not here.`
  return here
}

async function enginesOf(manifest: Manifest): Promise<store.Engines> {
  if (manifest.unsupported === null) return { pointer: await createEngine(manifest), patient: await createEngine(manifest) }
  const { live } = store.source.value!
  if (!live) throw new Error(`A page by itself cannot compute the layer \`${manifest.unsupported}\`; open the run with \`vaelab explore\`.`)
  return { pointer: new Remote(live, manifest.run.name), patient: new Remote(live, manifest.run.name) }
}

/** With networks of its own: what is shown goes on being decoded. */
async function checkSelf(manifest: Manifest): Promise<void> {
  if (!('decode' in manifest.golden) || manifest.unsupported !== null) return
  const { index } = manifest.golden
  const entry = manifest.steps.find((step) => step.index === index)
  const engine = await createEngine(manifest)
  try {
    const weights = entry ? await weightsOf(manifest, entry) : await store.source.value!.weights(manifest.run.name, index)
    engine.load(weights, index)
    const check = await selfCheck(engine, manifest, (image) => pixelsOf(image))
    if (store.manifest.value === manifest) store.check.value = check
  } finally {
    engine.close()
  }
}

/** The entry that a view's step means: the named one, or the nearest. */
export function entryOf(manifest: Manifest, step: typeof view.value.step): StepEntry {
  const { steps } = manifest
  if (step === 'best') return steps.find((entry) => entry.best) ?? steps.at(-1)!
  if (step === 'last' || step === 'live') return steps.at(-1)!
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
  try {
    while (wanted) {
      const entry: StepEntry = wanted
      wanted = null
      await loadStep(store.manifest.value!, entry)
    }
  } catch (error) {
    if (view.value.step !== 'live' && !(error instanceof Locked)) store.problem.value = error instanceof Error ? error.message : String(error)
  } finally {
    loading = false
  }
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

const weightsOf = (manifest: Manifest, entry: StepEntry) => cached(`${keyOf(manifest, entry)}/w`, () => store.source.value!.weights(manifest.run.name, entry.index))

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

async function loadImages(manifest: Manifest, labels: Uint8Array, address: string): Promise<store.Images> {
  const picture = new Image()
  picture.src = address
  await picture.decode().catch(() => {
    throw new Error('The atlas of test images (thumbs.png) is damaged; delete the folder `explorer` of the run to have it made anew.')
  })
  const atlas = document.createElement('canvas')
  atlas.width = picture.naturalWidth
  atlas.height = picture.naturalHeight
  const context = atlas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(picture, 0, 0)
  if (labels.length !== manifest.images.count) throw new Error('The labels do not fit the manifest; export the run again.')
  const { data } = context.getImageData(0, 0, atlas.width, atlas.height)
  if (address.startsWith('blob:')) URL.revokeObjectURL(address)
  return { count: manifest.images.count, labels, pixels: data, width: atlas.width, atlas, columns: manifest.images.columns }
}

/** A test image in the pixels' domain, channels first. */
export function pixelsOf(index: number): Float32Array {
  const { data } = store.manifest.value!
  const { pixels, width: wide, columns } = store.images.value!
  const [channels, height, width] = data.shape
  const x = new Float32Array(channels * height * width)
  const top = Math.floor(index / columns) * height
  const left = (index % columns) * width
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        x[(c * height + row) * width + column] = fromByte(pixels[4 * ((top + row) * wide + left + column) + c]!, data.domain)
      }
    }
  }
  return x
}
