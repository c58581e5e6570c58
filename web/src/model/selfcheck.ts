import { bytesOf } from './base64'
import type { Engine } from './engine'
import type { Golden, Manifest } from './manifest'

export interface Check {
  ok: boolean
  worstDecode: number
  worstEncode: number
  tolerance: number
}

const TOLERANCE = 1e-3

/**
 * Compare with what PyTorch computed from the same rounded weights.
 *
 * @param engine with the weights of the golden step
 * @param pixels image `index` of the bundle in the pixels' domain, channels first
 */
export async function selfCheck(engine: Engine, manifest: Manifest, pixels: (index: number) => Float32Array): Promise<Check> {
  const golden = manifest.golden as Golden
  let worstDecode = 0
  for (const pair of golden.decode) {
    const { mean, scale } = await engine.decode(Float32Array.from(pair.z), pair.class)
    worstDecode = Math.max(worstDecode, furthest(mean, numbersOf(pair.image)))
    if (pair.scale) worstDecode = Math.max(worstDecode, relative(scale ?? [], numbersOf(pair.scale)))
  }
  let worstEncode = 0
  for (const pair of golden.encode) {
    const codes = await engine.encode(pixels(pair.image), pair.class)
    if (pair.entries) worstEncode = Math.max(worstEncode, differing(codes.loc, pair.entries))
    else worstEncode = Math.max(worstEncode, relative(codes.loc, pair.loc!), relative(codes.scale, pair.scale!))
  }
  return { ok: Math.max(worstDecode, worstEncode) <= TOLERANCE, worstDecode, worstEncode, tolerance: TOLERANCE }
}

const numbersOf = (text: string) => new Float32Array(bytesOf(text).buffer)

function furthest(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let worst = got.length === wanted.length ? 0 : Infinity
  for (let i = 0; i < wanted.length; i++) worst = Math.max(worst, Math.abs(got[i]! - wanted[i]!))
  return worst
}

/** The part of the entries that are others, but for one: of two that are equally near rounding chooses. */
function differing(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let others = got.length === wanted.length ? 0 : Infinity
  for (let i = 0; i < wanted.length; i++) if (got[i] !== wanted[i]) others++
  return others > 1 ? others / wanted.length : 0
}

/** Codes may be far from zero: differences count against 1 + |wanted|. */
function relative(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let worst = got.length === wanted.length ? 0 : Infinity
  for (let i = 0; i < wanted.length; i++) worst = Math.max(worst, Math.abs(got[i]! - wanted[i]!) / (1 + Math.abs(wanted[i]!)))
  return worst
}
