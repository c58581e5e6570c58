import { obstacle } from '../evidence/evidence'
import { noGaps } from '../evidence/gaps'
import { select, setLayer, setTool } from '../state/actions'
import { layers } from '../state/layers'
import { axes, project } from '../state/plane'
import * as store from '../state/store'
import { type Layer, type Tool, view } from '../state/view'
import { inSight, nearestTo } from './selecting'

const LAYERS: [Layer, string, string, string][] = [
  ['points', 'points', 'o', 'Where the encoder puts each test image: the mean of its posterior'],
  ['clouds', 'clouds', 'a', 'All posteriors q(z|x) at one and two standard deviations: the encoder gives no point but a cloud, and all clouds together are q(z), which training draws over the prior'],
  ['glyphs', 'labels', 'g', 'The class of each image, written at its place'],
  ['thumbs', 'test images', 'i', 'The test images themselves at their places'],
  ['tiles', 'decoder grid', 't', 'What the decoder makes of each place of the plane; the fainter, the fewer codes lie there'],
  ['rings', 'prior', 'r', 'What holds 39, 86 and 99 % of the prior: of N(0, 1) one, two and three standard deviations'],
  ['density', 'density', 'd', 'The aggregate posterior: how densely codes lie'],
  ['fog', 'fog', 'f', 'A veil over places that no code is near: what is decoded there was never trained'],
  ['exact', 'p(z|x)', 'x', 'The exact posterior of the image in the row, by decoding a grid of codes: the lines hold 39, 86 and 99 % of it, the ellipses of the encoder’s q(z|x) 39 and 86 %. The row says log p(x), and what q loses of it'],
  ['gap', 'gap', 'q', 'What q(z|x) loses of each image: KL(q(z|x) ‖ p(z|x)) = log p(x) − ELBO in nats, by a grid of codes each; the fuller the colour of a point, the more. Image by image, while the step rests'],
]
/** Above two dimensions a plane shows what lies in it, or what lies anywhere, seen from the side onto it. */
const SLICES: Layer[] = ['tiles', 'fog']
const SLICE = 'Slice: of the plane itself, which goes through the point or the mean of the codes'
const SHADOW = 'Shadow: of the whole space, seen from the side onto the plane; what lies on top of each other here may be far apart'

const TOOLS: [Tool, string, string][] = [
  ['pick', 'point', 'Click a dot to look at its image, or a place to put the point there; drag to move it'],
  ['lasso', 'lasso', 'Draw around points to select their images'],
  ['rectangle', 'box', 'Drag a rectangle over points to select their images'],
  ['path', 'path A–B', 'Drag from A to B, or click A and then B: the strip below decodes the way between'],
]

const why = (layer: Layer) => (layer === 'exact' ? obstacle.value : layer === 'gap' ? noGaps.value : null)

export function Toolbar() {
  const { tool, lecture } = view.value
  const many = (store.manifest.value?.latent ?? 2) > 2
  const prior = store.manifest.value?.prior.kind ?? 'standard_normal'
  const own = store.snapshot.value?.prior ?? null
  const posterior = (store.manifest.value?.run.config.model as { posterior?: { kind: string } } | undefined)?.posterior?.kind ?? 'diagonal_normal'
  const apart = posterior === 'diagonal_normal' ? '' : `; here by location and scale alone, for this posterior is another (${posterior.replaceAll('_', ' ')})`
  const estimated = own && !own.exact ? `, estimated from ${own.weights.length} draws` : ''
  const other = prior === 'standard_normal' ? '' : own ? `; this is the model's own (${prior})${estimated}` : `; the prior of this model is another (${prior})`
  return (
    <div class="toolbar" role="toolbar" aria-label="What the latent view shows">
      <span class="segments">
        {LAYERS.filter(([layer]) => (layer !== 'exact' || !many) && (layer !== 'gap' || layers.value.gap || (!many && view.value.depth === 'measure'))).map(([layer, label, key, about]) => (
          <button key={layer} aria-pressed={layers.value[layer]} data-about={`${about}${layer === 'rings' ? other : layer === 'clouds' ? apart : why(layer) ? `. Not of this run: ${why(layer)}` : ''} (${key})${many ? `. ${SLICES.includes(layer) ? SLICE : SHADOW}` : ''}`} data-testid={`layer-${layer}`} disabled={why(layer) !== null && !layers.value[layer]} onClick={() => setLayer(layer, !layers.value[layer])}>
            {layer === 'rings' && other && !own ? 'N(0, 1)' : lecture ? label.split(' ').at(-1) : label}
            {many && <small class="kind">{SLICES.includes(layer) ? 'slice' : 'shadow'}</small>}
          </button>
        ))}
      </span>
      <span class="segments">
        {TOOLS.filter(([name]) => view.value.depth === 'measure' || name === 'pick' || name === 'path').map(([name, label, about]) => (
          <button key={name} aria-pressed={tool === name} data-about={about} data-testid={`tool-${name}`} onClick={() => setTool(name)}>
            {label}
          </button>
        ))}
        {view.value.depth === 'measure' && (
          <select value="" aria-label="Select images without dragging" data-testid="select-by" data-about="Select images without dragging: those nearest to the point, or all in sight" onChange={(event) => {
            const z = view.value.z ?? Array.from(axes.value.origin)
            const [x, y] = project(z, z.length, axes.value)
            const { value } = event.currentTarget
            select(value === 'sight' ? inSight() : nearestTo(x!, y!, Number(value)))
            event.currentTarget.value = ''
          }}>
            <option value="" disabled>select …</option>
            <option value="20">20 nearest to the point</option>
            <option value="100">100 nearest to the point</option>
            <option value="sight">all in sight</option>
          </select>
        )}
      </span>
    </div>
  )
}
