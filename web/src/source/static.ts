import { parseManifest } from '../model/manifest'
import type { Source } from './source'

/** An exported site: the bundle lies beside the page, or inside it. */
export function staticSource(read: (file: string) => Promise<ArrayBuffer>, kind: 'static' | 'inline'): Source {
  const manifest = async () => parseManifest(JSON.parse(new TextDecoder().decode(await read('manifest.json'))))
  const name = (index: number) => String(index).padStart(4, '0')
  return {
    kind,
    live: null,
    runs: async () => {
      const { run, data, latent, steps } = await manifest()
      return [
        { id: run.name, data: data.name, model: '', latent, epochs_done: steps.at(-1)!.epoch, epochs: steps.at(-1)!.epoch, elbo_nats: null, obstacle: null, copy: '', writer: null },
      ]
    },
    manifest,
    weights: (_, index) => read(`weights/${name(index)}.f16`),
    codes: (_, index) => read(`codes/${name(index)}.i16`),
    labels: async () => new Uint8Array(await read('labels.u8')),
    thumbs: async () => URL.createObjectURL(new Blob([await read('thumbs.png')], { type: 'image/png' })),
  }
}

export function folderSource(): Source {
  return staticSource(async (file) => {
    const answer = await fetch(`./bundle/${file}`).catch(() => null)
    if (!answer?.ok) {
      throw new Error(
        `bundle/${file} could not be read. A page from a folder needs a web server (python -m http.server); ` +
          'to open a file by double click, export with --single-file.',
      )
    }
    return answer.arrayBuffer()
  }, 'static')
}

export function inlineSource(): Source {
  const text = document.getElementById('vaelab-bundle')?.textContent ?? ''
  const { files } = JSON.parse(text) as { files: Record<string, string> }
  return staticSource(async (file) => {
    const content = files[file]
    if (content === undefined) throw new Error(`this page was saved without ${file}; export it again`)
    return Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)).buffer
  }, 'inline')
}
