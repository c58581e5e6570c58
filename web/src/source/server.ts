import { bytesOf } from '../model/base64'
import { parseManifest } from '../model/manifest'
import type { Classes } from '../model/networks'
import { compareHash } from '../compare/address'
import { key } from './key'
import type { Choices, Hearing, Live, PicturesFound, Ready, RunSummary, SnapshotFrame, Source } from './source'

const LONGEST_WAIT = 10_000

/** Something cannot be done at this moment, or of this run. */
export class NotNow extends Error {}

/** This page has no key, or the server has been started anew; it says so by itself. */
export class Locked extends Error {}

const SILENT = 'The server does not answer. Is `vaelab explore` still running in its terminal?'

let whenLocked: (words: string) => void = () => {}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, { ...init, headers: { ...init.headers, 'X-Vaelab': key() } }).catch(() => null)
  if (answer === null) throw new Error(SILENT)
  return checked(answer)
}

async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer
  const said = await words(answer)
  if (answer.status === 403) {
    whenLocked(said)
    throw new Locked(said)
  }
  throw answer.status === 409 ? new NotNow(said) : new Error(said)
}

const get = (path: string) => ask(path)

function send(path: string, body: unknown): Promise<Response> {
  return ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
}

async function post(path: string, body: unknown): Promise<unknown> {
  return (await send(path, body)).json()
}

async function words(answer: Response): Promise<string> {
  const text = await answer.text()
  try {
    return (JSON.parse(text) as { error: string }).error
  } catch {
    return `The server answered ${answer.status}.`
  }
}

/** `vaelab explore` on this machine. `locked` is told where it does not let this page in. */
export function serverSource(locked: (words: string) => void): Source {
  whenLocked = locked
  const bundle = (run: string, file: string) => `api/runs/${encodeURIComponent(run)}/bundle/${file}`
  const name = (index: number) => String(index).padStart(4, '0')
  return {
    kind: 'server',
    runs: async () => ((await (await get('api/runs')).json()) as { runs: RunSummary[] }).runs,
    first: async (asked) => {
      const { run, compared } = (await (await get(`api/opened${asked === null ? '' : `?run=${encodeURIComponent(asked)}`}`)).json()) as { run: string | null; compared: string[] }
      if (asked !== null || compared.length < 2) return run
      location.hash = compareHash(compared)
      return null
    },
    manifest: async (run) => parseManifest(await (await get(bundle(run, 'manifest.json'))).json()),
    weights: async (run, index) => (await get(bundle(run, `weights/${name(index)}.f16`))).arrayBuffer(),
    codes: async (run, index) => (await get(bundle(run, `codes/${name(index)}.i16`))).arrayBuffer(),
    labels: async (run) => new Uint8Array(await (await get(bundle(run, 'labels.u8'))).arrayBuffer()),
    thumbs: async (run) => URL.createObjectURL(await (await get(bundle(run, 'thumbs.png'))).blob()),
    live: live(),
  }
}

function live(): Live {
  return {
    ...connection(),
    choices: async () => (await get('api/choices')).json() as Promise<Choices>,
    ready: async () => ((await (await get('api/ready')).json()) as { rows: Ready[] }).rows,
    start: async (base, set, name) => ((await post('api/training/start', { base, set, name, play: true })) as { run: string }).run,
    sendPictures: async (tar, files, progress, signal) => ((await (await upload(`api/pictures?files=${files}`, tar, progress, signal)).json()) as { pictures: string }).pictures,
    lookAtPictures: async (pictures, skip) => (await post('api/pictures/look', { pictures, skip })) as PicturesFound,
    trainOnPictures: async (pictures) => ((await post('api/pictures/train', { pictures })) as { run: string }).run,
    forgetPictures: async (pictures) => void (await post('api/pictures/forget', { pictures })),
    resume: async (run, epochs, how) => ((await post('api/training/resume', { run, epochs, how, play: true })) as { run: string }).run,
    reset: async (run) => ((await post('api/training/reset', { run })) as { run: string }).run,
    command: async (name) => void (await post('api/training/command', { do: name })),
    set: async (values) => void (await post('api/training/set', values)),
    decode: async (run, step, z, classes, draw) => {
      const { images, scale } = (await post(`api/runs/${encodeURIComponent(run)}/decode`, { step, z: toText(z), class: plain(classes), draw })) as { images: string; scale?: string }
      return { mean: toNumbers(images), scale: scale ? toNumbers(scale) : null }
    },
    encode: async (run, step, x, classes) => {
      const codes = (await post(`api/runs/${encodeURIComponent(run)}/encode`, { step, x: toText(x), class: plain(classes) })) as { loc: string; scale: string; draws?: string; normal?: boolean }
      return { loc: toNumbers(codes.loc), scale: toNumbers(codes.scale), ...(codes.draws ? { draws: toNumbers(codes.draws), normal: codes.normal! } : {}) }
    },
    rename: async (run, name) => ((await post(`api/runs/${encodeURIComponent(run)}/rename`, { name })) as { run: string }).run,
    throwAway: async (run) => ((await post(`api/runs/${encodeURIComponent(run)}/throw_away`, {})) as { binned: string }).binned,
    takeBack: async (binned, name) => ((await post('api/bin/take_back', { binned, name })) as { run: string }).run,
    binned: async () => ((await (await get('api/bin')).json()) as { runs: string[] }).runs,
    glance: async (run) => ((await (await get(`api/runs/${encodeURIComponent(run)}/glance`)).json()) as { points: [number, number, number][] }).points,
    export: async (run, singleFile) => (await send(`api/runs/${encodeURIComponent(run)}/export`, { single_file: singleFile })).blob(),
  }
}

