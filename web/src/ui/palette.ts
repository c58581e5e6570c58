/** Colours that people with colour-blindness tell apart (Tol's muted and bright sets), one per class; more classes begin again. */
const LIGHT = ['#3366aa', '#cc6677', '#117733', '#aa8800', '#882255', '#2a9d9d', '#999933', '#aa4499', '#dd7711', '#555555']
const DARK = ['#77aaff', '#ff8899', '#55cc77', '#eecc55', '#dd77aa', '#66dddd', '#cccc66', '#dd88dd', '#ffaa55', '#bbbbbb']

export const COLOURS = 10

export function classColour(k: number, dark: boolean): string {
  return (dark ? DARK : LIGHT)[k % COLOURS]!
}

export function isDark(): boolean {
  return document.documentElement.dataset.theme === 'dark'
}
