import { batch, computed, effect, untracked } from '@preact/signals'
import type { Followed, Live, TrainingState } from '../source/source'
import { Locked } from '../source/server'
import { failure } from '../train/attempt'
import { forgetCached, showLive, showStep } from './loading'
import { openRun } from './opening'
import { merged } from './rows'
import { isRunning } from './running'
import * as store from './store'
import { change, view } from './view'

/** What another process does to the run that is shown; null: nothing, or this server trains it itself. */
export const elsewhere = computed<Followed | null>(() => {
  const { followed, training } = store
  if (followed.value?.run !== view.value.run) return null
  return isRunning(training.value) && training.value.run === followed.value?.run ? null : followed.value
})

/** Follow what the server tells about training. */
export function followTraining(): void {
  const live = store.source.value?.live
  if (!live) return
  let opening: string | null = null
  live.listen({
    connected: (yes) => {
      const was = store.connected.value
      store.connected.value = yes
      if (!yes) return
      store.locked.value = null
      if (!was) void refreshRuns()
      watchShown(live)
    },
    state: (state) => {
      const before = store.training.value
      store.training.value = state
      if (before?.phase === state.phase) return
      if (before) void refreshRuns()
      if (before && state.phase === 'ended') void finish(state.run!)
      if (state.phase === 'failed' && state.text) {
        store.problem.value = failed(state)
        showWhatIsThere(state.run)
      } else if (isRunning(state) && before?.phase === 'failed' && store.problem.value === failed(before)) store.problem.value = null
    },
    snapshot: async (frame) => {
      if (view.value.run !== frame.run) return
      if (view.value.step === null) change({ step: 'live' })
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
    kept: (run, steps) => {
      const manifest = store.manifest.value
      if (manifest?.run.name !== run) return
      if (steps.length === 1) forgetCached()
      store.manifest.value = { ...manifest, steps }
    },
    metrics: (run, rows, after) => {
      if (store.manifest.value?.run.name === run) store.metrics.value = merged(store.metrics.value, rows, after)
    },
    followed: (news) => void follow(news),
    runs: () => void refreshRuns(),
  })
  const shown = computed(() => `${view.value.run} ${store.manifest.value?.run.name}`)
  effect(() => {
    void shown.value
    untracked(() => watchShown(live))
  })
}

/** Whether what is shown is to be the newest. */
const atItsEnd = () => view.value.step === null || view.value.step === 'live' || view.value.step === 'last'

const failed = ({ run, steps, text }: TrainingState) => (steps > 0 ? text : `${run} could not be begun: ${text}`)

/** A run that was to be watched and never came to be: back to the one that is shown. */
function showWhatIsThere(run: string | null): void {
  const shown = store.manifest.value?.run.name
  if (!shown || shown === run || view.value.run !== run) return
  change({ run: shown })
  void showStep('last')
}

/** Ask to be told what others do to the run that is shown. */
function watchShown(live: Live): void {
  const { run } = view.value
  const known = store.manifest.value?.run.name === run
  live.watch(run, known ? (store.metrics.value.at(-1)?.step ?? 0) : Number.MAX_SAFE_INTEGER)
}

/** Another process has done something to the run that is shown. */
async function follow({ rows, kept, anew, ...news }: Followed): Promise<void> {
  const { run } = news
  if (run !== view.value.run) return
  const before = store.followed.value?.run === run ? store.followed.value.phase : 'idle'
  store.followed.value = news
  const manifest = store.manifest.value
  if (manifest?.run.name !== run) {
    const writes = news.phase === 'training' || news.phase === 'busy'
    if (store.waiting.value?.run === run && news.phase !== 'gone' && (kept || !writes)) await openRun(run)
  } else if (anew) {
    forgetCached()
    await openRun(run)
  } else {
    batch(() => {
      if (rows) store.metrics.value = merged(store.metrics.value, rows)
      if (kept) store.manifest.value = { ...manifest, steps: kept }
    })
    if (before === 'training' && news.phase !== 'training') await finish(run)
    else if (kept && atItsEnd()) await showStep('last')
  }
  if (before === news.phase) return
  failure.value = null // it was refused because of what is over now
  await refreshRuns()
}

/** A training has ended: what it kept is whole now. */
async function finish(run: string): Promise<void> {
  if (store.manifest.value?.run.name !== run) return
  try {
    const manifest = await store.source.value!.manifest(run)
    const own = store.training.value
    if (store.manifest.value?.run.name !== run || view.value.run !== run || (isRunning(own) && own.run === run)) return
    batch(() => {
      store.manifest.value = manifest
      store.metrics.value = manifest.metrics
    })
    if (atItsEnd()) await showStep('last')
  } catch (error) {
    tell(error)
  }
}

async function refreshRuns(): Promise<void> {
  try {
    store.runs.value = await store.source.value!.runs()
  } catch (error) {
    tell(error)
  }
}

function tell(error: unknown): void {
  if (!(error instanceof Locked)) store.problem.value = error instanceof Error ? error.message : String(error)
}

/** Show the run that trains, as it trains. */
export async function watch(run: string): Promise<void> {
  forgetCached()
  batch(() => {
    store.problem.value = null
    change({ run, step: 'live', camera: null, selected: [], path: null }) // at once: news of the run that was shown take it back to that
  })
  await refreshRuns()
}
