import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Manifest } from './manifest'
import { Networks } from './networks'

interface Case {
  name: string
  manifest: Manifest
  /** base64: float16 weights, the same in float32, and what PyTorch computed with each. */
  half: string
  single: string
  z: string
  classes: number[] | null
  x: string
  decodedHalf: string
  decodedSingle: string
  /** The scale of each pixel; empty: it is the same for all. */
  spreadSingle: string
  locSingle: string
  scaleSingle: string
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64')).buffer
const floats = (text: string) => new Float32Array(bytes(text))
const furthest = (a: Float32Array, b: Float32Array) => a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!) / Math.max(1, Math.abs(b[i]!))), 0)

const path = process.env.VAELAB_PARITY
const cases = path ? (JSON.parse(readFileSync(path, 'utf8')) as Case[]) : []

it.skipIf(cases.length > 0)('parity with PyTorch is tested by tests/explorer/test_kernel.py', () => {})

for (const one of cases) {
  for (const backend of ['wasm', 'plain'] as const) {
    it(`${one.name} on ${backend}`, () => {
      const networks = new Networks(one.manifest, backend)
      expect(networks.backend).toBe(backend)
      const classes = one.classes && Uint8Array.from(one.classes)
      networks.load(bytes(one.half))
      const half = furthest(networks.decode(floats(one.z), classes).mean, floats(one.decodedHalf))
      networks.load(floats(one.single))
      const decoded = networks.decode(floats(one.z), classes)
      const single = furthest(decoded.mean, floats(one.decodedSingle))
      const spread = furthest(decoded.scale ?? new Float32Array(0), floats(one.spreadSingle))
      expect(decoded.scale?.length ?? 0).toBe(floats(one.spreadSingle).length)
      const codes = networks.encode(floats(one.x), classes)
      const loc = furthest(codes.loc, floats(one.locSingle))
      const scale = furthest(codes.scale, floats(one.scaleSingle))
      console.log(`${one.name} ${backend}: float16 ${half.toExponential(1)}, float32 ${single.toExponential(1)}, loc ${loc.toExponential(1)}, scale ${scale.toExponential(1)}`)
      expect(half).toBeLessThan(1e-3)
      expect(Math.max(single, loc, scale, spread)).toBeLessThan(1e-5)
    }, 60_000)
  }
}
