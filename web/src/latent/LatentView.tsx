import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { announce, decodeAt, describePlace, movePin, notice, pickImage as pick, pinAt, select, setPath } from '../state/actions'
import { passing } from '../row/journey'
import { axes, unproject } from '../state/plane'
import * as store from '../state/store'
import { change, view } from '../state/view'
import { hasPlace, panned, toPlane, zoomed } from './camera'
import { keepDrawn } from './canvases'
import { beginning } from '../train/attempt'
import { start } from '../train/start'
import { Icon } from '../ui/Icon'
import { Corners } from './Corners'
import { inside, nearest } from './selecting'

/** Pixels within which the row of pictures follows the image whose point is nearest. */
const FOLLOWED = 30
/** Pixels from a point that a finger takes for it. */
const FINGER = 14
/** Of the pointer, for what begins to be drawn where it is. */
const at = { x: 0, y: 0 }

interface Drag {
  /** `touch`: a finger looks around; what it taps becomes the point. */
  kind: 'pan' | 'pin' | 'outline' | 'path' | 'touch'
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
  const drag = useRef<Drag | null>(null)
  /** Where a path begins that is drawn by two clicks. */
  const begun = useRef<number[] | null>(null)
  const drawnIn = useComputed(() => [view.value.tool, store.manifest.value?.run.name, store.manifest.value?.latent].join())
  useSignalEffect(() => {
    void drawnIn.value
    begun.current = null
  })
  const outline = useRef<[number, number][]>([])
  const fingers = useRef(new Map<number, [number, number]>())

  useEffect(() => keepDrawn(frame.current!, [ground.current!, middle.current!, above.current!], at, () => outline.current), [])

  const place = (event: PointerEvent | WheelEvent): [number, number] => {
    const box = frame.current!.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  const down = (event: PointerEvent) => {
    if ((event.target as HTMLElement).closest('.corner, .welcome')) return
    const [x, y] = place(event)
    frame.current!.setPointerCapture(event.pointerId)
    if (event.pointerType === 'touch') {
      fingers.current.set(event.pointerId, [x, y])
      if (fingers.current.size > 1) {
        drag.current = null
        return
      }
    }
    const { tool } = view.value
    const kind = event.button !== 0 || event.altKey ? 'pan' : tool === 'lasso' || tool === 'rectangle' ? 'outline' : tool === 'path' ? 'path' : event.pointerType === 'touch' ? 'touch' : 'pin'
    drag.current = { kind, x, y, moved: false }
    if (kind === 'outline') outline.current = [[x, y]]
  }

  const move = (event: PointerEvent) => {
    const [x, y] = place(event)
    at.x = x
    at.y = y
    if (fingers.current.size > 1) {
      pinch(event.pointerId, [x, y])
      return
    }
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
    passing.value = over ? null : nearest(x, y, FOLLOWED)
    decodeAt(over ? null : unproject(...toPlane(x, y), axes.value))
  }

  const leave = () => {
    passing.value = null
    decodeAt(null)
  }

  /** Two fingers move and zoom what is between them. */
  const pinch = (id: number, to: [number, number]) => {
    const held = fingers.current
    const [, still] = [...held].find(([other]) => other !== id)!
    const from = held.get(id) ?? to
    held.set(id, to)
    const distance = (a: [number, number], b: [number, number]) => Math.max(10, Math.hypot(a[0] - b[0], a[1] - b[1]))
    change({ camera: panned((to[0] - from[0]) / 2, (to[1] - from[1]) / 2) })
    change({ camera: zoomed(distance(from, still) / distance(to, still), (to[0] + still[0]) / 2, (to[1] + still[1]) / 2) })
  }

  /** The browser has taken the finger to scroll the page. */
  const cancel = (event: PointerEvent) => {
    fingers.current.delete(event.pointerId)
    drag.current = null
    outline.current = []
    leave()
  }

  const up = (event: PointerEvent) => {
    fingers.current.delete(event.pointerId)
    const held = drag.current
    drag.current = null
    if (!held) return
    const [x, y] = place(event)
    if (held.kind === 'outline') {
      const drawn = outline.current
      outline.current = []
      select(held.moved ? inside(drawn) : [])
    } else if (held.kind === 'path') {
      const here = unproject(...toPlane(x, y), axes.value)
      if (!held.moved && begun.current) setPath({ kind: view.value.path?.kind ?? 'straight', from: begun.current, to: here })
      else if (!held.moved) notice('The path begins here: click where it is to end.')
      begun.current = held.moved || begun.current ? null : here
    } else if ((held.kind === 'pin' || held.kind === 'touch') && !held.moved) {
      const near = nearest(x, y, held.kind === 'touch' ? FINGER : undefined)
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
    <div class="latent" id="plane" ref={frame} tabIndex={0} role="application" aria-label="Latent space. Arrow keys move the point by 0.1, with Shift by 0.01." data-testid="latent"
      onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={cancel} onPointerLeave={leave} onContextMenu={(event) => event.preventDefault()} onKeyDown={key}>
      {[ground, middle, above].map((canvas, i) => <canvas key={i} ref={canvas} aria-hidden="true" />)}
      <Corners />
      <Welcome />
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
        <p>{waiting.value.words}. It is opened here by itself as soon as it can be.</p>
      </div>
    )
  }
  if (!source.value?.live || !store.listed.value || manifest.value || busy.value || problem.value || runs.value.some((run) => !run.obstacle)) return null
  if (training.value?.phase === 'starting') return <p class="welcome">The data is being read …</p>
  return (
    <div class="welcome" data-testid="welcome">
      <h2>There is no run here yet</h2>
      <p>
        A small VAE is trained on 3,000 handwritten digits of MNIST while you watch, in less than a minute. Every dot that appears is a digit; move among
        them to see what the decoder makes of each place.
      </p>
      <button class="primary" data-testid="begin" disabled={beginning.value} onClick={() => start('mnist_3000', { 'objective.beta': 1 }, 'VAE')}><Icon name="play" /> Train a VAE</button>
    </div>
  )
}
