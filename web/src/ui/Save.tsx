import { useRef, useState } from 'preact/hooks'
import * as store from '../state/store'
import { csvOf } from './csv'
import { download } from './download'
import { drawingOf, tableOf, toPng, toSvg } from './figure'
import { Icon } from './Icon'

export type Cells = (string | number | null | undefined)[][]

/** What a panel can be saved as: a picture of it, the same as vectors, its numbers. */
export function Save({ name, of, lines, numbers }: {
  name: string
  /** The element that is drawn. */
  of: (button: HTMLElement) => HTMLElement
  /** What is drawn in the place of its canvases where that can be vectors. */
  lines?: () => string
  /** A head and rows; without it the panel's own table, where it has one. */
  numbers?: () => Cells
}) {
  const menu = useRef<HTMLDetailsElement>(null)
  const panel = () => of(menu.current!)
  const [counted, setCounted] = useState(false)
  const save = async (kind: 'png' | 'svg' | 'csv') => {
    menu.current!.open = false
    const file = `${store.manifest.value?.run.name ?? 'vaelab'}-${name}.${kind}`
    const cells = kind === 'csv' ? (numbers?.() ?? tableOf(panel()) ?? []) : []
    const text = kind === 'svg' ? toSvg(drawingOf(panel()), lines?.() ?? null) : csvOf((cells[0] ?? []).map(String), cells.slice(1))
    const type = kind === 'svg' ? 'image/svg+xml' : 'text/csv'
    download(kind === 'png' ? await toPng(drawingOf(panel())) : new Blob([text], { type }), file)
  }
  const leave = (event: FocusEvent) => {
    if (!menu.current!.contains(event.relatedTarget as Node | null)) menu.current!.open = false
  }
  const key = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !menu.current!.open) return
    event.stopPropagation()
    menu.current!.open = false
    menu.current!.querySelector('summary')!.focus()
  }
  return (
    <details class="save" ref={menu} onToggle={() => menu.current!.open && setCounted(numbers !== undefined || tableOf(panel()) !== null)} onFocusOut={leave} onKeyDown={key} data-testid={`save-${name}`}>
      <summary aria-label={`Save ${name}`} data-about="Save as a picture, as vectors, as numbers"><Icon name="save" /></summary>
      <div class="menu">
        <button onClick={() => void save('png')}>PNG</button>
        <button onClick={() => void save('svg')}>SVG</button>
        {counted && <button onClick={() => void save('csv')}>CSV</button>}
      </div>
    </details>
  )
}
