import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { current } from '../readings/current'
import { drawAgain, draws, dropped } from '../probe/probe'
import { ErrorMap } from '../probe/ErrorMap'
import { ScaleBar, ScaleMap } from '../probe/ScaleMap'
import { pickImage } from '../state/actions'
import * as store from '../state/store'
import { view } from '../state/view'
import { Icon } from '../ui/Icon'
import { type Cells, Save } from '../ui/Save'
import { Still } from '../ui/Picture'
import { hasMoved } from '../ui/tips'
import { Cloud, Code, words } from './Cloud'
import { evidence, sought } from '../evidence/evidence'
import { lit, nats } from './Formula'
import { type Journey, journey, own, type Part } from './journey'

/** The whole model in a row, from left to right: an image, its cloud of codes, one of them, what is decoded from it, the error; the numbers stand where they arise. */
export function Row() {
  const now = journey.value
  const terms = current.value
  const mean = terms && { rate: terms.rate_nats, distortion: terms.distortion_nats, elbo: terms.elbo_nats }
  const mine = own.value
  const found = evidence.value
  // beside log p(x) all numbers are over all of q(z|x), as the rate is anyway: so they add up
  const whole = found?.elbo != null && mine.rate !== null ? -found.elbo - mine.rate : null
  return (
    <section class="journey" aria-label="An image on its way through the model" data-testid="row">
      <Station testid="row-x">{now && <Still x={now.x} label="the image x" />}</Station>
      <Arrow><span>encode</span></Arrow>
      <Station part="rate" testid="row-cloud">{now && <Cloud journey={now} />}</Station>
      <Arrow>
        <button class="quiet" data-testid="row-draw" aria-label="draw" aria-pressed={draws.value > 0} onClick={() => drawAgain()} {...pointedAt('code')} data-about="Draw another z from the cloud: z = μ + σ ε, with ε from N(0, 1)"><Icon name="die" /> <span>draw</span></button>
        <button class="quiet ten" data-testid="row-draw-ten" aria-label="draw ×10" onClick={() => drawAgain(10)} {...pointedAt('code')} data-about="Ten draws one after the other; each leaves its mark in the cloud">×10</button>
      </Arrow>
      <Station part="code" testid="row-z">{now && <Code journey={now} />}</Station>
      <Arrow><span>decode</span></Arrow>
      <Station part="distortion" testid="row-decoded">{now && <Says journey={now} />}</Station>
      <Arrow><span>compare</span></Arrow>
      <Station part="distortion" testid="row-error">{now && <ErrorMap from={now.x} to={now.decoded} />}</Station>
      <div class="sum">{sought.value ? <Number part="evidence" value={found?.logEvidence ?? null} mean={undefined} name="log p(x)" second={!found ? '…' : found.elbo === null ? 'nats' : `gap ${nats(found.logEvidence - found.elbo)} nats`} /> : <>−ELBO = <br />distortion + rate</>}</div>
      <div class="under" style={{ gridColumn: 1 }}><b>x</b><Which /></div>
      <div class="under" style={{ gridColumn: 3 }}>
        <Number part="rate" value={mine.rate} mean={mean?.rate} name="rate" />
      </div>
      <div class="under" style={{ gridColumn: 5 }}><Opens part="code"><b>z</b> <span class="second numbers">{now && `(${words(now.z)})`}</span></Opens></div>
      <div class="under" style={{ gridColumn: 7 }}>{now && <Saying journey={now} />}</div>
      <div class="under" style={{ gridColumn: 9 }}>
        <Number part="distortion" value={whole ?? mine.distortion} mean={mean?.distortion} name="distortion" second={whole !== null ? 'over all of q(z|x)' : found ? 'of this z' : undefined} />
      </div>
      <div class="under sum" style={{ gridColumn: 10 }}>
        <Number part="elbo" value={found?.elbo ?? mine.elbo} mean={mean?.elbo} name="ELBO" second={found?.elbo == null ? undefined : whole === null ? 'over all of q(z|x)' : '−(distortion + rate)'} />
      </div>
      <Save name="row" of={(button) => button.closest('section')!} numbers={seen} />
    </section>
  )
}

/** The image, its posterior, the code and what is decoded, each in a line. */
function seen(): Cells {
  const now = journey.value
  if (!now) return []
  const { rate, distortion } = own.value
  const lines: [string, ArrayLike<number>][] = [['x', now.x], ['loc', now.loc], ['scale', now.scale], ['z', now.z], ['decoded', now.decoded], ...(now.draw ? [['draw', now.draw] as [string, Float32Array]] : []), ...(now.pixelScale ? [['scale per pixel', now.pixelScale] as [string, Float32Array]] : [])]
  return [['what', 'values'], ['rate, nats', rate], ['distortion, nats', distortion], ...(evidence.value ? [['log p(x), nats', evidence.value.logEvidence]] : []), ...lines.map(([what, values]) => [what, ...Array.from(values)])]
}

