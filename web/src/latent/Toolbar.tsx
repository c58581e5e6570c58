import { setLayer, setPlane, setTool, soloClass, toggleClass } from '../state/actions'
import * as store from '../state/store'
import { change, type Layer, type Tool, view } from '../state/view'
import { classColour, isDark } from '../ui/palette'

const LAYERS: [Layer, string, string, string][] = [
  ['points', 'points', 'p', 'Where the encoder puts each test image: the mean of its posterior'],
  ['glyphs', 'names', 'g', 'The class of each image, written at its place'],
  ['thumbs', 'images', 'i', 'The test images themselves at their places'],
  ['tiles', 'decoded', 't', 'What the decoder makes of each place of the plane'],
  ['rings', 'prior', 'r', 'One, two and three standard deviations of the standard normal prior'],
  ['density', 'density', 'd', 'The aggregate posterior: how densely codes lie'],
  ['fog', 'fog', 'f', 'A veil over places where no data lies: what is decoded there was never trained'],
]
const TOOLS: [Tool, string, string][] = [
  ['pick', 'pick', 'Click a point to look at its image, or a place to pin it; drag to move the pin'],
  ['lasso', 'lasso', 'Draw around points to select their images'],
  ['rectangle', 'rectangle', 'Drag a rectangle over points to select their images'],
  ['path', 'path A–B', 'Drag from A to B: the strip below decodes the way between'],
]

export function Toolbar() {
  const { layers, tool, plane } = view.value
  const d = store.manifest.value?.latent ?? 2
  return (
    <div class="toolbar" role="toolbar" aria-label="What the latent view shows">
      <span class="group">
        {LAYERS.map(([layer, label, key, about]) => (
          <button key={layer} class="toggle" aria-pressed={layers[layer]} title={`${about} (${key})`} data-testid={`layer-${layer}`} onClick={() => setLayer(layer, !layers[layer])}>
            {label}
          </button>
        ))}
      </span>
      <span class="group">
        {TOOLS.map(([name, label, about]) => (
          <button key={name} class="toggle" aria-pressed={tool === name} title={about} data-testid={`tool-${name}`} onClick={() => setTool(name)}>
            {label}
          </button>
        ))}
      </span>
      <span class="group">
        {d > 2 && (
          <>
            <button class="toggle" aria-pressed={plane.kind === 'pca'} title="The plane of the largest variance of the codes" data-testid="plane-pca" onClick={() => setPlane({ kind: 'pca' })}>
              PCA
            </button>
            {(['i', 'j'] as const).map((axis) => (
              <select key={axis} aria-label={axis === 'i' ? 'Dimension across' : 'Dimension upwards'} data-testid={`axis-${axis}`} value={plane.kind === 'axes' ? plane[axis] : ''}
                onChange={(event) => {
                  const chosen = Number(event.currentTarget.value)
                  const now = plane.kind === 'axes' ? plane : { i: 0, j: 1 }
                  const other = axis === 'i' ? now.j : now.i
                  const spare = other === chosen ? now[axis] : other
                  setPlane(axis === 'i' ? { kind: 'axes', i: chosen, j: spare } : { kind: 'axes', i: spare, j: chosen })
                }}>
                {plane.kind === 'pca' && <option value="">–</option>}
                {Array.from({ length: d }, (_, k) => <option key={k} value={k}>z{k + 1}</option>)}
              </select>
            ))}
          </>
        )}
        <button class="toggle" title="Show all points again (0 on the number pad, or Home)" data-testid="reset-camera" onClick={() => change({ camera: null })}>fit</button>
      </span>
    </div>
  )
}

/** The classes: what their colours mean, and which are shown. */
export function Legend() {
  const about = store.manifest.value
  if (!about) return null
  const { hidden, theme } = view.value
  void theme
  return (
    <div class="legend" role="group" aria-label="Classes that are shown">
      {about.data.classes.slice(0, 40).map((name, k) => (
        <button key={k} class="class" aria-pressed={!hidden.includes(k)} title={`${name}: click to hide or show, double click for it alone${k < 10 ? ` (key ${k})` : ''}`} data-testid={`class-${k}`}
          onClick={() => toggleClass(k)} onDblClick={() => soloClass(k)}>
          <i style={{ background: classColour(k, isDark()) }} />
          {name}
        </button>
      ))}
    </div>
  )
}
