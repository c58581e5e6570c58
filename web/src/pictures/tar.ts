/** A file and the way to it, the folder's name first. */
export interface Packed {
  path: string
  content: Blob
}

const BLOCK = 512
const MAX_NAME_BYTES = 100

const encode = (text: string) => new TextEncoder().encode(text)

/** A folder's files as a tar (POSIX.1-1988); a name that is too long for it stands in a record before the file (POSIX.1-2001). */
export function tarOf(files: Packed[]): Blob {
  const parts: BlobPart[] = []
  const add = (name: string, kind: string, content: Blob) => parts.push(headerOf(name, kind, content.size), content, new Uint8Array(-content.size & (BLOCK - 1)))
  for (const { path, content } of files) {
    const long = encode(path).length > MAX_NAME_BYTES
    if (long) add('long', 'x', new Blob([recordOf(`path=${path}\n`)]))
    add(long ? 'long' : path, '0', content)
  }
  return new Blob([...parts, new Uint8Array(2 * BLOCK)])
}

function headerOf(name: string, kind: string, size: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(BLOCK)
  const write = (text: string, at: number) => header.set(encode(text), at)
  const octal = (value: number, digits: number, at: number) => write(value.toString(8).padStart(digits, '0'), at)
  write(name, 0)
  octal(0o644, 7, 100)
  octal(0, 7, 108)
  octal(0, 7, 116)
  octal(size, 11, 124)
  octal(0, 11, 136)
  write(`        ${kind}`, 148) // the sum counts its own place as spaces
  write('ustar\x0000', 257)
  octal(header.reduce((sum, byte) => sum + byte, 0), 6, 148)
  header[154] = 0
  return header
}

/** What is said, behind how long all of this is in bytes. */
function recordOf(said: string): string {
  const rest = encode(said).length + 1
  const about = rest + String(rest).length
  return `${rest + String(about).length} ${said}`
}
