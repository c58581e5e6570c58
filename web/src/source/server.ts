import { parseManifest } from '../model/manifest'
import type { Classes } from '../model/networks'
import type { Choices, Hearing, Live, RunSummary, SnapshotFrame, Source } from './source'

const LONGEST_WAIT = 10_000

async function get(path: string): Promise<Response> {
  const answer = await fetch(path).catch(() => null)
  if (answer === null) throw new Error('The server does not answer. Is `vaelab explore` still running in its terminal?')
  if (!answer.ok) throw new Error(await words(answer))
  return answer
}

async function post(path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Vaelab': '1' },
    body: JSON.stringify(body),
  }).catch(() => null)
  if (answer === null) throw new Error('The server does not answer. Is `vaelab explore` still running in its terminal?')
  if (!answer.ok) throw new Error(await words(answer))
  return answer.json()
}

async function words(answer: Response): Promise<string> {
  const text = await answer.text()
  try {
    return (JSON.parse(text) as { error: string }).error
  } catch {
    return `The server answered ${answer.status}.`
  }
}

/** `vaelab explore` on this machine. */
export function serverSource(): Source {
  const bundle = (run: string, file: string) => `api/runs/${encodeURIComponent(run)}/bundle/${file}`
  const name = (index: number) => String(index).padStart(4, '0')
  return {
    kind: 'server',
    runs: async () => ((await (await get('api/runs')).json()) as { runs: RunSummary[] }).runs,
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
    listen,
    choices: async () => (await get('api/choices')).json() as Promise<Choices>,
    start: async (base, set, name) => ((await post('api/training/start', { base, set, name, play: true })) as { run: string }).run,
    resume: async (run, epochs) => ((await post('api/training/resume', { run, epochs, play: true })) as { run: string }).run,
    command: async (name) => void (await post('api/training/command', { do: name })),
    set: async (values) => void (await post('api/training/set', values)),
    decode: async (run, step, z, classes) => {
      const { images } = (await post(`api/runs/${encodeURIComponent(run)}/decode`, { step, z: toText(z), class: plain(classes) })) as { images: string }
      return toNumbers(images)
    },
    encode: async (run, step, x, classes) => {
      const codes = (await post(`api/runs/${encodeURIComponent(run)}/encode`, { step, x: toText(x), class: plain(classes) })) as { loc: string; scale: string }
      return { loc: toNumbers(codes.loc), scale: toNumbers(codes.scale) }
    },
    exportAddress: (run, singleFile) => `api/runs/${encodeURIComponent(run)}/export?single_file=${Number(singleFile)}`,
  }
}

const plain = (classes: Classes) => (classes instanceof Uint8Array ? [...classes] : classes)

function toText(numbers: Float32Array): string {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function toNumbers(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer)
}

/** Hear the server until the returned function is called; a lost connection is tried again. */
function listen(hear: Hearing): () => void {
  let socket: WebSocket | null = null
  let wait = 500
  let over = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = () => {
    const address = new URL('api/live', location.href)
    address.protocol = 'ws:'
    address.hash = ''
    socket = new WebSocket(address)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      wait = 500
      hear.connected(true)
    }
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) void handle(data, hear).then((drawn) => drawn && socket?.readyState === 1 && socket.send('{"type":"drawn"}'))
    }
    socket.onclose = () => {
      if (over) return
      hear.connected(false)
      void fetch('api/runs').then(async (answer) => answer.status === 403 && hear.refused(await words(answer)), () => null)
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
      hear.kept(header.run, header.entry)
      return false
    case 'metrics':
      hear.metrics(header.run, header.rows)
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
