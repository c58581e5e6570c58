import { effect, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { readInk } from '../latent/ink'
import { showStep } from '../state/actions'
import { short } from '../readings/short'
import * as store from '../state/store'
import { view } from '../state/view'
import { columns, type Series, rangeOf } from './curves'

/** Width of the axes at both sides: the track above has the same. */
export const MARGIN = 46

/** Distortion, ELBO and loss against the left axis, the rate against the right one. */
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
        const now = `${view.value.theme} ${document.documentElement.dataset.theme} ${series.map(({ curve, split }) => curve.key + split).join()}`
        if (plot === null || now !== drawnAs) {
          drawnAs = now
          plot?.destroy()
          plot = create(element, series, () => axis.peek())
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
      aria-label="Distortion, ELBO and loss (left) and rate (right) in nats per image against the step; the button table shows the numbers" />
  )
}

function create(element: HTMLElement, series: Series[], axis: () => { end: number; step: number | null }): uPlot {
  const ink = readInk()
  const style = getComputedStyle(document.documentElement)
  const values = (_: uPlot, splits: number[]) => splits.map((value) => (Number.isInteger(value) || Math.abs(value) >= 1e6 ? short(value, 0) : short(value, 1)))
  const common = { values, stroke: ink.muted, ticks: { show: false }, font: '10px system-ui', gap: 4 }
  const grid = { stroke: ink.line, width: 1 }
  const within = (scale: string) => (plot: uPlot): [number, number] => rangeOf(plot.series.flatMap((one, i) => (i > 0 && one.scale === scale ? [plot.data[i] as (number | null)[]] : [])))
  return new uPlot(
    {
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [4, 0, 0, 0],
      series: [
        {},
        ...series.map(({ curve, split }) => ({
          stroke: style.getPropertyValue(curve.colour).trim(), width: 1.4, spanGaps: true, points: { show: false },
          scale: curve.key === 'rate_nats' ? 'rate' : 'nats', ...(split === 'valid' ? { dash: [4, 3] } : {}),
        })),
      ],
      scales: { x: { time: false, range: () => [0, axis().end] }, nats: { range: within('nats') }, rate: { range: within('rate') } },
      axes: [
        { ...common, grid: { show: false }, size: 18 },
        { ...common, grid, scale: 'nats', size: MARGIN, space: 24 },
        { ...common, grid: { show: false }, scale: 'rate', side: 1, size: MARGIN, space: 24, stroke: style.getPropertyValue('--curve-rate').trim() },
      ],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 5 }, y: false },
      hooks: {
        draw: [(plot) => drawStep(plot, axis().step, ink.accent)],
        ready: [(plot) => plot.over.addEventListener('click', () => void showStep(Math.max(0, Math.round(plot.posToVal(plot.cursor.left ?? 0, 'x')))))],
      },
    },
    [[0]] as unknown as uPlot.AlignedData,
    element,
  )
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
