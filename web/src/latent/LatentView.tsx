import { effect, untracked } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { announce, decodeAt, describePlace, measured, movePin, pickImage as pick, pinAt, select, setPath } from '../state/actions'
import { axes, positions, unproject } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Picture } from '../ui/Picture'
import { camera, panned, size, toPlane, toScreen, zoomed } from './camera'
import { drawDensity, drawLabels, drawOverlay, drawPoints, readInk } from './draw'
import { drawTiles, stopTiles } from './tiles'

const PICK_PIXELS = 7
const pointer = { x: 0, y: 0 }

/** The plane of the latent space: points, tiles and all that is drawn over them; the pointer decodes. */
export function LatentView() {
  const frame = useRef<HTMLDivElement>(null)
  const below = useRef<HTMLCanvasElement>(null)
  const above = useRef<HTMLCanvasElement>(null)
  const bubble = useRef<HTMLDivElement>(null)
  const drag = useRef<{ kind: 'pan' | 'pin' | 'outline' | 'path'; x: number; y: number; moved: boolean } | null>(null)
  const outline = useRef<[number, number][]>([])

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect
      size.value = { width: Math.floor(width), height: Math.floor(height) }
    })
    observer.observe(frame.current!)
    return () => observer.disconnect()
  }, [])

  useEffect(() => {
    let tiles: HTMLCanvasElement | null = null
    let asked = 0
    const ratio = Math.min(2, devicePixelRatio)
    const paintBelow = () => {
      asked = 0
      const since = performance.now()
      const { width, height } = size.value
      const canvas = below.current
      if (!canvas || width === 0) return
      if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
        canvas.width = width * ratio
        canvas.height = height * ratio
      }
      const context = canvas.getContext('2d', { willReadFrequently: true })!
      const now = view.value
      const ink = readInk()
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      context.clearRect(0, 0, width, height)
      if (now.layers.tiles && tiles) context.drawImage(tiles, 0, 0)
      if (now.layers.density) drawDensity(context, now, ink, false)
      if (now.layers.fog) drawDensity(context, now, ink, true)
      if (now.layers.points) drawPoints(context, now, ink, ratio)
      if (now.layers.thumbs) drawLabels(context, now, ink, true)
      if (now.layers.glyphs) drawLabels(context, now, ink, false)
      measured('redraw', since)
    }
    const ask = () => {
      asked ||= requestAnimationFrame(paintBelow)
    }
    const stops = [
      effect(() => {
        void [store.snapshot.value, positions.value, camera.value, size.value, view.value.layers, view.value.hidden, view.value.theme]
        untracked(ask)
      }),
      effect(() => {
        void [store.snapshot.value, camera.value, size.value, view.value.cls, axes.value]
        const on = view.value.layers.tiles
        stopTiles()
        if (!on) tiles = null
        else untracked(() => void drawTiles(pointer, (canvas) => ((tiles = canvas), ask())))
      }),
      effect(() => {
        const now = view.value
        void [store.probed.value, store.marked.value, axes.value, camera.value]
        const { width, height } = size.value
        const canvas = above.current
        if (!canvas || width === 0) return
        canvas.width = width * ratio
        canvas.height = height * ratio
        const context = canvas.getContext('2d')!
        context.scale(ratio, ratio)
        drawOverlay(context, now, readInk())
      }),
      effect(() => {
        const shown = store.hovered.value
        const element = bubble.current!
        element.hidden = shown === null
        if (shown === null) return
        const { width, height } = untracked(() => size.value)
        element.style.left = `${pointer.x + (pointer.x > width - 130 ? -124 : 18)}px`
        element.style.top = `${pointer.y + (pointer.y > height - 150 ? -140 : 18)}px`
      }),
    ]
    return () => {
      stops.forEach((stop) => stop())
      cancelAnimationFrame(asked)
    }
  }, [])

  const place = (event: PointerEvent | WheelEvent): [number, number] => {
    const box = frame.current!.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  const down = (event: PointerEvent) => {
    const [x, y] = place(event)
    frame.current!.setPointerCapture(event.pointerId)
    const { tool } = view.value
    if (event.button !== 0 || event.altKey) drag.current = { kind: 'pan', x, y, moved: false }
    else if (tool === 'lasso' || tool === 'rectangle') {
      drag.current = { kind: 'outline', x, y, moved: false }
      outline.current = [[x, y]]
    } else if (tool === 'path') {
      drag.current = { kind: 'path', x, y, moved: false }
    } else drag.current = { kind: 'pin', x, y, moved: false }
  }

  const move = (event: PointerEvent) => {
    const [x, y] = place(event)
    pointer.x = x
    pointer.y = y
    const held = drag.current
    if (held) {
      held.moved ||= Math.hypot(x - held.x, y - held.y) > 3
      if (held.kind === 'pan') {
        change({ camera: panned(x - held.x, y - held.y) })
        held.x = x
        held.y = y
        return
      }
      if (held.kind === 'pin' && held.moved) pinAt(...toPlane(x, y))
      if (held.kind === 'path' && held.moved) {
        const kind = view.value.path?.kind ?? 'straight'
        setPath({ kind, from: unproject(...toPlane(held.x, held.y), axes.value), to: unproject(...toPlane(x, y), axes.value) })
      }
      if (held.kind === 'outline') {
        outline.current = view.value.tool === 'lasso' ? [...outline.current, [x, y]] : [[held.x, held.y], [x, held.y], [x, y], [held.x, y]]
        drawOutline(above.current!, outline.current)
      }
    }
    decodeAt(unproject(...toPlane(x, y), axes.value))
  }

  const up = (event: PointerEvent) => {
    const held = drag.current
    drag.current = null
    if (!held) return
    const [x, y] = place(event)
    if (held.kind === 'outline') {
      select(held.moved ? inside(outline.current) : [])
      change({})
    } else if (held.kind === 'pin' && !held.moved) {
      const near = nearest(x, y)
      if (near === null) pinAt(...toPlane(x, y))
      else pick(near)
    }
  }

  const wheel = (event: WheelEvent) => {
    event.preventDefault()
    change({ camera: zoomed(Math.exp(event.deltaY * 0.0015), ...place(event)) })
  }

  useEffect(() => {
    const element = frame.current!
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  }, [])

  const key = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 0.01 : 0.1
    const moves: Record<string, [number, number]> = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }
    const [dx, dy] = moves[event.key] ?? []
    if (dx === undefined || dy === undefined) return
    event.preventDefault()
    movePin(dx, dy)
    announce(describePlace(view.value.z!))
  }

  return (
    <div class="latent" ref={frame} tabIndex={0} role="application" aria-label="Latent space. Arrow keys move the pin by 0.1, with Shift by 0.01." data-testid="latent"
      onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerLeave={() => decodeAt(null)} onContextMenu={(event) => event.preventDefault()} onKeyDown={key}>
      <canvas ref={below} aria-hidden="true" />
      <canvas ref={above} aria-hidden="true" />
      <span class="axis across">{axes.value.labels[0]}</span>
      <span class="axis up">{axes.value.labels[1]}</span>
      <div class="bubble" ref={bubble} hidden>
        <Picture of={store.hovered} side={96} testid="hovered" />
        <Coordinates />
      </div>
    </div>
  )
}

