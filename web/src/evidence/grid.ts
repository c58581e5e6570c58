/** log p(x, z) = log p(x|z) + log p(z) in nats at n codes, n x d. */
export type LogJoint = (z: Float32Array) => Promise<Float64Array>

/** p(z|x) at the nodes of a grid that lies only where its mass is. */
export interface Grid {
  /** log p(x): of the sum of p(x, z) over the nodes times the area of a cell. */
  logEvidence: number
  /** By how much it differs when every second node of each dimension is left out. */
  change: number
  /** Codes that were decoded, with those of the coarser grids. */
  decoded: number
  /** Of the first grid, and of the last, in each dimension. */
  coarse: number[]
  spacing: number[]
  /** log p(x, z) by node, see `placeOf`. */
  nodes: Map<number, number>
}

/** Below this change a finer grid alters nothing that is shown. */
export const SETTLED = 0.01
/** Nodes of the first grid along each dimension, of codes of one and of two. */
const NODES = [512, 48] as const
/** Nats below the largest density that are left out: of a normal distribution in two dimensions one part in a million. */
const REACH = 14
/** The spacing is halved until it is less than 0.4 standard deviations of the posterior's bends. */
const SMOOTH = 0.16
const MOST_DECODED = 40_000
const HALF = 2 ** 25
const STRIDE = 2 * HALF

export const keyOf = ([i, j]: number[]) => (j === undefined ? i! : (i! + HALF) * STRIDE + j + HALF)

/** The integers that a node is, in units of the spacing. */
export const placeOf = (key: number, d: number): number[] => (d === 1 ? [key] : [Math.floor(key / STRIDE) - HALF, (key % STRIDE) - HALF])

/** Every combination of one entry for each dimension. */
const combined = (entries: number[][]): number[][] => entries.reduce<number[][]>((all, each) => all.flatMap((place) => each.map((entry) => [...place, entry])), [[]])

const AROUND = [-1, 0, 1]

/**
 * The exact posterior of a code of one or two dimensions by sums over grids: a coarse one over all that the code may be, then
 * ever finer ones around what holds the mass, wherever that leads. For smooth densities such a sum is exact to
 * 2 exp(-2 (pi sigma / spacing)^2): "The exponentially convergent trapezoidal rule" (Trefethen and Weideman, 2014).
 *
 * @param from where the first grid begins in each dimension, and ends
 * @param seed a code that is looked at closely in any case: the mean of q(z|x)
 */
export async function posteriorOn(logJoint: LogJoint, from: number[], to: number[], seed: ArrayLike<number>): Promise<Grid> {
  const d = from.length
  const spacing = from.map((low, k) => (to[k]! - low) / NODES[d - 1]!)
  const coarse = [...spacing]
  let nodes = new Map<number, number>()
  let decoded = 0
  let top = -Infinity
  const ask = async (keys: number[]) => {
    const fresh = [...new Set(keys)].filter((key) => !nodes.has(key))
    if (fresh.length === 0) return fresh
    const values = await logJoint(Float32Array.from(fresh.flatMap((key) => placeOf(key, d).map((entry, k) => entry * spacing[k]!))))
    decoded += fresh.length
    fresh.forEach((key, i) => nodes.set(key, values[i]!))
    top = values.reduce((most, value) => Math.max(most, value), top)
    return fresh
  }
  const near = (key: number, steps: number[][]) => combined(placeOf(key, d).map((entry, k) => steps[k]!.map((step) => entry + step))).map(keyOf)
  const everywhere = from.map(() => AROUND)
  await ask(combined(from.map((low, k) => Array.from({ length: NODES[d - 1]! + 1 }, (_, i) => Math.round(low / spacing[k]!) + i))).map(keyOf))
  for (;;) {
    await ask(combined(spacing.map((step, k) => [Math.floor(seed[k]! / step), Math.ceil(seed[k]! / step)])).map(keyOf))
    // whatever touches the mass is asked too, until the mass ends
    for (let rim = [...nodes.keys()]; rim.length && decoded < MOST_DECODED; ) {
      rim = await ask(rim.filter((key) => nodes.get(key)! > top - REACH).flatMap((key) => near(key, everywhere)))
    }
    const bends = bendsOf(nodes, d, top)
    const halved = bends.map((bend) => bend > SMOOTH)
    if (!halved.some(Boolean) || decoded >= MOST_DECODED) break
    const kept = [...nodes].filter(([key, value]) => value + hidden(nodes, key, d) > top - REACH)
    const doubled = (key: number) => keyOf(placeOf(key, d).map((entry, k) => (halved[k] ? 2 * entry : entry)))
    nodes = new Map(kept.map(([key, value]) => [doubled(key), value]))
    halved.forEach((yes, k) => (spacing[k]! /= yes ? 2 : 1))
    await ask([...nodes.keys()].flatMap((key) => near(key, halved.map((yes) => (yes ? AROUND : [0])))))
  }
  const cell = spacing.reduce((sum, step) => sum + Math.log(step), 0)
  const logEvidence = logSum(nodes.values()) + cell
  const second = [...nodes].filter(([key]) => placeOf(key, d).every((entry) => entry % 2 === 0)).map(([, value]) => value)
  return { logEvidence, change: Math.abs(logSum(second) + cell + d * Math.LN2 - logEvidence), decoded, coarse, spacing, nodes }
}

