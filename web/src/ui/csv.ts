/** Lines of a CSV file, quoted as RFC 4180 says; of numbers six digits. */
export function csvOf(head: string[], rows: (string | number | null | undefined)[][]): string {
  const cell = (value: string | number | null | undefined) => {
    if (typeof value === 'number') return String(Number(value.toPrecision(6)))
    const text = value ?? ''
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}