function Coordinates() {
  const shown = store.hovered.value
  return <span class="numbers">{shown?.z.slice(0, 3).map((entry) => entry.toFixed(2)).join(', ')}</span>
}

function drawOutline(canvas: HTMLCanvasElement, points: [number, number][]): void {
  const context = canvas.getContext('2d')!
  const ratio = canvas.width / size.value.width
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, size.value.width, size.value.height)
  const ink = readInk()
  drawOverlay(context, view.value, ink)
  context.strokeStyle = ink.text
  context.lineWidth = 1
  context.beginPath()
  points.forEach(([x, y]) => context.lineTo(x, y))
  context.closePath()
  context.stroke()
}

/** Images whose codes lie inside an outline, and whose classes are shown. */
function inside(outline: [number, number][]): number[] {
  const shown = store.snapshot.value!
  const hidden = new Set(view.value.hidden)
  const found: number[] = []
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    if (hidden.has(store.images.value!.labels[image]!)) continue
    const [x, y] = toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    let within = false
    for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
      const [ax, ay] = outline[a]!
      const [bx, by] = outline[b]!
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within
    }
    if (within) found.push(image)
  }
  return found
}

/** The test image whose point is under the pointer, if one is. */
function nearest(x: number, y: number): number | null {
  const shown = store.snapshot.value
  if (!shown || !view.value.layers.points) return null
  const hidden = new Set(view.value.hidden)
  let best: number | null = null
  let least = PICK_PIXELS
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    if (hidden.has(store.images.value!.labels[image]!)) continue
    const [left, top] = toScreen(positions.value[2 * i]!, positions.value[2 * i + 1]!)
    const distance = Math.hypot(left - x, top - y)
    if (distance < least) {
      least = distance
      best = image
    }
  }
  return best
}


