import { useEffect, useRef } from 'preact/hooks'
import type { RunSummary } from '../source/source'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { classColour } from '../ui/palette'

const SIDE = 96
/** Codes so far out are seen: three standard deviations of the prior; farther ones where there are such. */
const REACH = 3.3
/** Of a run that is scrolled past nothing is asked. */
const PATIENCE = 120

type Points = [number, number, number][]
const known = new Map<string, Points>()

/** A run at a glance: where the codes of some of its images lie, and the prior's ring at two standard deviations. */
export function Stamp({ run }: { run: RunSummary }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const dark = theme.value === 'dark'
  const key = `${run.id} ${run.written} ${run.epochs_done}`
  useEffect(() => {
    const show = (points: Points) => {
      known.set(key, points)
      if (canvas.current) draw(canvas.current, points, dark)
    }
    const there = known.get(key)
    if (there) show(there)
    if (there || run.obstacle !== null) return
    const timer = setTimeout(() => void store.source.value!.live!.glance(run.id).then(show, () => null), PATIENCE)
    return () => clearTimeout(timer)
  }, [key, dark])
  return <canvas ref={canvas} class="stamp" width={SIDE} height={SIDE} aria-hidden="true" />
}

function draw(canvas: HTMLCanvasElement, points: Points, dark: boolean): void {
  const context = canvas.getContext('2d')!
  context.clearRect(0, 0, SIDE, SIDE)
  if (points.length === 0) return
  const reach = Math.max(REACH, ...points.map(([x, y]) => 1.05 * Math.max(Math.abs(x), Math.abs(y))))
  const place = (value: number) => (SIDE / 2) * (1 + value / reach)
  const classes = 1 + Math.max(...points.map(([, , label]) => label))
  context.strokeStyle = dark ? '#94928b' : '#76736b'
  context.beginPath()
  context.arc(SIDE / 2, SIDE / 2, SIDE / reach, 0, 2 * Math.PI)
  context.stroke()
  for (const [x, y, label] of points) {
    context.fillStyle = classColour(label, classes, dark)
    context.beginPath()
    context.arc(place(x), place(-y), 2.4, 0, 2 * Math.PI)
    context.fill()
  }
}
