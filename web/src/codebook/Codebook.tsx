import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { DrawingPad } from '../probe/DrawingPad'
import { ErrorMap } from '../probe/ErrorMap'
import { draws, dropped, seen, strokes } from '../probe/probe'
import { pickImage } from '../state/actions'
import { pixelsOf } from '../state/images'
import * as store from '../state/store'
import { view } from '../state/view'
import { Icon } from '../ui/Icon'
import { Still } from '../ui/Picture'
import { Save } from '../ui/Save'
import { Sheet } from '../ui/Sheet'
import { before, chosen, code, decoded, encoded, lit, patchOf, reset, under, use, whereIs, without } from './codebook'
import { percent } from './Entries'
import { Patch } from './Patch'

const STRIP = 16
/** Columns of a grid whose places have room for a number. */
const MOST_NUMBERED = 12
const first = signal(0)

/** A model whose code is a grid of entries of a codebook, in a row: an image, its code, what is decoded from it, and what a change of it does. */
export function Codebook() {
  const about = store.manifest.value
  if (!about?.codebook || !store.images.value) return null
  const [rows, columns] = about.codebook.grid
  const now = code.value
  const places = now?.filter((entry, i) => entry !== encoded.value![i]).length ?? 0
  const at = under.value
  const taken = at !== null && without.value?.place === at && decoded.value ? without.value.x : null
  return (
    <div class="codebook" id="plane" tabIndex={-1} data-testid="code-map">
      <p class="told">
        <b>Each picture is {rows * columns} numbers.</b> The encoder looks at {rows} × {columns} places and writes down, for each, which entry of its codebook fits best; the decoder is
        given these numbers and nothing else. Choose a place, and exchange its entry.
      </p>
      <Strip />
      <section class="posts" aria-label="An image, its code and what is decoded from it">
        {view.value.depth !== 'play' && (
          <Station name="draw here" second={<>or drop a picture · <button class="quiet" data-testid="clear-drawing" onClick={clear}>clear</button></>}><DrawingPad /></Station>
        )}
        <Station name="x" second={nameOf()}><Still x={seen.value} testid="probe-seen" label="the image x" /><Where /></Station>
        <div class="arrow" aria-hidden="true"><div>encode</div></div>
        <Station name="its code" second={at === null ? `${new Set(now).size} different entries` : saidOf(at)}><Grid /></Station>
        <div class="arrow" aria-hidden="true"><div>decode</div></div>
        <Station name="x̂" second={places ? <>{places === 1 ? 'one place' : `${places} places`} exchanged · <button class="quiet" data-testid="code-reset" onClick={reset}>reset</button></> : 'of these numbers alone'}><Still x={decoded.value} testid="code-decoded" label="what is decoded from the code" /><Where /></Station>
        <Station name={taken ? 'what this entry does' : places ? 'what has changed' : 'what is lost'} second={taken ? `x̂ less x̂ with entry ${use.value!.order[0]!}, the most used, at this place` : places ? 'x̂ less x̂ of the encoder’s code' : 'x̂ less x'}>
          <ErrorMap from={taken ?? (places ? before.value : seen.value)} to={decoded.value} />
          <Where />
        </Station>
        <Save name="code" of={(button) => button.closest('section')!} numbers={() => [['row', 'column', 'entry', 'encoded'], ...(now ?? []).map((entry, i) => [Math.floor(i / columns) + 1, (i % columns) + 1, entry, encoded.value![i]!])]} />
      </section>
    </div>
  )
}

function Station({ name, second, children }: { name: string; second: ComponentChildren; children: ComponentChildren }) {
  return (
    <figure class="post">
      <div class="framed">{children}</div>
      <figcaption><b>{name}</b> <span class="second">{second}</span></figcaption>
    </figure>
  )
}

