import { computed, effect, untracked } from '@preact/signals'
import { measured } from '../state/actions'
import { latestWins } from '../state/latest'
import { axes } from '../state/plane'
import * as store from '../state/store'
import { view } from '../state/view'
import { camera, places, size } from './camera'
import { drawDensity } from './density'
import { readInk } from './ink'
import { drawLabels } from './labels'
import { Motion } from './motion'
import { drawOverlay } from './overlay'
import { drawPoints } from './points'
import { Tiles } from './tiles'

/** What points, labels, density and fog depend on besides the codes; equal where nothing of it has changed. */
const look = computed(() => {
  const { layers, hidden, theme } = view.value
  return JSON.stringify([layers, hidden, theme, camera.value, size.value])
})
const tiled = computed(() => {
  const { layers, cls, scale } = view.value
  return layers.tiles && JSON.stringify([cls, scale, camera.value, size.value, axes.value.labels, [...axes.value.origin]])
})

/**
 * Draw whatever changes, each canvas for itself and at most once a frame: tiles, density and fog below, points, labels and
 * the overlay above. Points glide from one step to the next.
 *
 * @param frame the element around the canvases
 * @param canvases from the lowest
 * @param pointer where the pointer is, in CSS pixels
 * @param outline what lasso or rectangle have drawn so far
 */
export function keepDrawn(frame: HTMLElement, canvases: HTMLCanvasElement[], pointer: { x: number; y: number }, outline: () => [number, number][]): () => void {
  const [ground, middle, above] = canvases as [HTMLCanvasElement, HTMLCanvasElement, HTMLCanvasElement]
  const ratio = Math.min(2, devicePixelRatio)
  const motion = new Motion()
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  const waiting = new Set<() => void>()
  let asked = 0
  const ask = (...paints: (() => void)[]) => {
    paints.forEach((paint) => waiting.add(paint))
    asked ||= requestAnimationFrame(paintAll)
  }
  const paintAll = () => {
    asked = 0
    if (motion.advance()) waiting.add(paintPoints)
    const { thumbs, glyphs } = view.value.layers
    if (waiting.has(paintPoints) && (thumbs || glyphs)) waiting.add(paintAbove)
    const paints = [...waiting]
    waiting.clear()
    if (size.value.width > 0) paints.forEach((paint) => paint())
    if (motion.moving) ask(paintPoints)
  }
  const cleared = (canvas: HTMLCanvasElement) => {
    const { width, height } = size.value
    const context = canvas.getContext('2d')!
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, height)
    return context
  }
  const paintGround = () => {
    const context = cleared(ground)
    const { layers } = view.value
    const ink = readInk()
    if (layers.tiles && tiles.canvas) context.drawImage(tiles.canvas, 0, 0)
    if (layers.density) drawDensity(context, view.value, ink, false)
    if (layers.fog) drawDensity(context, view.value, ink, true)
  }
  const paintPoints = () => {
    const since = performance.now()
    drawPoints(cleared(middle), motion.places, view.value, readInk(), ratio)
    measured('redraw', since)
  }
  const paintAbove = () => {
    const context = cleared(above)
    const ink = readInk()
    const { layers } = view.value
    if (layers.thumbs) drawLabels(context, motion.places, view.value, ink, true)
    if (layers.glyphs) drawLabels(context, motion.places, view.value, ink, false)
    drawOverlay(context, view.value, ink)
    drawOutline(context, outline(), ink.text)
  }
  const tiles = new Tiles(pointer, () => ask(paintGround))
  const drawAgain = latestWins(() => tiles.draw())
  const observer = new ResizeObserver(([entry]) => {
    const { width, height } = entry!.contentRect
    size.value = { width: Math.floor(width), height: Math.floor(height) }
  })
  observer.observe(frame)
  let run: string | undefined
  const stops = [
    effect(() => {
      const to = places.value
      const next = untracked(() => store.snapshot.value)
      // a training that is watched moves by itself, and leaves the processor to it
      const live = next !== null && next.index === null
      motion.go(to, live || still.matches || document.hidden || next?.run !== run)
      run = next?.run
      ask(paintPoints)
    }),
    effect(() => {
      void look.value
      ask(paintGround, paintPoints, paintAbove)
    }),
    effect(() => {
      void store.snapshot.value
      const { density, fog } = untracked(() => view.value.layers)
      ask(paintPoints, ...(density || fog ? [paintGround] : []))
    }),
    effect(() => {
      void [view.value, store.probed.value, store.marked.value, axes.value]
      ask(paintAbove)
    }),
    effect(() => {
      if (tiled.value) untracked(() => void tiles.draw())
      else tiles.stop()
    }),
    effect(() => {
      if (store.calm.value && untracked(() => view.value.layers.tiles)) untracked(drawAgain)
    }),
  ]
  return () => {
    stops.forEach((stop) => stop())
    observer.disconnect()
    cancelAnimationFrame(asked)
  }
}

function drawOutline(context: CanvasRenderingContext2D, points: [number, number][], colour: string): void {
  if (points.length < 2) return
  context.strokeStyle = colour
  context.lineWidth = 1
  context.setLineDash([4, 3])
  context.beginPath()
  points.forEach(([x, y]) => context.lineTo(x, y))
  context.closePath()
  context.stroke()
  context.setLineDash([])
}