export function logSum(values: Iterable<number>): number {
  const all = [...values]
  const most = all.reduce((a, b) => Math.max(a, b), -Infinity)
  return most === -Infinity ? most : most + Math.log(all.reduce((sum, value) => sum + Math.exp(value - most), 0))
}

/** Second difference of the log density along a dimension; null at the rim. */
function bend(nodes: Map<number, number>, key: number, d: number, k: number): number | null {
  const at = placeOf(key, d)
  const [before, after] = [-1, 1].map((step) => nodes.get(keyOf(at.map((entry, m) => (m === k ? entry + step : entry)))))
  return before === undefined || after === undefined ? null : before + after - 2 * nodes.get(key)!
}

/** Its size in each dimension, the mean under the posterior: (spacing / standard deviation)^2 of a normal one. */
function bendsOf(nodes: Map<number, number>, d: number, top: number): number[] {
  return Array.from({ length: d }, (_, k) => {
    let [sum, mass] = [0, 0]
    for (const [key, value] of nodes) {
      const size = value > top - REACH ? bend(nodes, key, d, k) : null
      if (size === null) continue
      mass += Math.exp(value - top)
      sum += Math.exp(value - top) * Math.abs(size)
    }
    return mass ? sum / mass : Infinity
  })
}

/** How much larger the log density may be between a node and the next ones, of a parabola through them. */
function hidden(nodes: Map<number, number>, key: number, d: number): number {
  return Array.from({ length: d }, (_, k) => Math.abs(bend(nodes, key, d, k) ?? 0) / 8).reduce((a, b) => a + b)
}

/** Nodes of the sum over q are so many of its standard deviations apart, and reach so far. */
const STEP = 0.5
const FAR = 6

/** E_q[log p(x, z)] + the entropy of q = N(loc, diag scale^2), the ELBO of one image, by a sum over a grid in units of q. */
export async function elboOn(logJoint: LogJoint, loc: ArrayLike<number>, scale: ArrayLike<number>): Promise<number> {
  const d = loc.length
  const line = Array.from({ length: (2 * FAR) / STEP + 1 }, (_, i) => i * STEP - FAR)
  const epsilon = combined(Array.from({ length: d }, () => line))
  const values = await logJoint(Float32Array.from(epsilon.flatMap((each) => each.map((entry, k) => loc[k]! + scale[k]! * entry))))
  let [sum, mass] = [0, 0]
  epsilon.forEach((each, i) => {
    const weight = Math.exp(-0.5 * each.reduce((square, entry) => square + entry * entry, 0))
    mass += weight
    sum += weight * values[i]!
  })
  const entropy = Array.from({ length: d }, (_, k) => 0.5 * Math.log(2 * Math.PI * Math.E) + Math.log(scale[k]!)).reduce((a, b) => a + b)
  return sum / mass + entropy
}

/** The log densities above which so much of the mass lies. */
export function levelsOf({ nodes }: Grid, masses: number[]): number[] {
  const values = [...nodes.values()].sort((a, b) => b - a)
  const weights = values.map((value) => Math.exp(value - values[0]!))
  const all = weights.reduce((a, b) => a + b, 0)
  let above = 0
  // half of a node's own mass lies above its density
  const held = weights.map((weight) => (above += weight) - weight / 2)
  return masses.map((mass) => {
    const i = held.findIndex((sum) => sum >= mass * all)
    if (i <= 0) return values.at(i)!
    const part = (mass * all - held[i - 1]!) / (held[i]! - held[i - 1]!)
    return values[i - 1]! + part * (values[i]! - values[i - 1]!)
  })
}