/** The place that is pointed at, or chosen, on a picture of the whole. */
function Where() {
  const place = under.value ?? chosen.value
  if (place === null) return null
  const [, high, wide] = store.manifest.value!.data.shape
  const { top, left, height, width } = patchOf(place)
  return <span class="where" style={{ top: `${(100 * top) / high}%`, left: `${(100 * left) / wide}%`, height: `${(100 * height) / high}%`, width: `${(100 * width) / wide}%` }} />
}

function Grid() {
  const now = code.value
  if (!now) return null
  const [rows, columns] = store.manifest.value!.codebook!.grid
  const reached = Math.min(under.value ?? chosen.value ?? 0, now.length - 1)
  const move = (event: KeyboardEvent) => {
    const place = Number((event.target as HTMLElement).dataset.place)
    const [row, column] = [Math.floor(place / columns), place % columns]
    const next = {
      ArrowLeft: column > 0 && place - 1, ArrowRight: column < columns - 1 && place + 1,
      ArrowUp: row > 0 && place - columns, ArrowDown: row < rows - 1 && place + columns,
    }[event.key]
    if (event.key === 'Escape') chosen.value = null
    else if (typeof next === 'number') document.getElementById(`place-${next}`)!.focus()
    else if (next === undefined) return
    event.preventDefault()
    event.stopPropagation()
  }
  const choose = (event: MouseEvent, place: number) => {
    chosen.value = chosen.value === place && event.detail ? null : place
    if (event.detail === 0) document.querySelector<HTMLElement>(`[data-entry="${now[place]!}"]`)?.focus() // by the keyboard
  }
  return (
    <div class="places" style={{ gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)` }} role="group" aria-label="The code: arrow keys go from place to place, Enter to the codebook" onKeyDown={move} onPointerLeave={() => (under.value = null)}>
      {now.map((entry, place) => (
        <button key={place} id={`place-${place}`} data-place={place} data-testid={`place-${place}`} tabIndex={place === reached ? 0 : -1} aria-pressed={chosen.value === place}
          class={`cell${entry === lit.value ? ' lit' : ''}${entry !== encoded.value![place] ? ' changed' : ''}`} aria-label={`${whereIs(place)}: entry ${entry}`}
          onPointerEnter={() => (under.value = place)} onFocus={() => (under.value = place)} onBlur={() => (under.value = null)} onClick={(event) => choose(event, place)}>
          <Patch entry={entry} />
          {columns <= MOST_NUMBERED && <span class="numbers">{entry}</span>}
        </button>
      ))}
    </div>
  )
}

/** Test images to choose from. */
function Strip() {
  const { count } = store.images.value!
  const begin = first.value % count
  const shown = Array.from({ length: Math.min(STRIP, count) }, (_, i) => (begin + i) % count)
  return (
    <div class="strip">
      <Sheet images={shown.map(pixelsOf)} columns={shown.length} testid="code-images">
        {shown.map((image) => (
          <button key={image} class="frame" aria-label={`test image ${image}`} aria-pressed={view.value.probe?.kind === 'image' && view.value.probe.index === image} onClick={() => pickImage(image)} />
        ))}
      </Sheet>
      <button data-testid="other-images" aria-label="Other test images" data-about="Other test images; [ and ] go through them one by one" onClick={() => (first.value = begin + STRIP)}><Icon name="on" /></button>
    </div>
  )
}

function nameOf(): string {
  const { probe } = view.value
  if (probe?.kind === 'drawing') return `your ${dropped.value ? 'picture' : 'drawing'}`
  return probe ? `test image ${probe.index}, “${store.manifest.value!.data.classes[store.images.value!.labels[probe.index]!] ?? ''}”` : ''
}

function saidOf(place: number): string {
  const entry = code.value?.[place]
  const now = use.value
  return entry === undefined || !now ? '' : `${whereIs(place)}: entry ${entry}, at ${percent(now.counts[entry]! / now.total)} % of all places`
}

function clear(): void {
  strokes.value = []
  dropped.value = null
  draws.value = 0
  if (view.value.probe?.kind === 'drawing') pickImage(0)
}
