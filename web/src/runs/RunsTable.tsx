import { signal, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { RunSummary } from '../source/source'
import { openRun } from '../state/opening'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { csvOf } from '../ui/csv'
import { Dialog } from '../ui/Dialog'
import { download } from '../ui/download'
import { Icon } from '../ui/Icon'
import { count, short } from '../ui/number'
import { bin, listAgain, refused, rename, tableOpen, takeBack, throwAway, thrown } from './shelf'
import { Stamp } from './Stamp'
import { type Column, differing, matches, NAME, namesOf, NUMBERS, sorted, unclear, when, wordsOf, WRITTEN } from './table'

const filter = signal('')
const order = signal<{ key: string; down: boolean }>({ key: WRITTEN.key, down: true })
/** Rows before and after those in sight that are there too. */
const SPARE = 6

/** Every run of the folder in a table: what sets them apart, their numbers, what can be done with them. */
export function RunsTable() {
  return <Dialog open={tableOpen} title="Runs">{tableOpen.value && <Content />}</Dialog>
}

function Content() {
  useEffect(listAgain, [])
  const runs = store.runs.value
  const names = namesOf([...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))].sort())
  const words = wordsOf(filter.value)
  const strange = unclear(words, names)
  const chosen = runs.filter((run) => matches(run, words.filter((word) => !strange.includes(word)), names))
  const { columns, others } = differing(chosen)
  const all = [NAME, ...columns, ...NUMBERS, WRITTEN]
  const by = all.find(({ key }) => key === order.value.key) ?? WRITTEN
  const rows = sorted(chosen, by, order.value.down)
  const rest = (run: RunSummary) => others.filter(({ key, usual }) => (run.settings[key] ?? '') !== usual).map(({ key, name }) => `${name} ${run.settings[key] ?? '–'}`).join(' · ')
  const save = () => {
    const head = all.map(({ key, name }) => (key.endsWith('_nats') ? `${name} (nats per image, validation)` : name))
    download(new Blob([csvOf([...head, 'other settings'], rows.map((run) => [...all.map(({ key, value }) => (key === WRITTEN.key ? new Date(1000 * run.written).toISOString() : value(run))), rest(run)]))], { type: 'text/csv' }), 'runs.csv')
  }
  return (
    <div class="runs" data-testid="runs-table">
      <div class="row">
        <input type="search" class="address" placeholder="filter: part of a name, latent=4, elbo>90, rate<10 …" aria-label="Filter the runs" data-testid="runs-filter" value={filter.value} onInput={(event) => (filter.value = event.currentTarget.value)} />
        <span class="fine numbers" role="status" data-testid="runs-count">{rows.length < runs.length && `${rows.length} of `}{count(runs.length, 'run')}</span>
        <button onClick={save} data-testid="runs-csv" data-about="The rows that are shown, with all their columns">CSV</button>
      </div>
      {strange.length > 0 && <p class="fine" role="status" data-testid="runs-unclear">{strange.map((word) => `“${word}”`).join(', ')} {strange.length > 1 ? 'are' : 'is'} left out: a condition is a column in which these runs differ, =, &lt; or &gt;, and a value, as in rate&lt;10</p>}
      {refused.value && <p class="failure" role="alert" data-testid="runs-refused">{refused.value}</p>}
      {thrown.value && (
        <p role="status" data-testid="runs-thrown">{thrown.value.run} lies in the bin (.trash, beside the runs). <button data-testid="runs-undo" onClick={() => void takeBack(thrown.value!.binned, thrown.value!.run)}>undo</button></p>
      )}
      <Rows rows={rows} columns={columns} all={all} rest={others.length ? rest : null} />
      <p class="fine">ELBO, distortion and rate: nats per image on the validation images, of the weights kept. Numbers of other data, likelihoods or pixels are not comparable.</p>
      {bin.value.length > 0 && (
        <details data-testid="bin">
          <summary>Bin ({bin.value.length})</summary>
          <p class="fine">These runs lie in the folder .trash beside the others. This page deletes nothing; to have the room back, delete that folder.</p>
          <ul class="binned">{bin.value.map((name) => <li key={name}>{name} <button onClick={() => void takeBack(name, name)} aria-label={`Put ${name} back`}>put back</button></li>)}</ul>
        </details>
      )}
    </div>
  )
}

