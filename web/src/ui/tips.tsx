import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** What the thing under the pointer, the finger or the focus means: the `data-about` of its element. */
const shown = signal<{ of: HTMLElement; text: string } | null>(null)

const WAIT = 350
const HELD = 500
/** To reach the words themselves. */
const LEAVE = 150
const AWAY = 6

let rested = ''
const place = ({ screenX, screenY }: PointerEvent) => `${screenX} ${screenY}`

/** Whether the pointer has come to something, rather than that below it while it rested. */
export const hasMoved = (event: PointerEvent) => place(event) !== rested

/** Tell what `data-about` says: to the mouse that stays on it, to the keyboard's focus, to a finger that rests; a word alone also when it is pressed. */
export function listenForTips(): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const owner = (event: Event) => (event.target instanceof Element ? event.target.closest<HTMLElement>('[data-about]') : null)
  const show = (of: HTMLElement | null) => {
    clearTimeout(timer)
    shown.peek()?.of.removeAttribute('aria-describedby')
    const text = of?.dataset.about
    shown.value = of && text ? { of, text } : null
    if (text) of!.setAttribute('aria-describedby', 'tip')
  }
  const soon = (of: HTMLElement | null, after: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => show(of), after)
  }
  addEventListener('pointerover', (event) => {
    const of = owner(event)
    if (event.target instanceof Element && event.target.closest('#tip')) return clearTimeout(timer)
    if (of === shown.peek()?.of) return clearTimeout(timer)
    if (event.pointerType !== 'mouse') return
    if (hasMoved(event)) soon(of, of ? WAIT : LEAVE)
    else soon(null, LEAVE)
  })
  addEventListener('pointermove', (event) => (rested = place(event)), true)
  addEventListener('pointerdown', (event) => {
    const of = owner(event)
    if (of && event.pointerType !== 'mouse') soon(of, HELD)
    else if (!of) show(null)
  })
  addEventListener('pointerup', () => clearTimeout(timer))
  addEventListener('click', (event) => {
    const of = owner(event)
    if (of?.classList.contains('term')) show(shown.peek()?.of === of && event.detail === 0 ? null : of)
    else show(null)
  })
  addEventListener('focusin', (event) => {
    const of = owner(event)
    if (of?.matches(':focus-visible')) show(of)
    else if (shown.peek()) show(null)
  })
  addEventListener('close', () => show(null), true) // a dialog, which gives the focus back
  addEventListener('keydown', (event) => event.key === 'Escape' && show(null), true)
  addEventListener('scroll', () => show(null), true)
}

/** The words, beside what they are about and inside the window. */
export function Tip() {
  const box = useRef<HTMLDivElement>(null)
  const tip = shown.value
  useLayoutEffect(() => {
    if (!tip) return
    const at = tip.of.getBoundingClientRect()
    const own = box.current!.getBoundingClientRect()
    const above = at.bottom + AWAY + own.height > innerHeight
    box.current!.style.left = `${Math.max(AWAY, Math.min(innerWidth - own.width - AWAY, at.left + at.width / 2 - own.width / 2))}px`
    box.current!.style.top = `${Math.max(AWAY, above ? at.top - own.height - AWAY : at.bottom + AWAY)}px`
  }, [tip])
  return tip && <div class="tip" id="tip" role="tooltip" ref={box}>{tip.text}</div>
}

/** A word whose meaning is told when it is pointed at, reached by the keyboard or touched. */
export function Term({ about, children }: { about: string; children: preact.ComponentChildren }) {
  return <button type="button" class="term" data-about={about}>{children}</button>
}
