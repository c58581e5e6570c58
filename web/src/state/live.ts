import { batch } from '@preact/signals'
import { forgetCached, openRun, showLive, showStep } from './loading'
import * as store from './store'
import { change, view } from './view'

/** Follow what the server tells about training. */
export function followTraining(): void {
  const live = store.source.value?.live
  if (!live) return
  let opening: string | null = null
  live.listen({
    connected: (yes) => {
      const was = store.connected.value
      store.connected.value = yes
      if (yes && !was) void refreshRuns()
    },
    refused: (words) => (store.problem.value = `The server has been started anew: ${words}.`),
    state: (state) => {
      const before = store.training.value
      store.training.value = state
      if (before && before.phase !== state.phase) void refreshRuns()
      if (before && before.phase !== state.phase && state.phase === 'ended') void finish(state.run!)
      if (state.phase === 'failed' && state.text && before?.phase !== 'failed') store.problem.value = state.text
    },
    snapshot: async (frame) => {
      if (view.value.step !== 'live') return
      const shown = store.manifest.value
      if (shown?.run.name !== frame.run || shown.weights * 2 !== frame.weights.byteLength || frame.step < (shown.steps.at(-1)?.step ?? 0)) {
        if (opening === frame.run) return
        opening = frame.run
        await openRun(frame.run)
        opening = null
      }
      await showLive(frame)
    },
    kept: (run, entry) => {
      const manifest = store.manifest.value
      if (manifest?.run.name !== run) return
      if (entry.index === 0) forgetCached()
      const steps = [...manifest.steps.filter((step) => step.step < entry.step), entry]
      store.manifest.value = { ...manifest, steps }
    },
    metrics: (run, rows) => {
      if (store.manifest.value?.run.name !== run || rows.length === 0) return
      const first = rows[0]!.step
      const known = store.metrics.value
      const before = (known.at(-1)?.step ?? -1) < first ? known : known.filter((row) => row.step < first)
      store.metrics.value = before.concat(rows)
    },
  })
}

/** A training has ended: what it kept is whole now. */
async function finish(run: string): Promise<void> {
  if (store.manifest.value?.run.name !== run) return
  try {
    const manifest = await store.source.value!.manifest(run)
    if (store.manifest.value?.run.name !== run || store.training.value?.phase !== 'ended') return
    batch(() => {
      store.manifest.value = manifest
      store.metrics.value = manifest.metrics
    })
    if (view.value.step === 'live') await showStep('last')
  } catch (error) {
    store.problem.value = error instanceof Error ? error.message : String(error)
  }
}

export async function refreshRuns(): Promise<void> {
  try {
    store.runs.value = await store.source.value!.runs()
  } catch (error) {
    store.problem.value = error instanceof Error ? error.message : String(error)
  }
}

/** Show the run that trains, as it trains. */
export async function watch(run: string): Promise<void> {
  forgetCached()
  batch(() => {
    store.problem.value = null
    change({ step: 'live', camera: null, selected: [], path: null })
  })
  await refreshRuns()
  if (view.value.run !== run || store.manifest.value?.run.name !== run) change({ run })
}

