import { plain } from './number'

/** What a panel shows, as marks that a picture is made of. */
export type Mark =
  | { kind: 'picture'; source: HTMLCanvasElement; x: number; y: number; width: number; height: number; crisp: boolean; filter: string }
  | { kind: 'words'; text: string; x: number; y: number; size: number; weight: string; colour: string }
  | { kind: 'box'; x: number; y: number; width: number; height: number; colour: string }

export interface Drawing {
  width: number
  height: number
  ground: string
  marks: Mark[]
}

/** Controls, which are no part of a picture. */
const LEFT_OUT = '.save, .segments, select, input, .hidden-text, header button:not([aria-expanded])'
const FAMILY = 'system-ui, sans-serif'
const EDGE = 8

/** Canvases, words and swatches of a panel where they stand, with what is scrolled out of sight. */
export function drawingOf(panel: HTMLElement): Drawing {
  const box = panel.getBoundingClientRect()
  const marks: Mark[] = []
  const at = (rect: DOMRect) => ({ x: rect.left - box.left + EDGE, y: rect.top - box.top + EDGE, width: rect.width, height: rect.height })
  for (const element of panel.querySelectorAll<HTMLElement>('canvas, i, .bar, .bar *')) {
    const rect = element.getBoundingClientRect()
    if (rect.width === 0 || element.closest(LEFT_OUT)) continue
    const style = getComputedStyle(element)
    if (element instanceof HTMLCanvasElement) marks.push({ kind: 'picture', source: element, ...at(rect), crisp: style.imageRendering === 'pixelated', filter: style.filter })
    else if (style.backgroundColor !== 'rgba(0, 0, 0, 0)') marks.push({ kind: 'box', ...at(rect), colour: style.backgroundColor })
  }
  const words = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT)
  while (words.nextNode()) marks.push(...linesOf(words.currentNode as Text, at))
  const width = Math.max(box.width, ...marks.map((mark) => ('width' in mark ? mark.x + mark.width - EDGE : 0)))
  const height = Math.max(box.height, ...marks.map((mark) => ('height' in mark ? mark.y + mark.height - EDGE : mark.y)))
  const ground = getComputedStyle(document.documentElement).getPropertyValue('--surface').trim()
  return { width: width + 2 * EDGE, height: height + 2 * EDGE, ground, marks }
}

/** A text line by line, as the browser has broken it. */
function linesOf(node: Text, at: (rect: DOMRect) => { x: number; y: number; height: number }): Mark[] {
  const parent = node.parentElement!
  if (parent.closest(LEFT_OUT) || !node.data.trim()) return []
  const style = getComputedStyle(parent)
  if (style.visibility === 'hidden') return []
  const found: (Mark & { kind: 'words' })[] = []
  const range = document.createRange()
  for (const word of node.data.matchAll(/\S+/g)) {
    range.setStart(node, word.index)
    range.setEnd(node, word.index + word[0].length)
    const rect = range.getBoundingClientRect()
    if (rect.width === 0) continue
    const { x, y, height } = at(rect)
    const base = y + 0.78 * height
    const last = found.at(-1)
    if (last && Math.abs(last.y - base) < 2) last.text += ` ${word[0]}`
    else found.push({ kind: 'words', text: word[0], x, y: base, size: parseFloat(style.fontSize), weight: style.fontWeight, colour: style.color })
  }
  return found
}

export async function toPng({ width, height, ground, marks }: Drawing): Promise<Blob> {
  const canvas = document.createElement('canvas')
  const ratio = Math.max(2, devicePixelRatio)
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')!
  context.scale(ratio, ratio)
  context.fillStyle = ground
  context.fillRect(0, 0, width, height)
  for (const mark of marks) {
    if (mark.kind === 'picture') {
      context.imageSmoothingEnabled = !mark.crisp
      context.filter = mark.filter
      if (mark.source.width && mark.source.height) context.drawImage(mark.source, mark.x, mark.y, mark.width, mark.height)
      context.filter = 'none'
    } else if (mark.kind === 'box') {
      context.fillStyle = mark.colour
      context.fillRect(mark.x, mark.y, mark.width, mark.height)
    } else {
      context.font = `${mark.weight} ${mark.size}px ${FAMILY}`
      context.fillStyle = mark.colour
      context.fillText(mark.text, mark.x, mark.y)
    }
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser could not make the picture'))), 'image/png'))
}

export const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
export const short = (value: number) => String(Number(value.toFixed(2)))

/** The same as vectors; what is pixels on the page stays pixels, unless `lines` are drawn in the place of all canvases. */
export function toSvg({ width, height, ground, marks }: Drawing, lines: string | null = null): string {
  const parts = marks.map((mark) => {
    if (mark.kind === 'picture') {
      return lines === null ? `<image href="${mark.source.toDataURL()}" x="${short(mark.x)}" y="${short(mark.y)}" width="${short(mark.width)}" height="${short(mark.height)}" preserveAspectRatio="none" style="${mark.crisp ? 'image-rendering:pixelated;' : ''}filter:${mark.filter}"/>` : ''
    }
    if (mark.kind === 'box') return `<rect x="${short(mark.x)}" y="${short(mark.y)}" width="${short(mark.width)}" height="${short(mark.height)}" fill="${mark.colour}"/>`
    return `<text x="${short(mark.x)}" y="${short(mark.y)}" font-size="${short(mark.size)}" font-weight="${mark.weight}" fill="${mark.colour}">${escaped(mark.text)}</text>`
  })
  const place = marks.find((mark) => mark.kind === 'picture')
  const inside = lines === null || !place ? '' : `<svg x="${short(place.x)}" y="${short(place.y)}" width="${short(place.width)}" height="${short(place.height)}">${lines}</svg>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}" font-family="${FAMILY}"><rect width="100%" height="100%" fill="${ground}"/>${inside}${parts.join('')}</svg>`
}

/** The numbers of a panel as they stand there, those with names before those in tables; null: it has none. */
export function tableOf(panel: HTMLElement): string[][] | null {
  const text = (cell: Element | null) => plain((cell as HTMLElement | null)?.innerText.trim() ?? '')
  const named = [...panel.querySelectorAll('dl > div')].map((pair) => [text(pair.querySelector('dt')), text(pair.querySelector('dd'))])
  const rows = [...panel.querySelectorAll('tr')].map((row) => [...row.cells].map(text))
  return named.length + rows.length ? [...named, ...rows] : null
}
