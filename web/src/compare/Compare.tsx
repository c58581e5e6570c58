import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Turn } from '../state/plane'
import * as store from '../state/store'
import { fromHash } from '../state/url'
import { change } from '../state/view'
import { Icon } from '../ui/Icon'
import { fixed, short } from '../ui/number'
import { compareHash, comparedIn, frameHash, isFull } from './address'
import { type FromFrame, frameName, type ToFrame } from './frame'

type About = Extract<FromFrame, { type: 'about' }>

/** Pages of an exported comparison, by the name of their run; null: this page, which reads that run's bundle. */
type Pages = Record<string, string | null>

/** Those of this export; null: it is of one run, or none. */
export function comparedPages(): Pages | null {
  const text = document.getElementById('vaelab-compared')?.textContent
  return text ? (JSON.parse(text) as Pages) : null
}

/** Characters of a setting. */
const LONGEST = 40
const aligned = signal(true)
const abouts = signal<Record<string, About>>({})

/** Runs beside each other, each a page of its own that does what the others do. */
export function Compare({ runs, pages }: { runs: string[]; pages: Pages | null }) {
  /** The view that the pages begin with: a later address would take them back to what it says. */
  const { current: begun } = useRef(location.hash)
  const frames = useRef<(HTMLIFrameElement | null)[]>([])
  /** Pages that have not yet drawn the step of another, and that other. */
  /** Codes of the first run, for pages that come later. */
  const codes = useRef<ToFrame | null>(null)
  const owed = useRef({ by: 0, epoch: 0, pages: new Set<number>() })
  useEffect(() => {
    aligned.value = fromHash(location.hash).aligned
    const hear = ({ source, data }: MessageEvent<FromFrame>) => {
      const from = frames.current.findIndex((frame) => frame?.contentWindow === source)
      if (from < 0) return
      const tell = (message: ToFrame) => frames.current.forEach((frame, n) => n !== from && frame?.contentWindow?.postMessage(message, '*'))
      if (data.type === 'drawn') {
        const { by, epoch, pages } = owed.current
        if (data.epoch === epoch && pages.delete(from) && pages.size === 0) frames.current[by]?.contentWindow?.postMessage(data, '*')
        return
      }
      if (data.type !== 'about') {
        tell(data)
        if (data.type === 'codes') codes.current = data
        if (data.type !== 'view') return
        aligned.value = fromHash(data.hash).aligned
        if (data.epoch !== null) owed.current = { by: from, epoch: data.epoch, pages: new Set([...runs.keys()].filter((n) => n !== from && abouts.value[runs[n]!])) }
        change({ theme: fromHash(data.hash).theme })
        if (pages === null) history.replaceState(null, '', compareHash(runs, data.hash))
        return
      }
      if (from > 0 && !abouts.value[runs[from]!] && codes.current) frames.current[from]!.contentWindow!.postMessage(codes.current, '*')
      if (from === 0 && !abouts.value[runs[0]!]) frames.current[0]!.focus() // keys are heard there
      abouts.value = { ...abouts.value, [runs[from]!]: data }
      const reach = Math.max(...Object.values(abouts.value).map((about) => about.reach))
      for (const frame of frames.current) frame?.contentWindow?.postMessage({ type: 'reach', reach } satisfies ToFrame, '*')
    }
    const anew = () => JSON.stringify(comparedIn(location.hash)) !== JSON.stringify(runs) && location.reload()
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest('button, input, select')) return
      const { key, code, shiftKey } = event
      frames.current[0]?.contentWindow?.postMessage({ type: 'key', key, code, shiftKey } satisfies ToFrame, '*')
      if (key === ' ') event.preventDefault() // the page would scroll
    }
    addEventListener('keydown', press)
    addEventListener('message', hear)
    if (pages === null) addEventListener('hashchange', anew)
    return () => {
      removeEventListener('keydown', press)
      removeEventListener('message', hear)
      removeEventListener('hashchange', anew)
    }
  }, [])
  const open = (hash: string) => (location.hash = hash)
  const without = (run: string) => {
    const left = runs.filter((other) => other !== run)
    open(left.length > 1 ? compareHash(left, location.hash) : frameHash(left[0]!, location.hash))
  }
  const others = store.runs.value.filter((run) => run.obstacle === null && !runs.includes(run.id))
  return (
    <>
      <header class="topbar">
        <h1 class="brand">vaelab</h1>
        <p class="compared-words">{differing(runs)}</p>
        <span class="grow" />
        {(!aligned.value || Object.values(abouts.value).some((about) => about.turn)) && (
          <label class="tick">
            <input type="checkbox" data-testid="aligned" checked={aligned.value} onChange={(event) => frames.current[0]?.contentWindow?.postMessage({ type: 'align', aligned: event.currentTarget.checked } satisfies ToFrame, '*')} /> planes turned to match
          </label>
        )}
        {pages === null && !isFull(runs) && others.length > 0 && (
          <label class="inline"><span class="hidden-text">Compare with another run</span>
            <select data-testid="compare" value="" onChange={(event) => open(compareHash([...runs, event.currentTarget.value], location.hash))}>
              <option value="">+ compare</option>
              {others.map((run) => <option key={run.id} value={run.id}>{run.id}</option>)}
            </select>
          </label>
        )}
      </header>
      <main class="compared">
        {runs.map((run, n) => (
          <section key={run} aria-label={run}>
            <header>
              <h2>{pages ? run : <button class="quiet" title={`${run} alone, with Look and Measure`} data-testid={`alone-${n}`} onClick={() => open(frameHash(run, location.hash))}>{run}</button>}</h2>
              <Numbers run={run} than={n ? runs[0]! : null} />
              {pages === null && <button aria-label={`Remove ${run} from the comparison`} data-testid={`remove-${n}`} onClick={() => without(run)}><Icon name="close" /></button>}
            </header>
            <iframe name={frameName(n)} title={run} ref={(element) => void (frames.current[n] = element)} {...(pages?.[run] ? { srcdoc: pages[run] } : { src: location.pathname + frameHash(run, begun) })} />
          </section>
        ))}
      </main>
    </>
  )
}

