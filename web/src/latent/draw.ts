import { classColour } from '../ui/palette'
import * as store from '../state/store'
import { axes, positions, project } from '../state/plane'
import type { View } from '../state/view'
import { camera, size, toScreen } from './camera'
import { densityOf } from './density'

const rgb = (colour: string) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)) as [number, number, number]

/** Colours of the page as a canvas needs them. */
export interface Ink {
  dark: boolean
  text: string
  muted: string
  line: string
  accent: string
}

export function readInk(): Ink {
  const style = getComputedStyle(document.documentElement)
  const get = (name: string) => style.getPropertyValue(name).trim()
  return { dark: document.documentElement.dataset.theme === 'dark', text: get('--text'), muted: get('--muted'), line: get('--line'), accent: get('--accent') }
}

/** All points into one ImageData: 10,000 take a millisecond or two. */
export function drawPoints(context: CanvasRenderingContext2D, view: View, ink: Ink, ratio: number): void {
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return
  const { width, height } = context.canvas
  const picture = context.getImageData(0, 0, width, height)
  const pixels = new Uint32Array(picture.data.buffer)
  const colours = Array.from({ length: 10 }, (_, k) => {
    const [r, g, b] = rgb(classColour(k, ink.dark))
    return (255 << 24) | (b << 16) | (g << 8) | r
  })
  const hidden = new Set(view.hidden)
  const radius = Math.max(1, Math.round(ratio * (shown.count > 4000 ? 1.3 : shown.count > 1500 ? 1.8 : 2.6)))
  const disc: number[] = []
  for (let y = -radius; y <= radius; y++) for (let x = -radius; x <= radius; x++) if (x * x + y * y <= radius * radius + 0.5) disc.push(x, y)
  const scale = (Math.min(size.value.width, size.value.height) / (2 * camera.value.reach)) * ratio
  const { x: cx, y: cy } = camera.value
  const at = positions.value
  for (let i = 0; i < shown.count; i++) {
    const label = images.labels[shown.imageOf[i]!]!
    if (hidden.has(label)) continue
    const left = Math.round(width / 2 + (at[2 * i]! - cx) * scale)
    const top = Math.round(height / 2 - (at[2 * i + 1]! - cy) * scale)
    if (left < radius || top < radius || left >= width - radius || top >= height - radius) continue
    const colour = colours[label % 10]!
    for (let k = 0; k < disc.length; k += 2) pixels[(top + disc[k + 1]!) * width + left + disc[k]!] = colour
  }
  context.putImageData(picture, 0, 0)
}

/** Images or class names at the places of their codes, as many as do not cover each other. */
export function drawLabels(context: CanvasRenderingContext2D, view: View, ink: Ink, thumbs: boolean): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const about = store.manifest.value
  if (!shown || !images || !about) return
  const [, height, width] = about.data.shape
  const side = thumbs ? 26 : 13
  const taken = new Set<number>()
  const hidden = new Set(view.hidden)
  context.font = '600 12px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    const label = images.labels[image]!
    if (hidden.has(label)) continue
    const [left, top] = toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    if (left < 0 || top < 0 || left > size.value.width || top > size.value.height) continue
    const cell = Math.floor(left / side) * 4096 + Math.floor(top / side)
    if (taken.has(cell)) continue
    taken.add(cell)
    if (thumbs) {
      const x = (image % images.columns) * width
      const y = Math.floor(image / images.columns) * height
      context.drawImage(images.atlas, x, y, width, height, left - side / 2, top - side / 2, side, side)
    } else {
      context.fillStyle = classColour(label, ink.dark)
      context.fillText(about.data.classes[label] ?? '?', left, top)
    }
  }
}

