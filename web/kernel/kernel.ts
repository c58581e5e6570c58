// Three functions are all of a network that takes time. Compiled by AssemblyScript with SIMD; pointers are bytes.

const LANES: i32 = 4

/** c (m, n) = a (m, k) b (k, n), started from a bias per row, per column, or zero. */
export function product(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32, bias: usize, perRow: bool): void {
  let row = 0
  for (; row + 4 <= m; row += 4) fourRows(a, b, c, row, k, n, bias, perRow)
  for (; row < m; row++) oneRow(a, b, c, row, k, n, bias, perRow)
}

function fourRows(a: usize, b: usize, c: usize, row: i32, k: i32, n: i32, bias: usize, perRow: bool): void {
  const a0 = a + ((<usize>(row * k)) << 2)
  const step = (<usize>k) << 2
  const wide = (<usize>n) << 2
  let column = 0
  for (; column + 8 <= n; column += 8) {
    let s00 = start(bias, perRow, row, column), s01 = start(bias, perRow, row, column + LANES)
    let s10 = start(bias, perRow, row + 1, column), s11 = start(bias, perRow, row + 1, column + LANES)
    let s20 = start(bias, perRow, row + 2, column), s21 = start(bias, perRow, row + 2, column + LANES)
    let s30 = start(bias, perRow, row + 3, column), s31 = start(bias, perRow, row + 3, column + LANES)
    let left = a0
    let right = b + ((<usize>column) << 2)
    for (let i = 0; i < k; i++) {
      const b0 = v128.load(right), b1 = v128.load(right, 16)
      let factor = v128.load32_splat(left)
      s00 = f32x4.add(s00, f32x4.mul(factor, b0))
      s01 = f32x4.add(s01, f32x4.mul(factor, b1))
      factor = v128.load32_splat(left + step)
      s10 = f32x4.add(s10, f32x4.mul(factor, b0))
      s11 = f32x4.add(s11, f32x4.mul(factor, b1))
      factor = v128.load32_splat(left + 2 * step)
      s20 = f32x4.add(s20, f32x4.mul(factor, b0))
      s21 = f32x4.add(s21, f32x4.mul(factor, b1))
      factor = v128.load32_splat(left + 3 * step)
      s30 = f32x4.add(s30, f32x4.mul(factor, b0))
      s31 = f32x4.add(s31, f32x4.mul(factor, b1))
      left += 4
      right += wide
    }
    const out = c + ((<usize>(row * n + column)) << 2)
    v128.store(out, s00); v128.store(out, s01, 16)
    v128.store(out + wide, s10); v128.store(out + wide, s11, 16)
    v128.store(out + 2 * wide, s20); v128.store(out + 2 * wide, s21, 16)
    v128.store(out + 3 * wide, s30); v128.store(out + 3 * wide, s31, 16)
  }
  for (let r = row; r < row + 4; r++) restOfRow(a, b, c, r, column, k, n, bias, perRow)
}

function oneRow(a: usize, b: usize, c: usize, row: i32, k: i32, n: i32, bias: usize, perRow: bool): void {
  const wide = (<usize>n) << 2
  let column = 0
  for (; column + 16 <= n; column += 16) {
    let s0 = start(bias, perRow, row, column), s1 = start(bias, perRow, row, column + LANES)
    let s2 = start(bias, perRow, row, column + 2 * LANES), s3 = start(bias, perRow, row, column + 3 * LANES)
    let left = a + ((<usize>(row * k)) << 2)
    let right = b + ((<usize>column) << 2)
    for (let i = 0; i < k; i++) {
      const factor = v128.load32_splat(left)
      s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(right)))
      s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(right, 16)))
      s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(right, 32)))
      s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(right, 48)))
      left += 4
      right += wide
    }
    const out = c + ((<usize>(row * n + column)) << 2)
    v128.store(out, s0); v128.store(out, s1, 16); v128.store(out, s2, 32); v128.store(out, s3, 48)
  }
  restOfRow(a, b, c, row, column, k, n, bias, perRow)
}

