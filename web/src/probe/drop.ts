import { signal } from '@preact/signals'
import { frame } from '../compare/frame'
import { droppedFolder, isFolder } from '../pictures/folder'
import { takeFolder } from '../pictures/sending'
import * as store from '../state/store'
import { change } from '../state/view'
import { draws, dropped, strokes } from './probe'

/** Whether a file is held over the page. */
export const held = signal(false)

/** Of a picture that is read: of more pixels it is scaled down first. */
const LARGEST_SIDE = 1024
const MOST_BYTES = 64e6

const CAN_READ = 'a PNG, JPEG, WebP, GIF or BMP file'

/** Read a picture here in the page, and probe it; what is none says so in a line. */
export async function takePicture(file: File): Promise<void> {
  const refuse = (why: string) => (store.problem.value = `${file.name}: ${why}; drop ${CAN_READ}`)
  if (file.size > MOST_BYTES) return void refuse(`a picture of more than ${MOST_BYTES / 1e6} MB`)
  store.problem.value = null // it was of another picture
  const bitmap = await createImageBitmap(file).catch(() => null)
  if (!bitmap) return void refuse('this is no picture that the browser can read')
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  draws.value = 0
  strokes.value = []
  dropped.value = canvas
  change({ probe: { kind: 'drawing' } })
}

/** Train on a folder that was dropped, where this page can. */
function trainOn(dropped: FileSystemEntry[]): void {
  const [folder] = dropped
  const why = !store.source.value?.live ? 'This is an exported page: to train on a folder of pictures, take vaelab itself, vaelab explore'
    : frame !== null ? 'To train on a folder of pictures, open one run alone and drop it there'
      : dropped.length > 1 ? `${dropped.length} things were dropped; drop one folder, with the folders of the classes inside it` : null
  if (why !== null) store.problem.value = `${why}.`
  else if (isFolder(folder!)) void takeFolder((looked) => droppedFolder(folder, looked))
}

/** A picture dropped anywhere on the page is probed; a folder is trained on. */
export function listenForDrops(): void {
  const files = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  addEventListener('dragover', (event) => {
    if (!files(event)) return
    event.preventDefault()
    held.value = store.manifest.value !== null || Boolean(store.source.value?.live)
  })
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) held.value = false
  })
  addEventListener('drop', (event) => {
    if (!files(event)) return
    event.preventDefault()
    held.value = false
    const entries = [...event.dataTransfer!.items].flatMap((item) => item.webkitGetAsEntry() ?? [])
    if (entries.some(isFolder)) return trainOn(entries)
    const [file] = event.dataTransfer!.files
    if (file && store.manifest.value) void takePicture(file)
  })
}