/** Where codes lie: darker where they are denser; or a veil where there are none. */
export function drawDensity(context: CanvasRenderingContext2D, view: View, ink: Ink, fog: boolean): void {
  const { values, columns, rows, cell } = densityOf(view.hidden)
  const largest = values.reduce((most, value) => Math.max(most, value), 1e-9)
  const [r, g, b] = fog ? (ink.dark ? [20, 22, 26] : [250, 250, 248]) : rgb(ink.accent)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const part = values[row * columns + column]! / largest
      const alpha = fog ? 0.88 * Math.exp(-part * 60) : 0.75 * Math.sqrt(part)
      if (alpha < 0.01) continue
      context.fillStyle = `rgba(${r}, ${g}, ${b}, ${alpha.toFixed(3)})`
      context.fillRect(column * cell, row * cell, cell, cell)
    }
  }
}

function ellipse(context: CanvasRenderingContext2D, loc: ArrayLike<number>, scale: ArrayLike<number>, times: number): void {
  const { e1, e2 } = axes.value
  const [x, y] = project(loc, loc.length, axes.value)
  const deviation = (e: Float64Array | null) => (e ? Math.sqrt(e.reduce((sum, entry, k) => sum + (entry * scale[k]!) ** 2, 0)) : 0)
  const [left, top] = toScreen(x!, y!)
  const [right, bottom] = toScreen(x! + times * deviation(e1), y! - times * deviation(e2))
  context.beginPath()
  context.ellipse(left, top, right - left, bottom - top, 0, 0, 2 * Math.PI)
  context.stroke()
}

/** The prior's standard deviations, the axes, the probe's posterior, the path and the pin. */
export function drawOverlay(context: CanvasRenderingContext2D, view: View, ink: Ink): void {
  const d = store.manifest.value?.latent ?? 2
  context.lineWidth = 1
  context.font = '12px system-ui, sans-serif'
  context.textAlign = 'left'
  context.textBaseline = 'bottom'
  if (view.layers.rings) {
    for (const times of [1, 2, 3]) {
      context.strokeStyle = ink.muted
      context.setLineDash([3, 4])
      const [left, top] = toScreen(0, 0)
      const [right] = toScreen(times, 0)
      context.beginPath()
      context.arc(left, top, right - left, 0, 2 * Math.PI)
      context.stroke()
      context.setLineDash([])
      context.fillStyle = ink.muted
      context.fillText(`${times}`, left + (right - left) * Math.SQRT1_2 + 3, top - (right - left) * Math.SQRT1_2 - 2)
    }
  }
  const probe = store.probed.value
  if (probe && probe.loc.length === d) {
    context.strokeStyle = ink.accent
    context.lineWidth = 1.5
    for (const times of [1, 2]) ellipse(context, probe.loc, probe.scale, times)
  }
  const cross = (z: number[], length: number) => {
    const [x, y] = project(z, d, axes.value)
    const [left, top] = toScreen(x!, y!)
    context.beginPath()
    context.arc(left, top, length / 2, 0, 2 * Math.PI)
    context.moveTo(left - length, top)
    context.lineTo(left + length, top)
    context.moveTo(left, top - length)
    context.lineTo(left, top + length)
    context.stroke()
    return [left, top] as const
  }
  if (view.path && view.path.from.length === d) {
    const [a, b] = [view.path.from, view.path.to].map((z) => toScreen(...(Array.from(project(z, d, axes.value)) as [number, number])))
    context.strokeStyle = ink.text
    context.setLineDash([6, 3])
    context.beginPath()
    context.moveTo(...a!)
    context.lineTo(...b!)
    context.stroke()
    context.setLineDash([])
    context.fillStyle = ink.text
    context.fillText('A', a![0] + 5, a![1] - 3)
    context.fillText('B', b![0] + 5, b![1] - 3)
  }
  context.lineWidth = 2
  if (store.marked.value?.length === d) {
    context.strokeStyle = ink.muted
    cross(store.marked.value, 5)
  }
  if (view.z?.length === d) {
    context.strokeStyle = ink.accent
    cross(view.z, 8)
  }
}
