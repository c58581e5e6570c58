import { evidence } from '../evidence/evidence'
import { journey } from '../row/journey'
import { axes, project } from '../state/plane'
import { logNormal } from '../state/prior'
import { toScreen } from './camera'
import type { Ink } from './ink'
import { twice } from './overlay'
import { shapeOf } from './posterior'

/** Of the largest density of a code of one dimension, in letters. */
const TALL = 12
const CURVE = 200
/** Of that density, what is drawn. */
const SEEN = 1e-3

/** p(z|x) of the image that the row shows: what holds 39, 86 and 99 % of it, or its density along the line of one dimension beside that of q(z|x). */
export function drawExact(context: CanvasRenderingContext2D, ink: Ink): void {
  const found = evidence.value
  if (!found) return
  context.fillStyle = ink.exact
  context.font = `600 ${ink.small}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  let crest: [number, number] = [0, Infinity]
  const line = (draw: (to: (left: number, top: number, begin: boolean) => void) => void) => {
    context.beginPath()
    draw((left, top, begin) => {
      if (begin) context.moveTo(left, top)
      else context.lineTo(left, top)
      if (top < crest[1]) crest = [left, top]
    })
    context.stroke()
  }
  found.contours.forEach((segments, i) => {
    const places = segments.map(([x1, y1, x2, y2]) => [...project([x1, y1, x2, y2], 2, axes.value)])
    twice(context, ink, ink.exact, 2 - 0.5 * i, () =>
      line((to) => {
        for (const [x1, y1, x2, y2] of places) {
          to(...toScreen(x1!, y1!), true)
          to(...toScreen(x2!, y2!), false)
        }
      }),
    )
  })
  if (found.curve.length) {
    const most = found.curve.reduce((top, [, density]) => Math.max(top, density), 0)
    const curve = (density: [number, number][]) =>
      line((to) => density.forEach(([z, value], i) => {
        const [left, top] = toScreen(project([z], 1, axes.value)[0]!, 0)
        to(left, top - (TALL * ink.letters * value) / most, i === 0)
      }))
    const { ellipse, mean } = journey.value ? shapeOf(journey.value, axes.value) : { ellipse: null, mean: [0] }
    if (ellipse) {
      const approximate = Array.from({ length: CURVE + 1 }, (_, i): [number, number] => {
        const z = mean[0]! + ellipse[0] * (8 * (i / CURVE) - 4)
        return [z, Math.exp(logNormal(z, mean[0]!, ellipse[0]))]
      })
      twice(context, ink, ink.text, 1.5, () => curve(approximate))
      crest = [0, Infinity]
    }
    twice(context, ink, ink.exact, 2, () => curve(found.curve.filter(([, density]) => density > SEEN * most)))
  }
  if (crest[1] < Infinity) twice(context, ink, ink.surface, 1, () => context.strokeText('p(z|x)', crest[0], crest[1] - 4))
  context.fillText('p(z|x)', crest[0], crest[1] - 4)
}