function restOfRow(a: usize, b: usize, c: usize, row: i32, from: i32, k: i32, n: i32, bias: usize, perRow: bool): void {
  const wide = (<usize>n) << 2
  let column = from
  for (; column + LANES <= n; column += LANES) {
    let sum = start(bias, perRow, row, column)
    let left = a + ((<usize>(row * k)) << 2)
    let right = b + ((<usize>column) << 2)
    for (let i = 0; i < k; i++) {
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(left), v128.load(right)))
      left += 4
      right += wide
    }
    v128.store(c + ((<usize>(row * n + column)) << 2), sum)
  }
  for (; column < n; column++) {
    let sum: f32 = bias == 0 ? 0 : load<f32>(bias + ((<usize>(perRow ? row : column)) << 2))
    let left = a + ((<usize>(row * k)) << 2)
    let right = b + ((<usize>column) << 2)
    for (let i = 0; i < k; i++) {
      sum += load<f32>(left) * load<f32>(right)
      left += 4
      right += wide
    }
    store<f32>(c + ((<usize>(row * n + column)) << 2), sum)
  }
}

// @ts-ignore: decorator
@inline
function start(bias: usize, perRow: bool, row: i32, column: i32): v128 {
  if (bias == 0) return f32x4.splat(0)
  return perRow ? v128.load32_splat(bias + ((<usize>row) << 2)) : v128.load(bias + ((<usize>column) << 2))
}

/** The patches of x (c, h, w) as columns of p (c kh kw, oh ow); zeros around. */
export function unfold(
  x: usize, p: usize, c: i32, h: i32, w: i32, kh: i32, kw: i32, oh: i32, ow: i32, stride: i32, padding: i32,
): void {
  let out = p
  for (let channel = 0; channel < c; channel++) {
    for (let ky = 0; ky < kh; ky++) {
      for (let kx = 0; kx < kw; kx++) {
        for (let oy = 0; oy < oh; oy++) {
          const y = oy * stride + ky - padding
          const line = x + ((<usize>((channel * h + y) * w)) << 2)
          const inside = y >= 0 && y < h
          for (let ox = 0; ox < ow; ox++) {
            const column = ox * stride + kx - padding
            const value: f32 = inside && column >= 0 && column < w ? load<f32>(line + ((<usize>column) << 2)) : 0
            store<f32>(out, value)
            out += 4
          }
        }
      }
    }
  }
}

/** Adds the patches p (c kh kw, h w) of a transposed convolution into y (c, oh, ow), started from a bias per channel. */
export function fold(
  p: usize, y: usize, c: i32, h: i32, w: i32, kh: i32, kw: i32, oh: i32, ow: i32, stride: i32, padding: i32, bias: usize,
): void {
  for (let channel = 0; channel < c; channel++) {
    const value: f32 = bias == 0 ? 0 : load<f32>(bias + ((<usize>channel) << 2))
    const plane = y + ((<usize>(channel * oh * ow)) << 2)
    for (let i = 0; i < oh * ow; i++) store<f32>(plane + ((<usize>i) << 2), value)
  }
  let from = p
  for (let channel = 0; channel < c; channel++) {
    for (let ky = 0; ky < kh; ky++) {
      for (let kx = 0; kx < kw; kx++) {
        for (let iy = 0; iy < h; iy++) {
          const row = iy * stride + ky - padding
          const line = y + ((<usize>((channel * oh + row) * ow)) << 2)
          const inside = row >= 0 && row < oh
          for (let ix = 0; ix < w; ix++) {
            const column = ix * stride + kx - padding
            if (inside && column >= 0 && column < ow) {
              const place = line + ((<usize>column) << 2)
              store<f32>(place, load<f32>(place) + load<f32>(from))
            }
            from += 4
          }
        }
      }
    }
  }
}
