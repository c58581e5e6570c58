import { useRef } from 'preact/hooks'
import * as store from '../state/store'
import { fixed, short } from '../ui/number'
import { Save } from '../ui/Save'
import { hasMoved, Term } from '../ui/tips'
import { chosen, code, lit, put, under, use, whereIs } from './codebook'
import { Patch } from './Patch'

/** Entries that are shown, from the one that is used most. */
const MOST_SHOWN = 512

/** Two digits of it. */
export const percent = (share: number) => fixed(100 * share, share < 0.001 ? 2 : share < 0.1 ? 1 : 0)

/** The codebook: every entry with what it stands for and how often it is used; one of them goes to the place that is chosen. */
export function Entries() {
  const list = useRef<HTMLDivElement>(null)
  const about = store.manifest.value
  const now = use.value
  if (!about?.codebook || !now) return null
  const { entries } = about.codebook
  const place = chosen.value
  const at = place ?? under.value
  const current = at === null ? null : (code.value?.[at] ?? null)
  const shown = now.order.slice(0, MOST_SHOWN)
  const most = now.counts[now.order[0]!]!
  const reached = Math.max(0, shown.indexOf(current ?? lit.value ?? shown[0]!))
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (event.key === 'Escape' && place !== null) {
      chosen.value = null
      document.getElementById(`place-${place}`)?.focus()
    } else if (by) {
      const from = shown.indexOf(Number((event.target as HTMLElement).dataset.entry))
      const next = shown[Math.max(0, Math.min(shown.length - 1, from + by))]!
      list.current!.querySelector<HTMLElement>(`[data-entry="${next}"]`)!.focus()
      if (place !== null) put(place, next)
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <section class="entries" aria-label="The codebook" data-testid="entries">
      <header>
        <b>{place === null ? 'Codebook' : `An entry for ${whereIs(place)}`}</b>
        <span class="fine">
          {place === null ? <>{short(now.used, 0)} of {short(entries, 0)} entries are used</> : <>click one, or go through them with the arrow keys</>}
          {' · '}<Term about={`exp of the entropy of the bars: as many entries, used alike, would tell as much. ${short(entries, 0)} if all are used alike, 1 if one is used alone.`}>perplexity</Term> <b class="numbers" data-testid="perplexity">{fixed(now.perplexity, 1)}</b>
          {entries > MOST_SHOWN && ` · the ${MOST_SHOWN} used most are shown`}
        </span>
        <span class="grow" />
        <span class="fine">how often each is used, in % of the places of {short(now.total / about.latent, 0)} images</span>
        <Save name="codebook" of={(button) => button.closest('section')!} numbers={() => [['entry', 'places', 'share'], ...now.order.map((entry) => [entry, now.counts[entry]!, now.counts[entry]! / now.total])]} />
      </header>
      <div class="tiles scroll" role="group" aria-label="Entries, the most used first" ref={list} onKeyDown={move}>
        {shown.map((entry, i) => {
          const count = now.counts[entry]!
          const words = count ? `${percent(count / now.total)} % of all places` : 'not used'
          return (
            <button key={entry} data-entry={entry} data-testid={`entry-${entry}`} class={count ? 'tile' : 'tile unused'} tabIndex={i === reached ? 0 : -1} aria-pressed={entry === current}
              data-about={`Entry ${entry}: ${words}`}
              onPointerEnter={(event) => hasMoved(event) && (lit.value = entry)} onPointerLeave={() => (lit.value = null)} onFocus={() => (lit.value = entry)} onBlur={() => (lit.value = null)}
              onClick={() => place !== null && put(place, entry)}>
              <span class="bar"><i style={{ height: `${(100 * count) / most}%` }} /></span>
              <Patch entry={entry} />
              <span class="numbers"><span class="hidden-text">entry </span><b>{entry}</b></span>
              <span class="numbers share">{count ? <>{percent(count / now.total)}<span class="hidden-text"> % of all places</span></> : <>–<span class="hidden-text"> not used</span></>}</span>
            </button>
          )
        })}
      </div>
    </section>
  )
}
