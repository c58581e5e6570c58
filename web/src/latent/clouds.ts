import { axes } from '../state/plane'
import * as store from '../state/store'
import type { View } from '../state/view'
import { classColour, LIGHT } from '../ui/palette'
import { toScreen } from './camera'
import type { Ink } from './ink'
import { shapeOf } from './posterior'

/** Of these images, evenly spread; more could not be told apart. */
const MOST = 1000
const CORNERS = 20
/** How opaque the clouds are: all together about this much, each within bounds. */
const TOGETHER = 180
const FAINTEST = 0.05
const STRONGEST = 0.35

/** Every image's posterior at one and two standard deviations: together they are the aggregate posterior q(z). */
export function drawClouds(context: CanvasRenderingContext2D, view: View, ink: Ink): void {
  const shown = store.snapshot.value
  const images = store.images.value
  const about = store.manifest.value
  if (!shown || !images || !about) return
  const { loc, scale, count, imageOf } = shown
  const d = about.latent
  const every = Math.ceil(count / MOST)
  const classes = about.data.classes.length
  context.globalAlpha = Math.min(STRONGEST, Math.max(FAINTEST, (TOGETHER * every) / count))
  for (let i = 0; i < count; i += every) {
    const label = images.labels[imageOf[i]!]!
    if (view.hidden.includes(label)) continue
    const { mean, ellipse } = shapeOf({ loc: loc.subarray(i * d, (i + 1) * d), scale: scale.subarray(i * d, (i + 1) * d) }, axes.value)
    const [a, b, c] = ellipse!
    context.fillStyle = classes > LIGHT.length ? ink.text : classColour(label, classes, ink.dark)
    for (const times of [1, 2]) {
      context.beginPath()
      for (let corner = 0; corner < CORNERS; corner++) {
        const angle = (2 * Math.PI * corner) / CORNERS
        const [x, y] = [times * Math.cos(angle), times * Math.sin(angle)]
        context.lineTo(...toScreen(mean[0] + a * x, mean[1] + b * x + c * y))
      }
      context.fill()
    }
  }
  context.globalAlpha = 1
}
