/** Colours of the page as a canvas needs them. */
export interface Ink {
  dark: boolean
  text: string
  muted: string
  line: string
  accent: string
  surface: string
  fog: string
  /** Of what is exact, as its number is in the row. */
  exact: string
  /** Size of letters and of small ones, in CSS pixels. */
  letters: number
  small: number
}

export function readInk(): Ink {
  const style = getComputedStyle(document.documentElement)
  const get = (name: string) => style.getPropertyValue(name).trim()
  const letters = parseFloat(style.fontSize)
  return {
    letters, small: letters * (document.documentElement.dataset.lecture === 'true' ? 1 : 0.86),
    dark: document.documentElement.dataset.theme === 'dark',
    text: get('--text'), muted: get('--muted'), line: get('--line'), accent: get('--accent'), surface: get('--surface'), fog: get('--fog'), exact: get('--curve-elbo'),
  }
}

/** #rrggbb, or #rgb as styles are shortened to. */
export function rgb(colour: string): [number, number, number] {
  const digits = colour.length === 4 ? colour.replace(/[^#]/g, '$&$&') : colour
  return [1, 3, 5].map((i) => parseInt(digits.slice(i, i + 2), 16)) as [number, number, number]
}
