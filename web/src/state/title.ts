import { effect } from '@preact/signals'
import * as store from './store'

/** The tab has the name of the run that it shows. */
export function keepTitled(): void {
  effect(() => {
    const run = store.manifest.value?.run.name ?? store.waiting.value?.run
    document.title = run ? `${run} · vaelab` : 'vaelab explorer'
  })
}