/** Of many rows those in sight, between two gaps as high as the rest. */
function Rows({ rows, columns, all, rest }: { rows: RunSummary[]; columns: Column[]; all: Column[]; rest: ((run: RunSummary) => string) | null }) {
  const box = useRef<HTMLDivElement>(null)
  const seen = useSignal({ first: 0, count: 20 })
  const height = useRef(40)
  const look = () => {
    if (!box.current) return // it has just been closed
    const row = box.current.querySelector<HTMLElement>('tbody tr[data-run]')
    height.current = row?.offsetHeight || height.current
    const first = Math.max(0, Math.floor(box.current.scrollTop / height.current) - SPARE)
    const count = Math.ceil(box.current.clientHeight / height.current) + 2 * SPARE
    if (first !== seen.peek().first || count !== seen.peek().count) seen.value = { first, count }
  }
  useLayoutEffect(look, [rows.length])
  useEffect(() => {
    const observer = new ResizeObserver(look)
    observer.observe(box.current!)
    return () => observer.disconnect()
  }, [])
  const first = Math.min(seen.value.first, Math.max(0, rows.length - seen.value.count))
  const shown = rows.slice(first, first + seen.value.count)
  const gap = (count: number) => count > 0 && <tr aria-hidden="true" style={{ height: `${count * height.current}px` }}><td /></tr>
  return (
    <div class="scroll" ref={box} onScroll={look} tabIndex={0} role="region" aria-label="Runs">
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <td />
            {all.map((column) => <Head key={column.key} column={column} />)}
            {rest && <th scope="col">other settings</th>}
            <td />
          </tr>
        </thead>
        <tbody>
          {gap(first)}
          {shown.map((run, i) => <Row key={run.id} run={run} index={first + i + 2} columns={columns} rest={rest?.(run)} />)}
          {gap(rows.length - first - shown.length)}
        </tbody>
      </table>
    </div>
  )
}

function Head({ column: { key, name } }: { column: Column }) {
  const { key: by, down } = order.value
  const sort = by === key ? (down ? 'descending' : 'ascending') : 'none'
  return (
    <th scope="col" aria-sort={sort}>
      <button class="quiet" data-about={key === WRITTEN.key ? 'When it was begun, or its settings were changed last' : undefined} data-testid={`sort-${key}`} onClick={() => (order.value = { key, down: by === key ? !down : key === WRITTEN.key || key === 'elbo_nats' })}>{name}{by === key && (down ? ' ↓' : ' ↑')}</button>
      {key.endsWith('_nats') && <span class="second">validation</span>}
    </th>
  )
}

const focus = (input: HTMLInputElement | null) => input?.focus()
const digits = (value: number | null) => (value === null ? '–' : short(value, 2))

function Row({ run, index, columns, rest }: { run: RunSummary; index: number; columns: Column[]; rest: string | undefined }) {
  const naming = useSignal<string | null>(null)
  const open = () => {
    tableOpen.value = false
    void openRun(run.id)
  }
  const write = async (event: Event) => {
    event.preventDefault()
    const name = naming.value!.trim()
    if (!name || name === run.id || (await rename(run.id, name))) naming.value = null
  }
  const shown = store.manifest.value?.run.name === run.id
  return (
    <tr data-run={run.id} aria-rowindex={index} aria-current={shown || undefined} class={run.obstacle ? 'hurt' : undefined}>
      <td><Stamp run={run} /></td>
      <th scope="row">
        {naming.value === null ? (
          <button class="quiet name" disabled={run.obstacle !== null} onClick={open} data-about={run.obstacle ?? `${run.data}, ${run.model}: open it`}>{run.id}</button>
        ) : (
          <form onSubmit={write}><input class="address" aria-label={`New name of ${run.id}`} maxLength={200} value={naming.value} ref={focus} onInput={(event) => (naming.value = event.currentTarget.value)} onBlur={() => (naming.value = null)}
            onKeyDown={(event) => { if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); naming.value = null } }} /></form>
        )}
        {run.obstacle && <span class="second" title={run.obstacle}>{run.obstacle}</span>}
      </th>
      {columns.map(({ key, value }) => <td key={key}>{value(run) ?? '–'}</td>)}
      <td>{stateOf(run)}{Math.floor(run.epochs_done)}/{run.epochs}</td>
      <td>{digits(run.elbo_nats)}</td><td>{digits(run.distortion_nats)}</td><td>{digits(run.rate_nats)}</td>
      <td>{run.written ? when(run.written) : '–'}</td>
      {rest !== undefined && <td class="rest" title={rest}>{rest}</td>}
      <td class="acts">
        <button class="quiet" aria-label={`Rename ${run.id}`} data-about="Another name" onClick={() => (naming.value = run.id)}><Icon name="pen" /></button>
        <button class="quiet" aria-label={`Move ${run.id} to the bin`} data-about="Into the bin" onClick={() => void throwAway(run.id)}><Icon name="bin" /></button>
      </td>
    </tr>
  )
}

function stateOf(run: RunSummary): string {
  const state = store.training.value
  return run.writer || (isRunning(state) && state.run === run.id) ? '● ' : ''
}
