import { effect, signal } from '@preact/signals'
import { view } from './view'

/** What is on the screen, whatever was asked for. */
export const theme = signal<'light' | 'dark'>('light')

/** Keep the page's theme and its size of type as the view says. */
export function followTheme(): void {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    const { theme: asked, lecture } = view.value
    const now = asked === 'auto' ? (system.matches ? 'dark' : 'light') : asked
    document.documentElement.dataset.theme = now
    document.documentElement.dataset.lecture = String(lecture)
    theme.value = now
  }
  effect(apply)
  system.addEventListener('change', apply)
}
