import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import * as store from '../state/store'
import { toHash } from '../state/url'
import { view } from '../state/view'
import { Dialog } from '../ui/Dialog'

export const shareOpen = signal(false)

/** The address of this very view, and how to give the page away. */
export function ShareDialog() {
  const [copied, setCopied] = useState(false)
  const about = store.manifest.value
  const live = store.source.value?.live
  const address = `${location.href.split('#')[0]}#${toHash(view.value)}`
  const run = about?.run.name ?? 'RUN'
  return (
    <Dialog open={shareOpen} title="Share">
      <h3>This view</h3>
      <p>The address holds the run, the step, the pin, the layers and everything else you see.</p>
      <div class="row">
        <input class="address" readonly value={address} aria-label="Address of this view" data-testid="address" onFocus={(event) => event.currentTarget.select()} />
        <button onClick={() => void navigator.clipboard?.writeText(address).then(() => setCopied(true))} data-testid="copy">{copied ? 'copied' : 'copy'}</button>
      </div>
      {live && <p class="fine">It works on this machine, as long as the server runs. To send it to somebody, export the page.</p>}
      <h3>The whole page</h3>
      <p>An exported page holds the weights and codes of all kept steps and decodes by itself: no server, no Python, no network.</p>
      {live ? (
        <p class="row">
          <a class="button" href={live.exportAddress(run, true)} download data-testid="export-file">one HTML file</a>
          <a class="button" href={live.exportAddress(run, false)} download data-testid="export-zip">a site, zipped</a>
        </p>
      ) : (
        <p>This is one. Send the file or the folder on as it is.</p>
      )}
      <p>From a terminal: <code>vaelab export site runs/{run} {run}.html --single-file</code></p>
    </Dialog>
  )
}
