import * as store from '../state/store'

const IMAGES = 400
const JUDGES = 60
/** Nats below the middle of the data at which a place is as good as unknown. */
const DEPTH = 7
const FAINTEST = 0.1

/** How well the decoder knows a place: log q(z), the aggregate posterior of some of the images, beside what it is where codes lie. */
export class Known {
  private readonly d: number
  private readonly rows: number[] = []
  private readonly middle: number = 0

  /** @param least standard deviation in units of the code that no posterior is narrower than: between two tiles nothing gets lost */
  constructor(private readonly least: number) {
    const shown = store.snapshot.value
    this.d = shown ? shown.loc.length / shown.count : 0
    if (!shown) return
    const every = Math.max(1, Math.floor(shown.count / IMAGES))
    for (let row = 0; row < shown.count; row += every) this.rows.push(row)
    const judges = this.rows.filter((_, i) => i % Math.max(1, Math.floor(this.rows.length / JUDGES)) === 0)
    const found = judges.map((row) => this.logDensity(shown.loc.subarray(row * this.d, (row + 1) * this.d))).sort((a, b) => a - b)
    this.middle = found[Math.floor(found.length / 2)] ?? 0
  }

  opacity(z: ArrayLike<number>): number {
    return Math.min(1, Math.max(FAINTEST, 1 + (this.logDensity(z) - this.middle) / DEPTH))
  }

  /** Up to a constant. */
  private logDensity(z: ArrayLike<number>): number {
    const shown = store.snapshot.peek()
    if (!shown || shown.loc.length !== shown.count * this.d) return 0
    const { loc, scale } = shown
    let most = -Infinity
    let sum = 0
    for (const row of this.rows) {
      let log = 0
      for (let k = 0; k < this.d; k++) {
        const s = Math.max(this.least, scale[row * this.d + k]!)
        const away = (z[k]! - loc[row * this.d + k]!) / s
        log -= 0.5 * away * away + Math.log(s)
      }
      if (log > most) {
        sum = sum * Math.exp(most - log) + 1
        most = log
      } else sum += Math.exp(log - most)
    }
    return most + Math.log(sum)
  }
}