type Side = 'mean' | 'draw' | 'scale'

/** What of p(x|z) is wished to be seen. */
const side = signal<Side>('mean')

const sidesOf = ({ draw, pixelScale }: Journey): Side[] => ['mean', ...(draw ? (['draw'] as const) : []), ...(pixelScale ? (['scale'] as const) : [])]
const sideOf = (now: Journey): Side => (sidesOf(now).includes(side.value) ? side.value : 'mean')

/** p(x|z): its mean, a draw, or the scale of each pixel. */
function Says({ journey: now }: { journey: Journey }) {
  const shown = sideOf(now)
  if (shown === 'scale') return <ScaleMap scale={now.pixelScale!} testid="row-scale" />
  return shown === 'draw' ? <Still x={now.draw} label="an image drawn from p(x|z)" /> : <Still x={now.decoded} label="what is decoded from z" />
}

/** Which of them it is; pressed, the next. */
function Saying({ journey: now }: { journey: Journey }) {
  const sides = sidesOf(now)
  const shown = sideOf(now)
  const next = sides[(sides.indexOf(shown) + 1) % sides.length]!
  const name = <b>{{ mean: 'x̂', draw: 'x', scale: 'scale' }[shown]}</b>
  const names = { mean: 'the mean', draw: 'an image drawn from it', scale: 'the scale of each pixel' }
  return (
    <>
      {next === shown ? name : <button class="quiet side" data-testid="row-side" data-about={`What p(x|z) says: ${names[shown]}. Press for ${names[next]}.`} onClick={() => (side.value = next)}>{name} <Icon name="on" /></button>}
      <span class="second">{shown === 'scale' ? <ScaleBar scale={now.pixelScale!} /> : shown === 'draw' ? '~ p(x|z)' : now.drawn ? 'of this z' : 'of the mean'}</span>
    </>
  )
}

function Station({ part, testid, children }: { part?: Part; testid: string; children: ComponentChildren }) {
  const on = part && (lit.value === part || (lit.value === 'elbo' && part !== 'code'))
  return <div class={on ? `station lit ${part}` : 'station'} data-testid={testid}>{children}</div>
}

const Arrow = ({ children }: { children: ComponentChildren }) => <div class="arrow"><div>{children}</div></div>

/** Which image it is; a test image can be exchanged for another. */
function Which() {
  const now = journey.value
  const images = store.images.value
  const about = store.manifest.value
  if (!now || !images || !about) return null
  if (now.image === null) return <span class="second">your {dropped.value ? 'picture' : 'drawing'}</span>
  const name = about.data.classes[images.labels[now.image]!] ?? ''
  const random = () => {
    const shown = [...images.labels.keys()].filter((i) => !view.value.hidden.includes(images.labels[i]!))
    pickImage(shown[Math.floor(Math.random() * shown.length)] ?? 0)
  }
  return <button class="quiet second" data-testid="row-random" data-about="The image that the row follows: the one under the pointer, else the last that was clicked. Press for a random one." onClick={random}><Icon name="die" /> “{name}” {now.image}</button>
}

/** A number that lights up where it arises, and opens its formula: pointed at for as long, pressed until it is pressed again. */
function Number({ part, value, mean, name, second }: { part: Part; value: number | null; mean: number | undefined; name: string; second?: string }) {
  return (
    <Opens part={part}>
      {name} <b>{value === null && mean === undefined ? '–' : nats(value ?? mean!, view.value.lecture ? 1 : 2)}</b>
      <span class="second">{second ?? (value === null ? 'nats, mean' : mean === undefined ? 'mean … nats' : `${store.calm.value?.index === null ? 'batches' : 'mean'} ${nats(mean)} nats`)}</span>
    </Opens>
  )
}

/** What lights up its part of the page, and opens its formula. */
function Opens({ part, children }: { part: Part; children: ComponentChildren }) {
  return (
    <button class={`number ${part}`} data-testid={`row-${part}`} aria-expanded={lit.value === part} aria-controls={lit.value === part ? 'formula' : undefined}
      {...pointedAt(part)}
      onClick={() => { kept = kept === part ? null : part; lit.value = kept }} onKeyDown={(event) => event.key === 'Escape' && (kept = lit.value = null)}>
      {children}
    </button>
  )
}

/** Its formula is there while the mouse is over this. */
const pointedAt = (part: Part) => ({
  onPointerEnter: (event: PointerEvent) => {
    if (event.pointerType === 'mouse' && hasMoved(event)) lit.value = part
  },
  onPointerLeave: () => {
    if (lit.value === part && kept !== part) lit.value = kept
  },
})

let kept: Part | null = null
