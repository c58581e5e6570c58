import { count } from '../ui/number'
import type { Packed } from './tar'

export interface Folder {
  name: string
  files: Packed[]
  bytes: number
  /** Hidden files and what file managers leave behind, which are left out. */
  hidden: number
}

const MAX_FILES = 50_000
const MAX_BYTES = 1e9

const CLUTTER = new Set(['thumbs.db', 'desktop.ini'])
const isHidden = (name: string) => name.startsWith('.') || CLUTTER.has(name.toLowerCase())

/** Bytes in few letters. */
export function megabytes(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, 'GB'] : [1e6, 'MB']
  return `${Number((bytes / unit).toPrecision(bytes >= 1e8 && bytes < 1e9 ? 3 : 2))} ${name}`
}

/** A folder that was chosen. */
export function chosenFolder(list: File[]): Folder {
  const parts = list.map((file) => ({ file, path: file.webkitRelativePath }))
  const kept = parts.filter(({ path }) => !path.split('/').slice(1).some(isHidden))
  return folderOf(parts[0]?.path.split('/')[0] ?? '', kept.map(({ path, file }) => ({ path, content: file })), parts.length - kept.length)
}

/** A folder that was dropped; `looked` hears how many files there are so far. */
export async function droppedFolder(entry: FileSystemDirectoryEntry, looked: (files: number) => void): Promise<Folder> {
  const files: Packed[] = []
  let hidden = 0
  const walk = async (folder: FileSystemDirectoryEntry, above: string): Promise<void> => {
    const reader = folder.createReader()
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
      if (some.length === 0) return
      const seen = some.filter(({ name }) => !isHidden(name))
      hidden += some.length - seen.length
      files.push(...(await Promise.all(seen.filter(isFile).map((one) => read(one, above)))))
      looked(files.length)
      if (files.length > MAX_FILES) return
      for (const one of seen) if (isFolder(one)) await walk(one, `${above}/${one.name}`)
    }
  }
  await walk(entry, entry.name)
  return folderOf(entry.name, files, hidden)
}

export const isFolder = (entry: FileSystemEntry | null): entry is FileSystemDirectoryEntry => entry !== null && entry.isDirectory
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile

const read = (entry: FileSystemFileEntry, above: string) =>
  new Promise<Packed>((resolve, reject) => entry.file((content) => resolve({ path: `${above}/${entry.name}`, content }), (error) => reject(new Error(`${above}/${entry.name}: the browser cannot read it (${error.message})`))))

const folderOf = (name: string, files: Packed[], hidden: number): Folder => ({ name, files, hidden, bytes: files.reduce((sum, { content }) => sum + content.size, 0) })

/** Why a folder is not sent; null: it can be. */
export function unfit({ name, files, bytes, hidden }: Folder): string | null {
  if (files.length === 0) return `${name || 'This folder'}: there are no files in it${hidden ? ` but ${hidden} hidden ones` : ''}. Choose a folder of pictures.`
  if (files.length <= MAX_FILES && bytes <= MAX_BYTES) return null
  const { path, content } = files.reduce((most, one) => (one.content.size > most.content.size ? one : most))
  const largest = content.size > bytes / 4 ? ` The largest file is ${path} (${megabytes(content.size)}).` : ''
  const many = files.length > MAX_FILES ? `more than ${MAX_FILES.toLocaleString('en')} files` : `${megabytes(bytes)} in ${count(files.length, 'file')}`
  return `${name}: ${many} are too much for the page, which copies them: at most ${MAX_FILES.toLocaleString('en')} files and ${megabytes(MAX_BYTES)}.${largest} In a terminal, vaelab train FOLDER reads larger folders where they lie.`
}
