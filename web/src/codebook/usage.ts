export interface Use {
  /** How often each entry is used. */
  counts: Uint32Array
  /** Places of all images. */
  total: number
  /** Entries from the one that is used most. */
  order: number[]
  /** How many are used at all. */
  used: number
  /** exp(H) of the shares: as many entries, all used alike, would hold as much. */
  perplexity: number
}

/** How often each of so many entries is used. */
export function usage(entries: ArrayLike<number>, many: number): Use {
  const counts = new Uint32Array(many)
  for (let i = 0; i < entries.length; i++) counts[entries[i]!]!++
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b)
  let entropy = 0
  for (const count of counts) if (count) entropy -= (count / entries.length) * Math.log(count / entries.length)
  return { counts, total: entries.length, order, used: order.filter((entry) => counts[entry]! > 0).length, perplexity: Math.exp(entropy) }
}
