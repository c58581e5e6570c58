import { batch } from '@preact/signals'
import { createEngine } from '../model/engine'
import type { Manifest } from '../model/manifest'
import { Remote } from '../model/remote'
import { selfCheck } from '../model/selfcheck'
import { Locked, NotNow } from '../source/server'
import { loadImages, pixelsOf } from './images'
import { decodeAt } from './actions'
import { entryOf, prefetch, showStep, weightsOf } from './loading'
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
  let unused: Promise<store.Engines> | null = null
  try {
    const parts = Promise.all([source.labels(id), source.thumbs(id)])
    parts.catch(() => null) // it is awaited below
    const manifest = await source.manifest(id)
    const entry = entryOf(manifest, view.value.step)
    prefetch(manifest, entry)
    unused = enginesOf(manifest)
    const [images, engines] = await Promise.all([parts.then(([labels, thumbs]) => loadImages(manifest, labels, thumbs)), unused])
    if (mine !== generation) return
    unused = null
    if (store.engines.value) close(store.engines.value)
    batch(() => {
      store.waiting.value = null
      store.engines.value = engines
      store.manifest.value = manifest
      store.metrics.value = manifest.metrics
      store.images.value = images
      store.snapshot.value = null
      store.pinned.value = null
      decodeAt(null)
      store.probed.value = null
      store.check.value = null
      view.value = suited(view.value, manifest)
    })
    await showStep(view.value.step)
    await checkSelf(manifest)
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    if (mine !== generation) return // another was chosen
    if (patience > 0 && trainsHere(id)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE)) // its files are being replaced
      if (mine === generation) await openRun(id, patience - 1)
    } else if (error instanceof NotNow) wait(id, words)
    else if (!(error instanceof Locked)) store.problem.value = `${id}: ${words}`
  } finally {
    unused?.then(close, () => null)
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

function close({ pointer, patient }: store.Engines): void {
  pointer.close()
  patient.close()
}

/** With networks of its own: what is shown goes on being decoded. */
async function checkSelf(manifest: Manifest): Promise<void> {
  if (!('decode' in manifest.golden) || manifest.unsupported !== null) return
  const { index } = manifest.golden
  const shown = store.engines.value
  const entry = manifest.steps.find((step) => step.index === index)
  const engine = await createEngine(manifest)
  try {
    const weights = entry ? await weightsOf(manifest, entry) : await store.source.value!.weights(manifest.run.name, index)
    engine.load(weights, index)
    const check = await selfCheck(engine, manifest, (image) => pixelsOf(image))
    if (store.engines.value === shown) store.check.value = check
  } finally {
    engine.close()
  }
}
