import KernelWorker from './worker?worker&inline'
import { BundleError, type Manifest, type Weights } from './manifest'
import { type Classes, type Codes, Networks, type Part, type Pixels, type Trace } from './networks'

export type BackendChoice = 'auto' | 'wasm' | 'plain'

type Asked =
  | { do: 'create'; manifest: Manifest; backend: BackendChoice }
  | { do: 'load'; weights: Weights }
  | { do: 'decode'; z: Float32Array; classes: Classes }
  | { do: 'encode'; x: Float32Array; classes: Classes }
  | { do: 'part'; part: Part; given: Float32Array; classes: Classes }
  | { do: 'trace'; x: Float32Array; z: Float32Array; encodeAs: Classes; decodeAs: Classes }
export type Request = Asked & { id: number }
export type Answer = { id: number; value: unknown } | { id: number; error: string }

/** Encoder and decoder of one step, in a worker where there can be one. */
export interface Engine {
  readonly backend: 'wasm' | 'plain' | 'server'
  /** Weights of a kept step, or of a training at the moment (null); whatever is asked later uses them. */
  load(weights: Weights, step: number | null): void
  /** Of n x d codes. */
  decode(z: Float32Array, classes: Classes): Promise<Pixels>
  /** n images in the pixels' domain to their codes. */
  encode(x: Float32Array, classes: Classes): Promise<Codes>
  /** What one network of a model with two levels makes of n inputs. */
  part(part: Part, given: Float32Array, classes: Classes): Promise<Record<string, Float32Array>>
  /** What each layer makes of an image and of a code; null: the page does not compute them. */
  trace(x: Float32Array, z: Float32Array, encodeAs: Classes, decodeAs: Classes): Promise<Trace> | null
  close(): void
}

export async function createEngine(manifest: Manifest, backend: BackendChoice = 'auto'): Promise<Engine> {
  const networks = { ...manifest, metrics: [], golden: {} }
  try {
    const engine = new InWorker(new KernelWorker())
    await engine.create(networks, backend)
    return engine
  } catch {
    // no worker is allowed here; what is wrong with the networks themselves is thrown again
    return new InPlace(new Networks(networks, backend))
  }
}

class InWorker implements Engine {
  backend: 'wasm' | 'plain' = 'plain'
  private next = 0
  private fresh: Weights | null = null
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()

  constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const call = this.waiting.get(data.id)
      this.waiting.delete(data.id)
      if ('error' in data) call?.reject(new BundleError(data.error))
      else call?.resolve(data.value as never)
    }
    worker.onerror = (event) => {
      for (const call of this.waiting.values()) call.reject(new BundleError(`The computing worker failed: ${event.message}`))
      this.waiting.clear()
    }
  }

  async create(manifest: Manifest, backend: BackendChoice): Promise<void> {
    this.backend = await this.ask({ do: 'create', manifest, backend })
  }

  load(weights: Weights): void {
    this.fresh = weights
  }

  decode(z: Float32Array, classes: Classes): Promise<Pixels> {
    this.passOn()
    return this.ask({ do: 'decode', z, classes })
  }

  encode(x: Float32Array, classes: Classes): Promise<Codes> {
    this.passOn()
    return this.ask({ do: 'encode', x, classes })
  }

  part(part: Part, given: Float32Array, classes: Classes): Promise<Record<string, Float32Array>> {
    this.passOn()
    return this.ask({ do: 'part', part, given, classes })
  }

  trace(x: Float32Array, z: Float32Array, encodeAs: Classes, decodeAs: Classes): Promise<Trace> {
    this.passOn()
    return this.ask({ do: 'trace', x, z, encodeAs, decodeAs })
  }

  close(): void {
    this.worker.terminate()
    for (const call of this.waiting.values()) call.reject(new BundleError('closed'))
    this.waiting.clear()
  }

  /** Weights travel to the worker when something is to be computed with them, not before. */
  private passOn(): void {
    if (this.fresh) this.ask({ do: 'load', weights: this.fresh }).catch(() => {}) // what is computed next fails with the same words
    this.fresh = null
  }

  private ask<T>(asked: Asked): Promise<T> {
    const id = this.next++
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.worker.postMessage({ ...asked, id })
    })
  }
}

class InPlace implements Engine {
  readonly backend: 'wasm' | 'plain'

  constructor(private readonly networks: Networks) {
    this.backend = networks.backend
  }

  load(weights: Weights): void {
    this.networks.load(weights)
  }

  decode(z: Float32Array, classes: Classes): Promise<Pixels> {
    return Promise.resolve(this.networks.decode(z, classes))
  }

  encode(x: Float32Array, classes: Classes): Promise<Codes> {
    return Promise.resolve(this.networks.encode(x, classes))
  }

  part(part: Part, given: Float32Array, classes: Classes): Promise<Record<string, Float32Array>> {
    return Promise.resolve(this.networks.part(part, given, classes))
  }

  trace(x: Float32Array, z: Float32Array, encodeAs: Classes, decodeAs: Classes): Promise<Trace> {
    return Promise.resolve(this.networks.trace(x, z, encodeAs, decodeAs))
  }

  close(): void {}
}
