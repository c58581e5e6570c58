import { effect, untracked } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { announce, decodeAt, describePlace, movePin, pickImage as pick, pinAt, select, setPath } from '../state/actions'
import { axes, project, unproject } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { Picture } from '../ui/Picture'
import { hasPlace, panned, size, toPlane, zoomed } from './camera'
import { keepDrawn } from './canvases'
import { Corners } from './Corners'
import { inside, nearest } from './selecting'

const pointer = { x: 0, y: 0 }
const BUBBLE = { width: 130, height: 146, away: 18 }

interface Drag {
  kind: 'pan' | 'pin' | 'outline' | 'path'
  x: number
  y: number
  moved: boolean
}

/** The plane of the latent space: points, tiles and all that is drawn over them; the pointer decodes. */
export function LatentView() {
  const frame = useRef<HTMLDivElement>(null)
  const ground = useRef<HTMLCanvasElement>(null)
  const middle = useRef<HTMLCanvasElement>(null)
  const above = useRef<HTMLCanvasElement>(null)
  const bubble = useRef<HTMLDivElement>(null)
  const drag = useRef<Drag | null>(null)
  const outline = useRef<[number, number][]>([])

  useEffect(() => keepDrawn(frame.current!, [ground.current!, middle.current!, above.current!], pointer, () => outline.current), [])

  useEffect(
    () =>
      effect(() => {
        const element = bubble.current!
        element.hidden = store.hovered.value === null
        const { width, height } = untracked(() => size.value)
        element.style.left = `${pointer.x + (pointer.x > width - BUBBLE.width ? BUBBLE.away - BUBBLE.width - 12 : BUBBLE.away)}px`
        element.style.top = `${pointer.y + (pointer.y > height - BUBBLE.height ? BUBBLE.away - BUBBLE.height - 12 : BUBBLE.away)}px`
      }),
    [],
  )

  const place = (event: PointerEvent | WheelEvent): [number, number] => {
    const box = frame.current!.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  const down = (event: PointerEvent) => {
    if ((event.target as HTMLElement).closest('.corner')) return
    const [x, y] = place(event)
    frame.current!.setPointerCapture(event.pointerId)
    const { tool } = view.value
    const kind = event.button !== 0 || event.altKey ? 'pan' : tool === 'lasso' || tool === 'rectangle' ? 'outline' : tool === 'path' ? 'path' : 'pin'
    drag.current = { kind, x, y, moved: false }
    if (kind === 'outline') outline.current = [[x, y]]
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
        change({})
      }
    }
    const over = (event.target as HTMLElement).closest('.corner') !== null || !hasPlace(x, y)
    decodeAt(over ? null : unproject(...toPlane(x, y), axes.value))
  }

  const up = (event: PointerEvent) => {
    const held = drag.current
    drag.current = null
    if (!held) return
    const [x, y] = place(event)
    if (held.kind === 'outline') {
      const drawn = outline.current
      outline.current = []
      select(held.moved ? inside(drawn) : [])
    } else if (held.kind === 'pin' && !held.moved) {
      const near = nearest(x, y)
      if (near === null) pinAt(...toPlane(x, y))
      else pick(near)
    }
  }

  useEffect(() => {
    const element = frame.current!
    const wheel = (event: WheelEvent) => {
      event.preventDefault()
      change({ camera: zoomed(Math.exp(event.deltaY * 0.0015), ...place(event)) })
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  }, [])

  const key = (event: KeyboardEvent) => {
    if (event.target !== frame.current) return
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
      {[ground, middle, above].map((canvas, i) => <canvas key={i} ref={canvas} aria-hidden="true" />)}
      <Corners />
      <Welcome />
      <div class="bubble" ref={bubble} hidden>
        <Picture of={store.hovered} testid="hovered" label="decoded under the pointer" />
        <Coordinates />
      </div>
    </div>
  )
}

/** What to do where there is no run yet. */
function Welcome() {
  const { source, manifest, runs, busy, problem, training, waiting } = store
  if (waiting.value && !manifest.value) {
    return (
      <div class="welcome" data-testid="waiting">
        <h2>{waiting.value.run} cannot be shown yet</h2>
        <p>{waiting.value.words}. It is opened here by itself.</p>
      </div>
    )
  }
  if (!source.value?.live || manifest.value || busy.value || problem.value || runs.value.some((run) => !run.obstacle)) return null
  if (training.value?.phase === 'starting') return <p class="welcome">The data is being read …</p>
  return (
    <div class="welcome" data-testid="welcome">
      <h2>There is no run here yet</h2>
      <p>
        Press <b>VAE</b> on the left: a small one is trained on 1,797 handwritten digits while you watch, in less than a minute. Every point that
        appears is a digit; move the pointer among them to see what the decoder makes of each place.
      </p>
    </div>
  )
}

function Coordinates() {
  const shown = store.hovered.value
  if (!shown) return null
  return <span class="numbers">{Array.from(project(shown.z, shown.z.length, axes.value), (entry) => entry.toFixed(2)).join(', ')}</span>
}
