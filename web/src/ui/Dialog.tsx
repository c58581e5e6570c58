import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** A dialog that is open as long as its signal says so. */
export function Dialog({ open, title, children }: { open: Signal<boolean>; title: string; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open.value) dialog.current!.showModal()
    else dialog.current!.close()
  }, [open.value])
  return (
    <dialog ref={dialog} aria-label={title} onClose={() => (open.value = false)} onClick={(event) => event.target === dialog.current && (open.value = false)}>
      {open.value && (
        <div class="dialog">
          <header><h2>{title}</h2><button onClick={() => (open.value = false)} aria-label="Close">✕</button></header>
          {children}
        </div>
      )}
    </dialog>
  )
}
