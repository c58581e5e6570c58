import type { Graph, Op } from './manifest'
import { POINTWISE } from './pointwise'

/** A layer as the page computes it: an operation with weights and what is done to its values one by one. */
export interface Layer {
  name: string
  /** Of one image: channels, height, width; or how many numbers. */
  shape: number[]
  parameters: number
  /** The value in the graph that it gives. */
  out: number
  /** Which of the network's outputs it is, as in the manifest. */
  gives: string | null
  /** Of its numbers, how many are shown. */
  seen: number
}

export const MOST_CHANNELS = 8
export const MOST_NUMBERS = 64

const joins = ({ op }: Op) => op in POINTWISE || ['reshape', 'scale_shift', 'modulate'].includes(op)

/** The layers of a network, in the order in which they are computed. */
export function layersOf(graph: Graph): Layer[] {
  const groups: { ops: Op[]; tail: number }[] = []
  for (const op of graph.ops) {
    const before = joins(op) ? groups.find(({ tail }) => tail === op.in[0]) : undefined
    if (before) {
      before.ops.push(op)
      before.tail = op.out
    } else groups.push({ ops: [op], tail: op.out })
  }
  const outputs = new Map(Object.entries(graph.outputs).map(([name, id]) => [id, name]))
  return groups.flatMap(({ ops, tail }) => {
    const shown = ops.filter(({ op }) => op !== 'reshape')
    const last = shown.at(-1)
    if (!last) return []
    const { shape, out } = last
    const parameters = ops.reduce((sum, { weight, bias }) => sum + (weight?.[1] ?? 0) + (bias?.[1] ?? 0), 0)
    const seen = shape.length === 3 ? Math.min(shape[0]!, MOST_CHANNELS) * shape[1]! * shape[2]! : Math.min(shape[0]!, MOST_NUMBERS)
    return { name: shown.map(nameOf).join(' + '), shape, parameters, out, gives: outputs.get(tail) ?? null, seen }
  })
}

function nameOf({ op, kernel, stride, factor }: Op): string {
  switch (op) {
    case 'conv2d':
    case 'conv_transpose2d':
      return `${op === 'conv2d' ? '' : 'transposed '}conv ${kernel!.join('×')}${stride === 1 ? '' : `, stride ${stride}`}`
    case 'upsample':
      return `upsample ×${factor}`
    default:
      return op.replaceAll('_', ' ')
  }
}
