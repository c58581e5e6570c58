/** Where a step is on the axis of time, 0 to 1: by log(1 + step), as most happens early. */
export const along = (step: number, end: number) => Math.log1p(Math.max(0, step)) / Math.log1p(Math.max(1, end))

/** Steps that the axis names: 0 and the powers of ten, and the end where there is room for it. */
export function named(end: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log10(Math.max(1, end))) + 1 }, (_, i) => 10 ** i)
  const last = powers.at(-1)!
  return [0, ...powers.slice(0, -1), ...(along(last, end) < 0.94 ? [last, end] : [end])]
}