/** The numbers of a run, and how far they are from the first one's, where they compare. */
function Numbers({ run, than }: { run: string; than: string | null }) {
  const about = abouts.value[run]
  const base = than === null ? undefined : abouts.value[than]
  if (!about?.terms) return <p class="numbers">{about ? `epoch ${fixed(about.epoch, 1)}` : ''}</p>
  const comparable = base?.measure === about.measure
  const one = (name: string, key: 'elbo_nats' | 'rate_nats' | 'distortion_nats') => {
    const difference = comparable && base?.terms ? about.terms![key] - base.terms[key] : null
    return <span key={key}>{name} <b>{short(about.terms![key], 2)}</b>{difference !== null && <i> {difference < 0 ? '−' : '+'}{short(Math.abs(difference), 2)}</i>} </span>
  }
  return (
    <p class="numbers" data-testid={`numbers-${run}`}>
      {one('ELBO', 'elbo_nats')}{one('rate', 'rate_nats')}{one('distortion', 'distortion_nats')}<span>nats, epoch {fixed(about.epoch, 1)}</span>
      {about.turn && <span data-testid={`turn-${run}`}> · {turnInWords(about.turn)}</span>}
      {base && !comparable && <span> · not comparable with {than}: other data, pixels or likelihood</span>}
    </p>
  )
}

function turnInWords({ p, q, sign }: Turn): string {
  return `${sign < 0 ? 'mirrored, ' : ''}turned by ${fixed((180 / Math.PI) * Math.atan2(q, p), 0)}°`
}

/** The settings in which the runs differ, in words. */
function differing(runs: string[]): string {
  const all = runs.map((run) => abouts.value[run]?.settings)
  if (all.some((one) => one === undefined)) return ''
  const keys = [...new Set(all.flatMap((one) => Object.keys(one!)))].filter((key) => new Set(all.map((one) => one![key])).size > 1 && all.every((one) => one![key] !== undefined)) // what not all have goes with what is named
  return keys.map((key) => `${key} ${all.map((one) => (one![key] ?? '–').slice(0, LONGEST)).join(' | ')}`).join(' · ')
}
