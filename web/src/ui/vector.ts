import { escaped, short } from './figure'

/** The drawing calls of a canvas that the plane and the curves use, written down as SVG. */
export class VectorContext {
  readonly parts: string[] = []
  strokeStyle = '#000'
  fillStyle = '#000'
  lineWidth = 1
  globalAlpha = 1
  font = '10px sans-serif'
  textAlign: 'left' | 'center' | 'right' = 'left'
  textBaseline: 'alphabetic' | 'top' | 'middle' | 'bottom' = 'alphabetic'
  lineJoin = 'miter'
  imageSmoothingEnabled = true
  private path = ''
  private dash: number[] = []
  private readonly measure = document.createElement('canvas').getContext('2d')!

  setLineDash(dash: number[]): void {
    this.dash = dash
  }
  beginPath(): void {
    this.path = ''
  }
  closePath(): void {
    this.path += 'Z'
  }
  moveTo(x: number, y: number): void {
    this.path += `M${short(x)} ${short(y)}`
  }
  lineTo(x: number, y: number): void {
    this.path += `${this.path ? 'L' : 'M'}${short(x)} ${short(y)}`
  }
  arc(x: number, y: number, radius: number, from: number, to: number): void {
    const point = (angle: number) => `${short(x + radius * Math.cos(angle))} ${short(y + radius * Math.sin(angle))}`
    const middle = (from + to) / 2
    this.path += `${this.path ? 'L' : 'M'}${point(from)}A${short(radius)} ${short(radius)} 0 0 1 ${point(middle)}A${short(radius)} ${short(radius)} 0 0 1 ${point(to)}`
  }
  stroke(): void {
    if (this.path) this.parts.push(`<path d="${this.path}" fill="none" ${this.line()}/>`)
  }
  fill(): void {
    if (this.path) this.parts.push(`<path d="${this.path}" fill="${this.fillStyle}"${this.opacity()}/>`)
  }
  fillRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${this.fillStyle}"${this.opacity()}/>`)
  }
  strokeRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="none" ${this.line()}/>`)
  }
  fillText(text: string, x: number, y: number): void {
    this.words(text, x, y, `fill="${this.fillStyle}"${this.opacity()}`)
  }
  strokeText(text: string, x: number, y: number): void {
    this.words(text, x, y, `fill="none" ${this.line()}`)
  }
  drawImage(source: HTMLCanvasElement, ...places: number[]): void {
    const [left = 0, top = 0, across = source.width, down = source.height, x = 0, y = 0, width = 0, height = 0] = places.length > 4 ? places : [0, 0, source.width, source.height, ...places]
    const cut = document.createElement('canvas')
    cut.width = across
    cut.height = down
    cut.getContext('2d')!.drawImage(source, left, top, across, down, 0, 0, across, down)
    this.parts.push(`<image href="${cut.toDataURL()}" x="${short(x)}" y="${short(y)}" width="${short(width || across)}" height="${short(height || down)}" preserveAspectRatio="none"${this.opacity()}/>`)
  }

  measureText(text: string): TextMetrics {
    this.measure.font = this.font
    return this.measure.measureText(text)
  }
  private words(text: string, x: number, y: number, ink: string): void {
    const [, weight = '400', size = '10'] = /^(?:(\w+) )?([\d.]+)px/.exec(this.font) ?? []
    const down = { alphabetic: 0, top: 0.8, middle: 0.35, bottom: -0.2 }[this.textBaseline] * Number(size)
    const anchor = { left: 'start', center: 'middle', right: 'end' }[this.textAlign]
    this.parts.push(`<text x="${short(x)}" y="${short(y + down)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" ${ink}>${escaped(text)}</text>`)
  }
  private line(): string {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(' ')}"` : ''
    return `stroke="${this.strokeStyle}" stroke-width="${short(this.lineWidth)}"${dash}${this.opacity()}`
  }
  private opacity(): string {
    return this.globalAlpha === 1 ? '' : ` opacity="${short(this.globalAlpha)}"`
  }
}
