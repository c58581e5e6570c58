interface Line {
  index: number
  name: string
  code: { loc: Float32Array; scale: Float32Array } | null
}

/** Index, class, and where there is a code its loc and scale; quoted as RFC 4180 says. */
export function toCsv(lines: Line[], d: number): string {
  const names = (what: string) => Array.from({ length: d }, (_, k) => `${what}_${k + 1}`)
  const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const rows = lines.map(({ index, name, code }) => {
    const numbers = code ? [...code.loc, ...code.scale].map((value) => Number(value.toPrecision(6))) : new Array<string>(2 * d).fill('')
    return [index, quoted(name), ...numbers].join(',')
  })
  return [['index', 'class', ...names('loc'), ...names('scale')].join(','), ...rows, ''].join('\r\n')
}
