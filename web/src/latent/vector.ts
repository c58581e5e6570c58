import { shades } from '../evidence/gaps'
import { camera, pixelsPerUnit, places, size } from './camera'
import { painting } from './canvases'
import { stands } from './classes'
import { readInk } from './ink'
import { coloursOfGaps, DIM, LETTERS, radiusOf } from './points'
import { layers } from '../state/layers'
import * as store from '../state/store'
import { view } from '../state/view'
import { short } from '../ui/figure'
import { classColour } from '../ui/palette'
import { VectorContext } from '../ui/vector'

/** The plane as vectors: points, labels, rings, ticks; what is decoded, and densities, are pictures in it. */
export function planeLines(): string {
  const [ground, above] = [new VectorContext(), new VectorContext()]
  painting.ground(ground as unknown as CanvasRenderingContext2D)
  painting.above(above as unknown as CanvasRenderingContext2D)
  return ground.parts.join('') + (layers.value.points ? points() : '') + above.parts.join('')
}

/** Those that do not stand out are faint, as on the canvas. */
function points(): string {
  const shown = store.snapshot.value
  const images = store.images.value
  if (!shown || !images) return ''
  const { width, height } = size.value
  const ink = readInk()
  const { letters, dark } = ink
  const gap = shades.value
  const colours = coloursOfGaps(ink)
  const hidden = new Set(view.value.hidden)
  const classes = store.manifest.value!.data.classes.length
  const scale = pixelsPerUnit()
  const radius = short(radiusOf(shown.count) * Math.sqrt(letters / LETTERS))
  const parts: string[] = []
  for (let i = 0; i < shown.count; i++) {
    const image = shown.imageOf[i]!
    const label: number = images.labels[image]!
    const x = width / 2 + (places.value[2 * i]! - camera.value.x) * scale
    const y = height / 2 - (places.value[2 * i + 1]! - camera.value.y) * scale
    if (hidden.has(label) || !(x > 0 && y > 0 && x < width && y < height)) continue
    parts.push(`<circle cx="${short(x)}" cy="${short(y)}" r="${radius}" fill="${gap ? colours[gap[i]!] : classColour(label, classes, dark)}"${stands(image, label, view.value) ? '' : ` opacity="${DIM}"`}/>`)
  }
  return parts.join('')
}
