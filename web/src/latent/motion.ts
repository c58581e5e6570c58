const MILLISECONDS = 200

/** The way from 0 to 1, quick at first and slow at the end. */
export function eased(t: number): number {
  return t >= 1 ? 1 : 1 - (1 - t) ** 3
}

/** Numbers on their way from where they are to where they shall be: places of points, a cloud. */
export class Motion {
  places: Float32Array = new Float32Array(0)
  moving = false
  private from: Float32Array = this.places
  private to: Float32Array = this.places
  private began = 0
  private time = MILLISECONDS
  private even = false

  /** Have them go somewhere; others than before, or impatient ones, are there at once. `even`: without slowing down, since they will go on. */
  go(to: Float32Array, atOnce: boolean, time = MILLISECONDS, even = false): void {
    this.advance()
    this.moving = !atOnce && to.length === this.places.length
    this.from = this.places
    this.to = to
    this.time = time
    this.even = even
    this.began = performance.now()
    if (!this.moving) this.places = to
  }

  /** Move on to where they are now; whether they had to. */
  advance(): boolean {
    if (!this.moving) return false
    const part = Math.min(1, (performance.now() - this.began) / this.time)
    const t = this.even ? part : eased(part)
    const { from, to } = this
    this.moving = part < 1
    this.places = this.moving ? to.map((value, i) => from[i]! + t * (value - from[i]!)) : to
    return true
  }
}
