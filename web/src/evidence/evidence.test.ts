import { readFileSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import type { Engine } from '../model/engine'
import type { Manifest } from '../model/manifest'
import { Networks } from '../model/networks'
import { result, seen } from '../probe/probe'
import { mixtureOf } from '../state/prior'
import * as store from '../state/store'
import { change, DEFAULT_VIEW } from '../state/view'
import { evidence, keepEvidence, obstacle } from './evidence'
import { SETTLED } from './grid'

interface Case {
  manifest: Manifest
  index: number
  /** What quadratures by PyTorch and SciPy say of some images. */
  found: { image: number; label: number; x: number[]; loc: number[]; scale: number[]; logEvidence: number; elbo: number }[]
}

const folder = process.env.VAELAB_EVIDENCE

it.skipIf(folder !== undefined)('that it is right is tested by tests/explorer/test_evidence.py', () => {})

it.skipIf(folder === undefined)('log p(x) and the ELBO of an image are those of a quadrature', async () => {
  const { manifest, index, found } = JSON.parse(readFileSync(`${folder}/evidence.json`, 'utf8')) as Case
  const step = manifest.steps.find((entry) => entry.index === index)!
  const networks = new Networks(manifest)
  networks.load(new Uint8Array(readFileSync(`${folder}/weights/${String(index).padStart(4, '0')}.f16`)).buffer)
  const engine = { decode: (z: Float32Array, cls: number | null) => Promise.resolve(networks.decode(z, cls)) } as unknown as Engine
  store.engines.value = { pointer: engine, patient: engine }
  store.manifest.value = manifest
  store.images.value = { labels: Uint8Array.from({ length: 1000 }, (_, i) => found.find((one) => one.image === i)?.label ?? 0) } as store.Images
  const prior = step.prior ? mixtureOf(step.prior, manifest.latent) : null
  store.calm.value = { index, likelihoodScale: step.scale, prior, loc: new Float32Array(manifest.latent), count: 1 } as store.Snapshot
  expect(obstacle.value).toBeNull()
  keepEvidence()
  change({ layers: { ...DEFAULT_VIEW.layers, exact: true } })
  for (const one of found) {
    change({ probe: { kind: 'image', index: one.image } })
    seen.value = Float32Array.from(one.x)
    store.probed.value = { loc: Float32Array.from(one.loc), scale: Float32Array.from(one.scale) }
    result.value = { decoded: seen.value, pixelScale: null, z: one.loc, drawn: false, draw: null }
    expect(evidence.value).toBeNull()
    await vi.waitUntil(() => evidence.value !== null, 60_000)
    const { logEvidence, elbo, change: changed, decoded, contours, curve } = evidence.value!
    console.log(`image ${one.image}: log p(x) ${logEvidence.toFixed(4)}, ELBO ${elbo!.toFixed(4)}, of ${decoded} codes; off by ${(logEvidence - one.logEvidence).toExponential(1)} and ${(elbo! - one.elbo).toExponential(1)}`)
    expect(logEvidence).toBeCloseTo(one.logEvidence, 3)
    expect(elbo).toBeCloseTo(one.elbo, 3)
    expect(elbo).toBeLessThan(logEvidence)
    expect(changed).toBeLessThan(SETTLED)
    expect(contours.length + Math.min(1, curve.length)).toBe(manifest.latent === 2 ? 3 : 1)
  }
  console.log(`${found.length} images agree`)
}, 300_000)
