import { Networks } from './networks'
import type { Answer, Request } from './engine'

let networks: Networks | null = null

function answer(request: Request): [unknown, Transferable[]] {
  if (request.do === 'create') {
    networks = new Networks(request.manifest, request.backend)
    return [networks.backend, []]
  }
  if (networks === null) throw new Error('the worker was asked before it had a network')
  switch (request.do) {
    case 'load':
      networks.load(request.weights)
      return [null, []]
    case 'decode': {
      const { mean, scale } = networks.decode(request.z, request.classes)
      return [{ mean, scale }, scale ? [mean.buffer, scale.buffer] : [mean.buffer]]
    }
    case 'trace':
      return [networks.trace(request.x, request.z, request.encodeAs, request.decodeAs), []]
    case 'encode': {
      const codes = networks.encode(request.x, request.classes)
      return [codes, [codes.loc.buffer, codes.scale.buffer]]
    }
    case 'part': {
      const found = networks.part(request.part, request.given, request.classes)
      return [found, Object.values(found).map((values) => values.buffer)]
    }
  }
}

self.onmessage = (event: MessageEvent<Request>) => {
  let reply: Answer
  let moved: Transferable[] = []
  try {
    const [value, transfer] = answer(event.data)
    reply = { id: event.data.id, value }
    moved = transfer
  } catch (error) {
    reply = { id: event.data.id, error: error instanceof Error ? error.message : String(error) }
  }
  self.postMessage(reply, { transfer: moved })
}
