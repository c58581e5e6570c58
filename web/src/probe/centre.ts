/**
 * A drawing as MNIST prepares its digits: scaled into 20/28 of the frame, its centre of mass in the middle
 * (LeCun et al., 1998). Without centring it is only averaged down.
 *
 * @param ink darkness 0..1 of a square drawing, `side` x `side`
 * @param shape height and width of the images
 */
export function asImage(ink: Float32Array, side: number, shape: [number, number], centred: boolean): Float32Array {
  let [top, left, bottom, right] = [side, side, -1, -1]
  let [mass, my, mx] = [0, 0, 0]
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const value = ink[y * side + x]!
      if (value <= 0.02) continue
      top = Math.min(top, y)
      bottom = Math.max(bottom, y)
      left = Math.min(left, x)
      right = Math.max(right, x)
      mass += value
      my += value * (y + 0.5)
      mx += value * (x + 0.5)
    }
  }
  const [height, width] = shape
  const out = new Float32Array(height * width)
  if (bottom < 0) return out
  const least = Math.min(height, width)
  const box = Math.max(bottom - top + 1, right - left + 1)
  const scale = centred ? box / ((20 / 28) * least) : side / least
  const cy = centred ? my / mass : side / 2
  const cx = centred ? mx / mass : side / 2
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      out[row * width + column] = mean(ink, side, cy + (row - height / 2) * scale, cx + (column - width / 2) * scale, scale)
    }
  }
  return out
}

/** Mean over a square of the drawing; outside there is none. */
function mean(ink: Float32Array, side: number, top: number, left: number, length: number): number {
  let sum = 0
  for (let y = Math.floor(top); y < top + length; y++) {
    const tall = Math.min(y + 1, top + length) - Math.max(y, top)
    if (y < 0 || y >= side) continue
    for (let x = Math.floor(left); x < left + length; x++) {
      if (x < 0 || x >= side) continue
      sum += tall * (Math.min(x + 1, left + length) - Math.max(x, left)) * ink[y * side + x]!
    }
  }
  return sum / (length * length)
}
