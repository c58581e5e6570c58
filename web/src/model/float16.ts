let table: Float32Array | null = null

/** float16 bits as numbers: exact, by a table of all 65,536. */
export function fromHalf(bits: ArrayBuffer): Float32Array {
  table ??= makeTable()
  const halves = new Uint16Array(bits)
  const numbers = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) numbers[i] = table[halves[i]!]!
  return numbers
}

function makeTable(): Float32Array {
  const values = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24
    else if (exponent === 31) values[bits] = fraction ? NaN : sign * Infinity
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return values
}