/** Send a tar; fetch would not tell how far it is. */
async function upload(path: string, tar: Blob, progress: (sent: number) => void, signal: AbortSignal): Promise<Response> {
  const request = new XMLHttpRequest()
  request.open('POST', path)
  request.setRequestHeader('Content-Type', 'application/x-tar')
  request.setRequestHeader('X-Vaelab', key())
  request.upload.onprogress = ({ loaded }) => progress(loaded)
  signal.onabort = () => request.abort()
  request.upload.onload = () => (signal.onabort = null) // the server has them all, and its answer says which to forget
  await new Promise((resolve) => {
    request.onloadend = resolve
    request.send(tar)
  })
  if (request.status === 0) throw new Error(`The folder could not be sent: a file was changed or cannot be read, or the server has ended.`)
  return checked(new Response(request.responseText, { status: request.status }))
}

const plain = (classes: Classes) => (classes instanceof Uint8Array ? [...classes] : classes)

function toText(numbers: Float32Array): string {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

const toNumbers = (text: string) => new Float32Array(bytesOf(text).buffer)

/** The one WebSocket; a lost connection is tried again until the listening ends. */
function connection(): Pick<Live, 'listen' | 'watch'> {
  let socket: WebSocket | null = null
  const watch = (run: string | null, step: number) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'watch', run, step }))
  }
  const listen = (hear: Hearing) => {
    let wait = 500
    let over = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const open = () => {
      const address = new URL('api/live', location.href)
      address.protocol = 'ws:'
      address.hash = ''
      const mine = (socket = new WebSocket(address, ['vaelab', `vaelab-key.${key()}`]))
      mine.binaryType = 'arraybuffer'
      mine.onopen = () => {
        wait = 500
        hear.connected(true)
      }
      mine.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) void handle(data, hear).then((drawn) => drawn && mine.readyState === WebSocket.OPEN && mine.send('{"type":"drawn"}'))
      }
      mine.onclose = () => {
        if (over) return
        hear.connected(false)
        void get('api/runs').catch(() => null) // whether it is there, and lets this page in
        timer = setTimeout(open, wait)
        wait = Math.min(LONGEST_WAIT, 2 * wait)
      }
    }
    open()
    return () => {
      over = true
      clearTimeout(timer)
      socket?.close()
    }
  }
  return { listen, watch }
}

/** A message: a uint32, that many bytes of a JSON header, a payload. Whether it was a snapshot, to be acknowledged. */
export async function handle(message: ArrayBuffer, hear: Hearing): Promise<boolean> {
  const length = new DataView(message).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)))
  const start = 4 + length
  switch (header.type) {
    case 'state':
      hear.state(header)
      return false
    case 'kept':
      hear.kept(header.run, header.steps)
      return false
    case 'metrics':
      hear.metrics(header.run, header.rows, header.after)
      return false
    case 'followed':
      hear.followed(header)
      return false
    case 'runs':
      hear.runs()
      return false
    case 'snapshot': {
      const middle = start + 2 * header.weights
      const frame: SnapshotFrame = { ...header, weights: message.slice(start, middle), codes: message.slice(middle) }
      await hear.snapshot(frame)
      return true
    }
    default:
      return false
  }
}
