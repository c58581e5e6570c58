export type Segment = [x1: number, y1: number, x2: number, y2: number]

/**
 * Where a function crosses a level, by marching squares: short lines in units of the grid.
 *
 * @param values at the corners of the grid, row by row
 */
export function contour(values: ArrayLike<number>, columns: number, rows: number, level: number): Segment[] {
  const found: Segment[] = []
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column
      const corners = [values[at]!, values[at + 1]!, values[at + columns + 1]!, values[at + columns]!] as const
      const crossings: [number, number][] = []
      for (let side = 0; side < 4; side++) {
        const [p, q] = [corners[side]!, corners[(side + 1) % 4]!]
        if (p >= level === q >= level) continue
        const t = (level - p) / (q - p)
        crossings.push([[column + t, row], [column + 1, row + t], [column + 1 - t, row + 1], [column, row + 1 - t]][side] as [number, number])
      }
      for (let i = 0; i + 1 < crossings.length; i += 2) found.push([...crossings[i]!, ...crossings[i + 1]!])
    }
  }
  return found
}
