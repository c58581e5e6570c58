import { useLayoutEffect, useRef } from 'preact/hooks'
import { pickImage, select } from '../state/actions'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { view } from '../state/view'
import { Still } from '../ui/Picture'
import { count } from '../ui/number'
import { Panel } from '../ui/Panel'
import { codesOf } from './csv'

const SIDE = 28
const MOST = 240

/** What lasso and rectangle have chosen: the images, their mean, their classes, and a CSV of their codes. */
export function SelectionPanel() {
  const { selected } = view.value
  const about = store.manifest.value
  const images = store.images.value
  if (selected.length === 0 || !about || !images) return null
  const counts = new Map<number, number>()
  for (const image of selected) counts.set(images.labels[image]!, (counts.get(images.labels[image]!) ?? 0) + 1)
  const mean = new Float32Array(pixelsOf(0).length)
  for (const image of selected.slice(0, MOST)) pixelsOf(image).forEach((value, i) => (mean[i]! += value / Math.min(MOST, selected.length)))
  return (
    <Panel id="selection" numbers={() => codesOf(selected)} title={`${count(selected.length, 'image')} selected`}
      tools={
        <button onClick={() => select([])} data-testid="clear-selection">clear</button>
      }>
      <div class="row">
        <figure><Still x={mean} testid="selection-mean" label="mean of the selected images" /><figcaption>mean</figcaption></figure>
        <p class="fine">{[...counts].sort((a, b) => b[1] - a[1]).map(([label, many]) => `${about.data.classes[label]}: ${many}`).join(', ')}</p>
      </div>
      <Grid selected={selected} />
    </Panel>
  )
}

function Grid({ selected }: { selected: number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const columns = 10
  const shown = selected.slice(0, MOST)
  useLayoutEffect(() => {
    const { atlas, columns: across } = store.images.value!
    const [, height, width] = store.manifest.value!.data.shape
    canvas.current!.width = columns * SIDE
    canvas.current!.height = Math.ceil(shown.length / columns) * SIDE
    const context = canvas.current!.getContext('2d')!
    context.imageSmoothingEnabled = false
    shown.forEach((image, i) =>
      context.drawImage(atlas, (image % across) * width, Math.floor(image / across) * height, width, height, (i % columns) * SIDE, Math.floor(i / columns) * SIDE, SIDE - 1, SIDE - 1),
    )
  }, [selected])
  const choose = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect()
    const image = shown[Math.floor((event.clientY - box.top) / SIDE) * columns + Math.floor((event.clientX - box.left) / SIDE)]
    if (image !== undefined) pickImage(image)
  }
  return (
    <div class="scroll grid" tabIndex={0} role="region" aria-label="Selected images">
      <canvas ref={canvas} onClick={choose} data-testid="selection-grid" role="img" aria-label={count(selected.length, 'selected image')} />
      {selected.length > MOST && <p class="fine">The first {MOST} are shown; the CSV holds all.</p>}
    </div>
  )
}
