import type uPlot from 'uplot'
import { VectorContext } from '../ui/vector'

/** An axis as uPlot has drawn it. */
interface Drawn {
  _splits?: number[]
  _values?: (string | null)[]
}

/** The names of the axes, and where they stand, in CSS pixels. */
export function namesOf(plot: uPlot): { words: string; x: number; y: number; align: 'left' | 'right' }[] {
  const [left, top, width, height] = [plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height].map((value) => value / devicePixelRatio) as [number, number, number, number]
  return [
    { words: 'nats per image', x: left + width - 4, y: top + 1, align: 'right' },
    { words: 'step', x: left + width + 22, y: top + height + 4, align: 'left' },
  ]
}

/** The curves as vectors, with their axes. */
export function curveLines(plot: uPlot): string {
  const context = new VectorContext()
  const { left, top, width, height } = plot.bbox
  const frame = [left, top, width, height].map((value) => value / devicePixelRatio) as [number, number, number, number]
  const at = (value: number, scale: string): number => plot.valToPos(value, scale) + (scale === 'x' ? frame[0] : frame[1])
  const inside = (value: number, scale: string) => Math.min(frame[1] + frame[3], Math.max(frame[1], at(value, scale)))
  const steps = plot.data[0]
  const places = (i: number): [number, number][] => {
    const values = plot.data[i] as (number | null)[]
    return values.flatMap((value, k) => (value === null || value === undefined ? [] : [[at(steps[k]!, 'x'), inside(value, plot.series[i]!.scale!)] as [number, number]]))
  }
  const line = (points: [number, number][]) => points.forEach(([x, y]) => context.lineTo(x, y))
  const ink = (of: unknown, i: number): string => String(typeof of === 'function' ? of(plot, i) : of)
  const area = (points: [number, number][], fill: string) => {
    context.beginPath()
    line(points)
    context.closePath()
    context.fillStyle = fill
    context.fill()
  }
  plot.axes.forEach((axis, i) => {
    const { _splits: splits = [], _values: values = [] } = axis as Drawn
    const scale = axis.scale!
    context.font = '10px sans-serif'
    context.fillStyle = ink(axis.stroke, i)
    context.textAlign = scale === 'x' ? 'center' : 'right'
    context.textBaseline = scale === 'x' ? 'top' : 'middle'
    splits.forEach((split, k) => {
      if (split === null || !values[k]) return
      const place = at(split, scale)
      if (scale === 'x') context.fillText(values[k]!, place, frame[1] + frame[3] + 4)
      else context.fillText(values[k]!, frame[0] - 4, place)
    })
  })
  context.fillStyle = ink(plot.axes[0]!.stroke, 0)
  context.textBaseline = 'top'
  for (const { words, x, y, align } of namesOf(plot)) {
    context.textAlign = align
    context.fillText(words, x, y)
  }
  for (const band of (plot as { bands?: uPlot.Band[] }).bands ?? []) area([...places(band.series[0]), ...places(band.series[1]).reverse()], ink(band.fill, 0))
  plot.series.forEach((series, i) => {
    const points = i === 0 ? [] : places(i)
    if (points.length === 0) return
    const fill = ink(series.fill, i)
    const ground = frame[1] + frame[3]
    if (series.fill && fill !== 'null' && fill !== 'undefined') area([[points[0]![0], ground], ...points, [points.at(-1)![0], ground]], fill)
    context.beginPath()
    context.strokeStyle = ink(series.stroke, i)
    context.lineWidth = series.width ?? 1
    context.setLineDash(series.dash ?? [])
    line(points)
    context.stroke()
  })
  return context.parts.join('')
}
