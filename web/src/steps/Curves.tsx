import { effect, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { type Ink, readInk } from '../latent/ink'
import { showStep } from '../state/loading'
import * as store from '../state/store'
import { short } from '../ui/number'
import { theme } from '../state/theme'
import { columns, type Series, rangeOf } from './curves'
import { named } from './time'
import { namesOf } from './vector'

/** Width of the axis, and of the free room at the other side: the track below has the same. */
const MARGIN = 46

/** What is drawn now. */
export const drawn: { plot: uPlot | null } = { plot: null }

/** Distortion, and the rate stacked on it to -ELBO, on one axis of nats, over the logarithm of time; the loss as a line. */
export function Curves({ end, step }: { end: number; step: number | null }) {
  const frame = useRef<HTMLDivElement>(null)
  const axis = useSignal({ end, step })
  useEffect(() => {
    axis.value = { end, step }
  }, [end, step])
  useLayoutEffect(() => {
    const element = frame.current!
    let plot: uPlot | null = null
    let drawnAs = ''
    const stops = [
      effect(() => {
        const { series, data } = columns(store.metrics.value)
        const now = `${theme.value} ${series.map(({ curve, split }) => curve.key + split).join()}`
        if (plot === null || now !== drawnAs) {
          drawnAs = now
          plot?.destroy()
          plot = drawn.plot = create(element, series, () => axis.peek())
        }
        plot.setData(data as uPlot.AlignedData)
      }),
      effect(() => {
        plot?.setScale('x', { min: 0, max: axis.value.end })
      }),
    ]
    const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: element.clientHeight }))
    observer.observe(element)
    return () => {
      stops.forEach((stop) => stop())
      observer.disconnect()
      plot?.destroy()
    }
  }, [])
  return (
    <div class="curves" ref={frame} data-testid="curves" role="img"
      aria-label="Distortion and the rate above it, together −ELBO, and the loss, in nats per image over the logarithm of the step; the button table shows the numbers" />
  )
}

function create(element: HTMLElement, series: Series[], axis: () => { end: number; step: number | null }): uPlot {
  const ink = readInk()
  const style = getComputedStyle(document.documentElement)
  const values = (_: uPlot, splits: number[]) => splits.map((value) => (Number.isInteger(value) || Math.abs(value) >= 1e6 ? short(value, 0) : short(value, 1)))
  const common = { values, stroke: ink.muted, ticks: { show: false }, font: '10px system-ui', gap: 4 }
  const grid = { stroke: ink.line, width: 1 }
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const within = (plot: uPlot): [number, number] => rangeOf(plot.data.slice(1) as (number | null)[][])
  const [distortion, elbo] = ['distortion_nats', 'elbo_nats'].map((key) => 1 + series.findIndex(({ curve }) => curve.key === key)) as [number, number]
  const bands = distortion && elbo ? [{ series: [elbo, distortion] as [number, number], fill: `${colour('--curve-rate')}99` }] : []
  return new uPlot(
    {
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [4, MARGIN, 0, 0],
      series: [
        {},
        ...series.map(({ curve, split }) => ({
          stroke: colour(curve.colour), width: 1.4, spanGaps: true, points: { show: false }, scale: 'nats',
          ...(curve.key === 'distortion_nats' ? { fill: `${colour(curve.colour)}40`, fillTo: (plot: uPlot) => plot.scales.nats!.min! } : {}),
          ...(curve.key === 'loss_nats' || (curve.key === 'elbo_nats' && split === 'train' && series.some((other) => other.split === 'valid')) ? { width: 1, dash: [4, 3] } : {}),
        })),
      ],
      bands,
      scales: { x: { time: false, distr: 100, fwd: Math.log1p, bwd: Math.expm1, range: () => [0, axis().end] }, nats: { range: within } },
      axes: [
        { ...common, grid: { show: false }, size: 18, splits: () => named(axis().end), values: (_, splits) => splits.map((step) => (step === null ? '' : short(step, 0))) },
        { ...common, grid, scale: 'nats', size: MARGIN, space: 15 },
      ],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 5 }, y: false },
      hooks: {
        draw: [(plot) => drawStep(plot, axis().step, ink.accent), (plot) => drawNames(plot, ink)],
        ready: [(plot) => plot.over.addEventListener('click', () => void showStep(Math.max(0, Math.round(plot.posToVal(plot.cursor.left ?? 0, 'x')))))],
      },
    },
    [[0]] as unknown as uPlot.AlignedData,
    element,
  )
}

/** What the axes count: nats where curves that fall leave room, steps behind the last number. */
function drawNames(plot: uPlot, { muted, surface }: Ink): void {
  const { ctx } = plot
  ctx.save()
  ctx.scale(devicePixelRatio, devicePixelRatio)
  ctx.font = '10px system-ui'
  ctx.fillStyle = muted
  ctx.strokeStyle = surface
  ctx.lineWidth = 3
  for (const { words, x, y, align } of namesOf(plot)) {
    ctx.textAlign = align
    ctx.textBaseline = 'top'
    ctx.strokeText(words, x, y)
    ctx.fillText(words, x, y)
  }
  ctx.restore()
}

/** The step that is shown, as the track has it. */
function drawStep(plot: uPlot, step: number | null, colour: string): void {
  if (step === null) return
  const { ctx, bbox } = plot
  const x = plot.valToPos(step, 'x', true)
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = 1.5 * devicePixelRatio
  ctx.globalAlpha = 0.6
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  ctx.restore()
}
