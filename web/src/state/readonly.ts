import { latency } from './actions'
import { axes, positions } from './plane'
import * as store from './store'
import { view } from './view'
import { marks } from '../probe/probe'
import { falling } from '../row/fall'
import { evidence } from '../evidence/evidence'
import { traced } from '../layers/LayersPanel'
import { gaps } from '../evidence/gaps'
import { gliding, toScreen } from '../latent/camera'
import { progress } from '../latent/tiles'
import { beginning } from '../train/attempt'

/** What tests and curious people may read, and nobody change: `vaelab` in the browser's console. */
export function exposeState(): void {
  const decoded = (one: store.Decoded | null) => one && { z: [...one.z], cls: one.cls, x: Array.from(one.x) }
  const state = {
    get ready() {
      return store.snapshot.value !== null && store.busy.value === null
    },
    /** Nothing moves by itself. */
    get still() {
      return !gliding.value
    },
    get source() {
      return store.source.value?.kind
    },
    get run() {
      return store.manifest.value?.run.name ?? null
    },
    get step() {
      return store.snapshot.value?.step ?? null
    },
    get index() {
      return store.snapshot.value?.index ?? null
    },
    get count() {
      return store.snapshot.value?.count ?? 0
    },
    /** Rows of the run's log, and kept steps, that the page knows. */
    get rows() {
      return store.metrics.value.length
    },
    get kept() {
      return store.manifest.value?.steps.length ?? 0
    },
    get view() {
      return structuredClone(view.value)
    },
    get hovered() {
      return decoded(store.hovered.value)
    },
    get pinned() {
      return decoded(store.pinned.value)
    },
    get probed() {
      const code = store.probed.value
      return code && { loc: Array.from(code.loc), scale: Array.from(code.scale) }
    },
    get evidence() {
      return structuredClone(evidence.value)
    },
    get gaps() {
      const found = gaps.value
      return found && { of: Array.from(found.of, (gap) => (Number.isNaN(gap) ? null : gap)), done: found.done, total: found.total }
    },
    /** Whether noise is on its way to a code, and the codes that were drawn. */
    get falling() {
      return falling.value
    },
    get marks() {
      return structuredClone(marks.value)
    },
    /** What the layers made of the probed image, where that is shown. */
    get traced() {
      const found = traced.value
      return found && { encoder: found.encoder.map((values) => Array.from(values)), decoder: found.decoder.map((values) => Array.from(values)) }
    },
    get check() {
      return structuredClone(store.check.value)
    },
    get training() {
      return structuredClone(store.training.value)
    },
    get followed() {
      return structuredClone(store.followed.value)
    },
    get waiting() {
      return structuredClone(store.waiting.value)
    },
    get locked() {
      return store.locked.value
    },
    /** Whether a training is about to begin. */
    get beginning() {
      return beginning.value
    },
    get connected() {
      return store.connected.value
    },
    get backend() {
      return store.engines.value?.pointer.backend ?? null
    },
    get problem() {
      return store.problem.value
    },
    get latency() {
      return structuredClone(latency)
    },
    get tiles() {
      return { ...progress }
    },
    get axes() {
      return [...axes.value.labels]
    },
    /** loc of the i-th code that is shown. */
    loc(i: number) {
      const d = store.manifest.value!.latent
      return Array.from(store.snapshot.value!.loc.slice(i * d, (i + 1) * d))
    },
    /** Where it is on the latent canvas, in CSS pixels. */
    place(i: number) {
      return toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    },
    /** Where a place of the plane is. */
    screen(x: number, y: number) {
      return toScreen(x, y)
    },
  }
  Object.defineProperty(window, 'vaelab', { value: Object.freeze(state) })
}
