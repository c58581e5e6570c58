import { setLayer, setTool } from '../state/actions'
import * as store from '../state/store'
import { type Layer, type Tool, view } from '../state/view'

const LAYERS: [Layer, string, string, string][] = [
  ['points', 'points', 'p', 'Where the encoder puts each test image: the mean of its posterior'],
  ['glyphs', 'names', 'g', 'The class of each image, written at its place'],
  ['thumbs', 'images', 'i', 'The test images themselves at their places'],
  ['tiles', 'decoded', 't', 'What the decoder makes of each place of the plane'],
  ['rings', 'prior', 'r', 'One, two and three standard deviations of N(0, 1) in the plane'],
  ['density', 'density', 'd', 'The aggregate posterior: how densely codes lie'],
  ['fog', 'fog', 'f', 'A veil over places where no data lies: what is decoded there was never trained'],
]
const TOOLS: [Tool, string, string][] = [
  ['pick', 'pick', 'Click a point to look at its image, or a place to pin it; drag to move the pin'],
  ['lasso', 'lasso', 'Draw around points to select their images'],
  ['rectangle', 'box', 'Drag a rectangle over points to select their images'],
  ['path', 'path A–B', 'Drag from A to B: the strip below decodes the way between'],
]

export function Toolbar() {
  const { layers, tool } = view.value
  const prior = store.manifest.value?.prior.kind ?? 'standard_normal'
  const other = prior === 'standard_normal' ? '' : `; the prior of this model is another (${prior})`
  return (
    <div class="toolbar" role="toolbar" aria-label="What the latent view shows">
      <span class="segments">
        {LAYERS.map(([layer, label, key, about]) => (
          <button key={layer} aria-pressed={layers[layer]} title={`${about}${layer === 'rings' ? other : ''} (${key})`} data-testid={`layer-${layer}`} onClick={() => setLayer(layer, !layers[layer])}>
            {layer === 'rings' && other ? 'N(0, 1)' : label}
          </button>
        ))}
      </span>
      <span class="segments">
        {TOOLS.map(([name, label, about]) => (
          <button key={name} aria-pressed={tool === name} title={about} data-testid={`tool-${name}`} onClick={() => setTool(name)}>
            {label}
          </button>
        ))}
      </span>
    </div>
  )
}
