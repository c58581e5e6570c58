import { computed, effect, untracked } from '@preact/signals'
import { measured } from '../state/actions'
import { evidence } from '../evidence/evidence'
import { shades } from '../evidence/gaps'
import { marks } from '../probe/probe'
import { lit } from '../row/Formula'
import { journey } from '../row/journey'
import { latestWins } from '../state/latest'
import { layers } from '../state/layers'
import { dwell } from '../state/replay'
import { axes } from '../state/plane'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { view } from '../state/view'
import { camera, keepCamera, places, size } from './camera'
import { drawClouds } from './clouds'
import { drawDensity, drawFog } from './density'
import { readInk } from './ink'
import { drawExact } from './exact'
import { drawLabels, drawMedians } from './labels'
import { Motion } from './motion'
import { drawOverlay, drawPrior } from './overlay'
import { drawPoints } from './points'
import { drawTicks } from './ticks'
import { Tiles } from './tiles'

/** Between two steps that are followed, the points are on their way for so long, in ms. */
const SHORTEST = 200
const LONGEST = 500

/** What points, labels, density and fog depend on besides the codes; equal where nothing of it has changed. */
const look = computed(() => {
  const { cls, hidden, selected } = view.value
  return JSON.stringify([store.snapshot.value === null, cls, layers.value, hidden, theme.value, selected, store.lit.value, camera.value, size.value])
})
const tiled = computed(() => {
  const { cls, scale } = view.value
  return layers.value.tiles && JSON.stringify([theme.value, cls, scale, camera.value, size.value, axes.value.labels, [...axes.value.origin], [...axes.value.e1]])
})

/** What draws all but the points, into any context. */
export const painting: Record<'ground' | 'above', (context?: CanvasRenderingContext2D) => void> = { ground: () => {}, above: () => {} }

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
  const cloud = new Motion()
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
    if (cloud.advance()) waiting.add(paintAbove)
    if (waiting.has(paintPoints)) waiting.add(paintAbove) // names follow the points
    const paints = [...waiting]
    waiting.clear()
    if (size.value.width > 0) paints.forEach((paint) => paint())
    if (motion.moving) ask(paintPoints)
    if (cloud.moving) ask(paintAbove)
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
  const paintGround = (context = cleared(ground)) => {
    const { clouds, tiles: tiled, density, fog, rings } = layers.value
    const ink = readInk()
    if (tiled) tiles.paint(context)
    if (density) drawDensity(context, ink)
    if (fog) drawFog(context, ink)
    if (clouds) drawClouds(context, view.value, ink)
    if (rings && store.snapshot.value) drawPrior(context, ink)
    if (tiles.moving) ask(paintGround)
  }
  const paintPoints = () => {
    const since = performance.now()
    drawPoints(cleared(middle), motion.places, view.value, readInk(), ratio)
    measured('redraw', since)
  }
  const paintAbove = (context = cleared(above)) => {
    const ink = readInk()
    const { points, thumbs, glyphs } = layers.value
    if (thumbs) drawLabels(context, motion.places, view.value, ink, true)
    if (glyphs) drawLabels(context, motion.places, view.value, ink, false)
    else if (points) drawMedians(context, motion.places, view.value, ink)
    drawExact(context, ink)
    drawOverlay(context, view.value, ink, cloud.places)
    if (store.snapshot.value) drawTicks(context, ink)
    drawOutline(context, outline(), ink.text)
  }
  painting.ground = paintGround
  painting.above = paintAbove
  const tiles = new Tiles(pointer, () => ask(paintGround))
  const drawAgain = latestWins(() => tiles.draw())
  const observer = new ResizeObserver(([entry]) => {
    const { width, height } = entry!.contentRect
    size.value = { width: Math.floor(width), height: Math.floor(height) }
  })
  observer.observe(frame)
  let before: { run: string; at: number } | null = null
  const stops = [
    keepCamera(),
    effect(() => {
      const to = places.value
      const next = untracked(() => store.snapshot.value)
      const film = untracked(() => store.replaying.value)
      const live = next !== null && next.index === null
      const again = next !== null && next.run === before?.run
      const gap = performance.now() - (before?.at ?? 0)
      // a film and a training go on: the points never stand still between two of their steps
      const going = film ? dwell() : live ? Math.min(LONGEST, Math.max(SHORTEST, gap)) : undefined
      motion.go(to, still.matches || document.hidden || !again, going, going !== undefined)
      before = next && { run: next.run, at: performance.now() }
      ask(paintPoints)
    }),
    effect(() => {
      void shades.value
      ask(paintPoints)
    }),
    effect(() => {
      void look.value
      ask(paintGround, paintPoints, paintAbove)
    }),
    effect(() => {
      void store.snapshot.value
      void axes.value // the slice goes through the pin
      const { clouds, density, fog, rings } = untracked(() => layers.value)
      const moves = clouds || density || fog || (rings && store.snapshot.value?.prior)
      ask(paintPoints, ...(moves ? [paintGround] : []))
    }),
    effect(() => {
      void [view.value, journey.value, evidence.value, marks.value, lit.value, store.marked.value, axes.value]
      ask(paintAbove)
    }),
    effect(() => {
      const code = store.probed.value
      if (code) cloud.go(Float32Array.of(...code.loc, ...code.scale), still.matches || document.hidden)
      ask(paintAbove)
    }),
    effect(() => {
      if (tiled.value) untracked(() => void tiles.draw())
      else tiles.stop()
    }),
    effect(() => {
      if (store.calm.value && untracked(() => layers.value.tiles)) untracked(drawAgain)
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
