import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chosenFolder, droppedFolder, unfit } from './folder'
import { tarOf } from './tar'

const LENGTHS = [0, 1, 511, 512, 513, 5000]

test('the system’s own tar finds every file as it was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaelab-tar-'))
  try {
    const long = Array.from({ length: 120 }, (_, n) => `a/${'l'.repeat(n)}.png`).slice(85) // about where names no longer fit
    const names = [...LENGTHS.map((length) => `a/${length} ä.png`), ...long, `a/${'é'.repeat(50)}/${'字'.repeat(60)}/1.png`]
    const files = names.map((path, n) => ({ path, content: new Blob([new Uint8Array(LENGTHS[n % LENGTHS.length]!).fill(n)]) }))
    const tar = tarOf(files)
    expect(tar.size % 512).toBe(0)
    writeFileSync(join(folder, 'a.tar'), new Uint8Array(await tar.arrayBuffer()))
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder })
    const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', 'a.tar'], { cwd: folder, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } })
    expect(listed.trimEnd().split('\n')).toEqual(names)
    for (const { path, content } of files) expect(readFileSync(join(folder, path)).equals(Buffer.from(await content.arrayBuffer())), path).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const file = (path: string, size = 1) => Object.assign(new File([new Uint8Array(size)], path.split('/').at(-1)!), { webkitRelativePath: path })

test('hidden files and clutter are left out and counted', () => {
  const folder = chosenFolder(['p/1.png', 'p/.DS_Store', 'p/.git/config', 'p/a/Thumbs.db', 'p/a/2.png', 'p/desktop.ini'].map((path) => file(path)))
  expect(folder.files.map(({ path }) => path)).toEqual(['p/1.png', 'p/a/2.png'])
  expect([folder.name, folder.bytes, folder.hidden]).toEqual(['p', 2, 4])
  expect(unfit(folder)).toBeNull()
})

const entry = (name: string, inside: unknown[] | null, size = 1): FileSystemEntry => {
  const told = [...(inside ?? [])]
  const createReader = () => ({ readEntries: (then: (some: unknown[]) => void) => then(told.splice(0, 2)) }) // a browser gives some at a time
  return { name, isFile: inside === null, isDirectory: inside !== null, createReader, file: (then: (one: File) => void) => then(file(name, size)) } as unknown as FileSystemEntry
}

test('a dropped folder is read to its end, without what is hidden', async () => {
  const tree = entry('p', [entry('1.png', null), entry('.git', [entry('config', null)]), entry('a', [entry('b', [entry('2.png', null, 5)]), entry('3.png', null), entry('4.png', null)]), entry('Thumbs.db', null)])
  const looked: number[] = []
  const folder = await droppedFolder(tree as FileSystemDirectoryEntry, (files) => looked.push(files))
  expect(folder.files.map(({ path }) => path).sort()).toEqual(['p/1.png', 'p/a/3.png', 'p/a/4.png', 'p/a/b/2.png'])
  expect([folder.name, folder.bytes, folder.hidden, looked.at(-1)]).toEqual(['p', 8, 2, 4])
})

test('what cannot be sent is said before', () => {
  const folder = { name: 'p', hidden: 2, bytes: 0, files: [] }
  expect(unfit(folder)).toMatch(/^p: there are no files in it but 2 hidden ones/)
  const film = { path: 'p/film.mp4', content: { size: 2e9 } as Blob }
  expect(unfit({ ...folder, bytes: 2e9, files: [film] })).toMatch(/^p: 2 GB in 1 file .* The largest file is p\/film\.mp4 \(2 GB\)\. In a terminal, vaelab train/)
  expect(unfit({ ...folder, files: Array(50_001).fill({ path: 'p/1', content: { size: 0 } }) })).toMatch(/more than 50,000 files/)
})
