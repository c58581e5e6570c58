import { effect } from '@preact/signals'
import { comparedIn } from '../compare/address'
import { DEFAULT_VIEW, type Depth, type Layer, type Path, type Plane, type Probe, type Tool, type View, view } from './view'

const VERSION = '1'
const LAYERS: Layer[] = ['points', 'clouds', 'glyphs', 'thumbs', 'tiles', 'rings', 'density', 'fog', 'exact', 'gap']
/** Names where the points are few. */
const AUTO = 'auto'
const TOOLS: Tool[] = ['pick', 'lasso', 'rectangle', 'path']
const DEPTHS: Depth[] = ['play', 'look', 'measure']
const THEMES = ['auto', 'light', 'dark'] as const
const LONGEST = 4096
const MOST_SELECTED = 500

const short = (value: number) => String(Number(value.toFixed(4)))
const vector = (z: number[]) => z.map(short).join('_')

/** What an address says after its #; only what differs from the default stands there. */
export function toHash(v: View): string {
  const parts: [string, string][] = [['v', VERSION]]
  const add = (key: string, value: string | null) => value !== null && parts.push([key, value])
  const d = DEFAULT_VIEW
  add('run', v.run)
  add('step', v.step === null ? null : String(v.step))
  add('z', v.z && vector(v.z))
  add('plane', v.plane.kind === 'pca' ? null : `${v.plane.i}_${v.plane.j}`)
  const on: string[] = LAYERS.filter((layer) => v.layers[layer])
  if (v.layers.glyphs === null) on.push(AUTO)
  add('layers', LAYERS.every((layer) => v.layers[layer] === d.layers[layer]) ? null : on.join('_') || 'none')
  add('scale', v.scale === d.scale ? null : v.scale)
  add('class', v.cls === null ? null : String(v.cls))
  add('hidden', v.hidden.length ? v.hidden.join('_') : null)
  add('tool', v.tool === d.tool ? null : v.tool)
  add('path', v.path && `${v.path.kind}~${vector(v.path.from)}~${vector(v.path.to)}`)
  add('probe', v.probe?.kind === 'image' ? String(v.probe.index) : null)
  add('selected', v.selected.length && v.selected.length <= MOST_SELECTED ? v.selected.join('_') : null)
  add('camera', v.camera && vector([v.camera.x, v.camera.y, v.camera.reach]))
  add('aligned', v.aligned ? null : '0')
  add('theme', v.theme === d.theme ? null : v.theme)
  add('depth', v.depth === d.depth ? null : v.depth)
  add('lecture', v.lecture ? '1' : null)
  return parts.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&')
}

/** Read an address; whatever is not right falls back to its default. */
export function fromHash(hash: string): View {
  const found = new Map<string, string>()
  for (const part of hash.replace(/^#/, '').slice(0, LONGEST).split('&')) {
    const [key, value] = part.split('=', 2)
    if (key && value !== undefined) found.set(key, decode(value))
  }
  if (found.get('v') !== VERSION) return DEFAULT_VIEW
  const get = (key: string) => found.get(key) ?? ''
  const d = DEFAULT_VIEW
  const layers = get('layers').split('_')
  const lecture = get('lecture') === '1'
  const depth = DEPTHS.find((name) => name === get('depth')) ?? d.depth
  return {
    run: /^[^/\\]{1,200}$/.test(get('run')) ? get('run') : null,
    step: readStep(get('step')),
    z: numbers(get('z')),
    plane: readPlane(get('plane')),
    layers: found.has('layers') ? readLayers(layers) : d.layers,
    scale: get('scale') === 'cdf' ? 'cdf' : 'linear',
    cls: whole(get('class')),
    hidden: wholes(get('hidden')),
    tool: TOOLS.find((tool) => tool === get('tool')) ?? d.tool,
    path: readPath(get('path')),
    probe: readProbe(get('probe')),
    selected: wholes(get('selected')),
    camera: readCamera(get('camera')),
    aligned: get('aligned') !== '0',
    theme: THEMES.find((theme) => theme === get('theme')) ?? d.theme,
    depth: lecture && depth === 'measure' ? 'look' : depth,
    lecture,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

function whole(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null
}

function wholes(text: string): number[] {
  const found = text.split('_').map(whole)
  return text && found.every((value) => value !== null) ? (found as number[]) : []
}

function numbers(text: string): number[] | null {
  if (!text) return null
  const found = text.split('_').map(Number)
  return found.length <= 4096 && found.every((value) => Number.isFinite(value) && Math.abs(value) < 1e6) ? found : null
}

function readLayers(names: string[]): View['layers'] {
  const on = Object.fromEntries(LAYERS.map((layer) => [layer, names.includes(layer)])) as Record<Layer, boolean>
  return { ...on, glyphs: names.includes(AUTO) ? null : on.glyphs }
}

function readStep(text: string): View['step'] {
  if (text === 'last' || text === 'best' || text === 'live') return text
  return whole(text)
}

function readPlane(text: string): Plane {
  const [i, j] = wholes(text)
  return i !== undefined && j !== undefined && i !== j ? { kind: 'axes', i, j } : DEFAULT_VIEW.plane
}

function readPath(text: string): Path | null {
  const [kind, a, b] = text.split('~')
  const from = numbers(a ?? '')
  const to = numbers(b ?? '')
  return (kind === 'straight' || kind === 'spherical') && from && to && from.length === to.length ? { kind, from, to } : null
}

function readProbe(text: string): Probe | null {
  const index = whole(text)
  return index === null ? null : { kind: 'image', index }
}

function readCamera(text: string): View['camera'] {
  const [x, y, reach] = numbers(text) ?? []
  return x !== undefined && y !== undefined && reach !== undefined && reach > 0 ? { x, y, reach } : null
}

/** A page in a notebook's frame has no address of its own. */
export const ADDRESSED = globalThis.location?.protocol !== 'about:'

/** Keep the address and the view the same; `arrive` shows what somebody puts into the address of the open page. */
export function followAddress(arrive: (asked: View) => void): void {
  view.value = fromHash(location.hash)
  if (!ADDRESSED) return
  let timer: ReturnType<typeof setTimeout> | undefined
  let written = location.hash
  effect(() => {
    const hash = `#${toHash(view.value)}`
    clearTimeout(timer)
    timer = setTimeout(() => {
      const putThere = location.hash !== written // and about to arrive
      if (putThere) return
      history.replaceState(null, '', hash)
      written = location.hash
    }, 250)
  })
  addEventListener('hashchange', () => {
    if (location.hash === written) return
    if (comparedIn(location.hash).length) return location.reload()
    written = location.hash
    arrive(fromHash(written))
  })
}
