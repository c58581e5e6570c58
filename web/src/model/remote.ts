import type { Live } from '../source/source'
import type { Classes, Codes, Engine } from './engine'

/** A model that a page cannot compute: the server does. */
export class Remote implements Engine {
  readonly backend = 'server'
  private step: number | null = null

  constructor(
    private readonly live: Live,
    private readonly run: string,
  ) {}

  load(_: ArrayBuffer, step: number | null): void {
    this.step = step
  }

  decode(z: Float32Array, classes: Classes): Promise<Float32Array> {
    return this.live.decode(this.run, this.step, z, classes)
  }

  encode(x: Float32Array, classes: Classes): Promise<Codes> {
    return this.live.encode(this.run, this.step, x, classes)
  }

  close(): void {}
}
