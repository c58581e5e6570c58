const MILLISECONDS = 140

/** Where points are drawn: on their way from one step's places to the next one's. */
export class Motion {
  places: Float32Array = new Float32Array(0)
  moving = false
  private from: Float32Array = this.places
  private to: Float32Array = this.places
  private began = 0

  /** Have the points go somewhere; other points than before, or impatient ones, are there at once. */
  go(to: Float32Array, atOnce: boolean): void {
    this.moving = !atOnce && to.length === this.places.length
    this.from = this.places
    this.to = to
    this.began = performance.now()
    if (!this.moving) this.places = to
  }

  /** Move on to where they are now; whether they had to. */
  advance(): boolean {
    if (!this.moving) return false
    const t = Math.min(1, (performance.now() - this.began) / MILLISECONDS)
    const { from, to } = this
    this.moving = t < 1
    this.places = this.moving ? to.map((value, i) => from[i]! + t * (value - from[i]!)) : to
    return true
  }
}
