import type { Weights } from './manifest'
import type { Live } from '../source/source'
import type { Engine } from './engine'
import type { Classes, Codes, Pixels } from './networks'

/** A model that a page cannot compute: the server does. */
export class Remote implements Engine {
  readonly backend = 'server'
  /** undefined: nothing is shown yet. */
  private step: number | null | undefined

  constructor(
    private readonly live: Live,
    private readonly run: string,
  ) {}

  load(_: Weights, step: number | null): void {
    this.step = step
  }

  async decode(z: Float32Array, classes: Classes): Promise<Pixels> {
    return this.live.decode(this.run, this.at(), z, classes, false)
  }

  async draw(z: Float32Array, classes: Classes): Promise<Float32Array> {
    return (await this.live.decode(this.run, this.at(), z, classes, true)).mean
  }

  async encode(x: Float32Array, classes: Classes): Promise<Codes> {
    return this.live.encode(this.run, this.at(), x, classes)
  }

  part(): Promise<never> {
    return Promise.reject(new Error('the server computes no part of a model'))
  }

  trace(): null {
    return null
  }

  private at(): number | null {
    if (this.step === undefined) throw new Error('no step of the run has been opened yet')
    return this.step
  }

  close(): void {}
}
