import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { Live } from '../source/source'
import * as store from '../state/store'
import { ADDRESSED, toHash } from '../state/url'
import { view } from '../state/view'
import { Dialog } from '../ui/Dialog'
import { download } from '../ui/download'
import { quoted } from '../ui/shell'

export const shareOpen = signal(false)

/** The address of this very view, and how to give the page away. */
export function ShareDialog() {
  const [copied, setCopied] = useState(false)
  const [making, setMaking] = useState<string | null>(null)
  const [failed, setFailed] = useState<string | null>(null)
  const about = store.manifest.value
  const live = store.source.value?.live
  const address = `${location.href.split('#')[0]}#${toHash(view.value)}`
  const run = about?.run.name ?? 'RUN'
  const save = async (server: Live, singleFile: boolean) => {
    const file = `${run}.${singleFile ? 'html' : 'zip'}`
    setFailed(null)
    setMaking(file)
    try {
      download(await server.export(run, singleFile), file)
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
    } finally {
      setMaking(null)
    }
  }
  return (
    <Dialog open={shareOpen} title="Share">
      {ADDRESSED && <>
      <h3>This view</h3>
      <p>The address holds the run, the step, the point, the layers and everything else you see{view.value.probe?.kind === 'drawing' && ', but for your own drawing'}.</p>
      <div class="row">
        <input class="address" readonly value={address} aria-label="Address of this view" data-testid="address" onFocus={(event) => event.currentTarget.select()} />
        <button onClick={() => void navigator.clipboard?.writeText(address).then(() => setCopied(true))} data-testid="copy">{copied ? 'copied' : 'copy'}</button>
      </div>
      {live && <p class="fine">It works on this machine, as long as the server runs. To send it to somebody, export the page.</p>}
      </>}
      <h3>The whole page</h3>
      <p>An exported page holds the weights and codes of all kept steps and decodes by itself: no server, no Python, no network.</p>
      {live ? (
        <p class="row">
          <button disabled={!about || making !== null} data-testid="export-file" onClick={() => void save(live, true)}>one HTML file</button>
          <button disabled={!about || making !== null} data-testid="export-zip" onClick={() => void save(live, false)}>a site, zipped</button>
          {making && <span class="fine" role="status">{making} is being made …</span>}
        </p>
      ) : (
        <p>This is one. Send the file or the folder on as it is.</p>
      )}
      {failed && <p class="failure" role="alert" data-testid="export-failure">{failed}</p>}
      <p>From a terminal: <code>vaelab export site {quoted(`runs/${run}`)} {quoted(`${run}.html`)} --single-file</code></p>
    </Dialog>
  )
}
