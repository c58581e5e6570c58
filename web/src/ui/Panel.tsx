import type { ComponentChildren } from 'preact'

/** A panel of the page: a heading, what it is for, its content. */
export function Panel({ title, about, id, children, tools }: { title: string; about?: string; id: string; children: ComponentChildren; tools?: ComponentChildren }) {
  return (
    <section class="panel" aria-labelledby={`${id}-title`} data-testid={id}>
      <header>
        <h2 id={`${id}-title`} title={about}>{title}</h2>
        {tools}
      </header>
      {children}
    </section>
  )
}
