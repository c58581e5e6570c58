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
    state: (state) => {
      const before = store.training.value
      store.training.value = state
      if (state.run && before && state.run !== before.run) void refreshRuns()
      if (before && before.phase !== state.phase && ['ended', 'failed', 'idle'].includes(state.phase)) void refreshRuns()
      if (state.phase === 'failed' && state.text && before?.phase !== 'failed') store.problem.value = state.text
    },
    snapshot: async (frame) => {
      if (view.value.step !== 'live') return
      if (store.manifest.value?.run.name !== frame.run || store.manifest.value.weights * 2 !== frame.weights.byteLength) {
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
      store.metrics.value = [...store.metrics.value.filter((row) => row.step < first), ...rows]
    },
  })
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
    change({ step: 'live', camera: null, probe: null, selected: [], path: null })
  })
  await refreshRuns()
  if (view.value.run !== run || store.manifest.value?.run.name !== run) change({ run })
}

/** From live to the kept steps, or back. */
export function follow(on: boolean): void {
  if (on) change({ step: 'live' })
  else void showStep('last')
}
