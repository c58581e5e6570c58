import { bytesOf } from '../model/base64'
import { type Manifest, parseManifest, type Weights } from '../model/manifest'
import { inflated, remembered, unpacked } from './packed'
import type { Source } from './source'

/** Milliseconds that the page has for itself between two steps that are unpacked. */
const PAUSE = 20

/** An exported site: the bundle lies beside the page, or inside it. */
export function staticSource(read: (file: string) => Promise<ArrayBuffer>, kind: 'static' | 'inline'): Source {
  let parsed: Promise<Manifest> | null = null
  const manifest = () => (parsed ??= read('manifest.json').then((text) => parseManifest(JSON.parse(new TextDecoder().decode(text)))))
  const name = (index: number) => String(index).padStart(4, '0')
  let weights: Promise<(index: number) => Promise<Weights>> | null = null
  const codes = remembered(async (index) => inflated(await read(`codes/${name(index)}.z`)))
  /** The weights by step; those of all steps are computed one after the other, since each needs those after it. */
  const steps = async () => {
    const { packed } = await manifest()
    if (!packed) return (index: number) => read(`weights/${name(index)}.f16`)
    const get = unpacked(packed, (index) => read(`weights/${name(index)}.z`))
    void (async () => {
      for (const index of packed.order) {
        await Promise.all([get(index), codes(index)])
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
      }
    })().catch(() => {}) // whoever asks for that step is told
    return get
  }
  return {
    kind,
    live: null,
    runs: async () => {
      const { run, data, latent, steps } = await manifest()
      return [
        { id: run.name, data: data.name, model: '', latent, epochs_done: steps.at(-1)!.epoch, epochs: steps.at(-1)!.epoch, elbo_nats: null, distortion_nats: null, rate_nats: null, settings: {}, written: 0, obstacle: null, copy: '', writer: null },
      ]
    },
    first: async () => (await manifest()).run.name,
    manifest,
    weights: async (_, index) => (await (weights ??= steps()))(index),
    codes: async (_, index) => ((await manifest()).packed ? codes(index) : read(`codes/${name(index)}.i16`)),
    labels: async () => new Uint8Array(await read('labels.u8')),
    thumbs: async () => URL.createObjectURL(new Blob([await read('thumbs.png')], { type: 'image/png' })),
  }
}

/** @param folder of the bundle, beside the page */
export function folderSource(folder: string): Source {
  return staticSource(async (file) => {
    const answer = await fetch(`./${folder}/${file}`).catch(() => null)
    if (!answer?.ok) {
      throw new Error(
        `${folder}/${file} could not be read. A page from a folder needs a web server (python -m http.server); ` +
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
    return bytesOf(content).buffer
  }, 'inline')
}
