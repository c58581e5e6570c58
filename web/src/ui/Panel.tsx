import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Icon } from './Icon'
import { type Cells, Save } from './Save'

/** Panels whose content is not there; those that compute much begin so. */
export const folded = signal<ReadonlySet<string>>(new Set(['layers']))

function fold(id: string): void {
  const next = new Set(folded.value)
  if (!next.delete(id)) next.add(id)
  folded.value = next
}

/** A panel of the page: a heading that folds it, what it is for, its content. */
export function Panel({ title, about, id, children, tools, numbers }: { title: string; about?: string; id: string; children: ComponentChildren; tools?: ComponentChildren; numbers?: () => Cells }) {
  const away = folded.value.has(id)
  return (
    <section class={away ? 'panel folded' : 'panel'} aria-labelledby={`${id}-title`} data-testid={id}>
      <header>
        <h2><button id={`${id}-title`} aria-expanded={!away} data-about={about} onClick={() => fold(id)}><Icon name="play" />{title}</button></h2>
        {!away && tools}
        {!away && <Save name={id} of={(button) => button.closest('section')!} numbers={numbers} />}
      </header>
      {!away && children}
    </section>
  )
}
