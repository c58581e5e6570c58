import type { Ink } from '../model/manifest'

export type Point = [x: number, y: number]

/** Parts of a pixel's side that are inked or not. */
const PARTS = 4
const HALVINGS = 8

/**
 * A drawing in brightness 0..1, drawn as the training images are: of their size, at their place, with a stroke as wide.
 *
 * @param strokes lines through places of a square of `side` x `side`
 * @param placed false: where it was drawn, and as large
 */
export function asImage(strokes: Point[][], side: number, [height, width]: [number, number], ink: Ink, placed: boolean): Float32Array {
  if (strokes.length === 0) return new Float32Array(height * width).fill(ink.ground)
  const draw = (stroke: number) => (placed ? atCentre(fitted(strokes, ink, stroke), ink, stroke, height, width) : cover(atPlace(strokes, side, height, width), stroke, height, width))
  const image = draw(placed && ink.mass !== null ? strokeOf(ink.mass, ink.stroke, draw) : ink.stroke)
  return image.map((part) => ink.ground + part * (ink.ink - ink.ground))
}

/** The width at which a drawing has so much ink, by bisection. */
function strokeOf(mass: number, usual: number, draw: (stroke: number) => Float32Array): number {
  let [low, high] = [usual / 3, usual * 3]
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2
    if (draw(middle).reduce((sum, part) => sum + part, 0) < mass) low = middle
    else high = middle
  }
  return low
}

function atCentre(strokes: Point[][], ink: Ink, stroke: number, height: number, width: number): Float32Array {
  const image = cover(strokes, stroke, height, width)
  if (ink.centre === 'box') return image
  const [y, x] = centreOfMass(image, width)
  return cover(moved(strokes, ink.at[1] - x, ink.at[0] - y), stroke, height, width)
}

const moved = (strokes: Point[][], dx: number, dy: number) => strokes.map((stroke) => stroke.map(([x, y]): Point => [x + dx, y + dy]))

function atPlace(strokes: Point[][], side: number, height: number, width: number): Point[][] {
  const scale = Math.min(height, width) / side
  return strokes.map((stroke) => stroke.map(([x, y]): Point => [x * scale + (width - side * scale) / 2, y * scale + (height - side * scale) / 2]))
}

/** The longer side with its stroke as long as those of the training images, the middle of the box at their place. */
function fitted(strokes: Point[][], ink: Ink, stroke: number): Point[][] {
  const points = strokes.flat()
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  const [wide, tall] = [Math.max(...xs) - left, Math.max(...ys) - top]
  const scale = Math.max(0, ink.longest - stroke) / Math.max(wide, tall, 1e-6)
  const [y, x] = ink.at
  return strokes.map((line) => line.map(([px, py]): Point => [x + (px - left - wide / 2) * scale, y + (py - top - tall / 2) * scale]))
}

/** How much of each pixel lies within half a stroke of a line. */
function cover(strokes: Point[][], stroke: number, height: number, width: number): Float32Array {
  const inked = new Uint8Array(height * width * PARTS * PARTS)
  const reach = (stroke / 2) * PARTS
  const columns = width * PARTS
  for (const points of strokes) {
    points.forEach(([bx, by], i) => {
      const [ax, ay] = points[Math.max(0, i - 1)]!
      line(ax * PARTS, ay * PARTS, bx * PARTS, by * PARTS, reach, columns, height * PARTS, (at) => (inked[at] = 1))
    })
  }
  const image = new Float32Array(height * width)
  inked.forEach((value, at) => {
    image[Math.floor(at / columns / PARTS) * width + Math.floor((at % columns) / PARTS)]! += value / PARTS ** 2
  })
  return image
}

/** Visit the cells whose middle is within `reach` of the line from a to b. */
function line(ax: number, ay: number, bx: number, by: number, reach: number, columns: number, rows: number, visit: (at: number) => void): void {
  const square = (bx - ax) ** 2 + (by - ay) ** 2
  const within = (low: number, high: number, most: number) => [Math.max(0, Math.floor(low - reach)), Math.min(most - 1, Math.ceil(high + reach))] as const
  const [top, bottom] = within(Math.min(ay, by), Math.max(ay, by), rows)
  const [left, right] = within(Math.min(ax, bx), Math.max(ax, bx), columns)
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const [x, y] = [column + 0.5 - ax, row + 0.5 - ay]
      const t = square ? Math.min(1, Math.max(0, (x * (bx - ax) + y * (by - ay)) / square)) : 0
      if (Math.hypot(x - t * (bx - ax), y - t * (by - ay)) <= reach) visit(row * columns + column)
    }
  }
}

export function centreOfMass(image: Float32Array, width: number): [number, number] {
  let [mass, y, x] = [0, 0, 0]
  image.forEach((value, i) => {
    mass += value
    y += value * (Math.floor(i / width) + 0.5)
    x += value * ((i % width) + 0.5)
  })
  return [y / mass, x / mass]
}
