import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { isRunning } from '../state/running'
import * as store from '../state/store'
import { beginning, failure } from '../train/attempt'
import { Dialog } from '../ui/Dialog'
import { count } from '../ui/number'
import { quoted } from '../ui/shell'
import { chosenFolder, type Folder, megabytes } from './folder'
import { giveUp, lookWithout, picturesOpen, type Stage, stage, takeFolder, train } from './sending'

const MAX_CLASSES = 12

/** A folder of one's own pictures, from where it is chosen to the run that is trained on it. */
export function PicturesDialog() {
  return <Dialog open={picturesOpen} title="Train on your own pictures">{picturesOpen.value && <Content />}</Dialog>
}

function Content() {
  useEffect(() => giveUp, [])
  const now = stage.value
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    if (document.activeElement === document.body) box.current!.focus() // else the keys would be the page's, for the button that was pressed is gone
  }, [now.at])
  return (
    <div class="pictures" data-testid="pictures" ref={box} tabIndex={-1}>
      {now.at === 'choosing' ? <Choosing problem={now.problem} /> : now.at === 'found' ? <Found {...now} /> : now.at === 'damaged' ? <Damaged {...now} /> : <UnderWay now={now} />}
    </div>
  )
}

function Choosing({ problem }: { problem: string | null }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      {problem !== null && <p class="failure" role="alert" data-testid="pictures-problem">{problem}</p>}
      <p>A folder of pictures (PNG, JPEG, WebP, BMP, GIF), or with a folder for each class, and folders inside them as deep as you like. A recipe is chosen for them and shown with its reasons before anything is trained.</p>
      <p class="row">
        <button class="primary" data-testid="choose-folder" onClick={() => input.current!.click()}>choose a folder …</button>
        <span class="fine">or drop one anywhere on this page</span>
      </p>
      <input ref={input} type="file" hidden data-testid="folder" {...{ webkitdirectory: true }} onChange={(event) => {
        const files = [...event.currentTarget.files!]
        event.currentTarget.value = ''
        void takeFolder(() => chosenFolder(files))
      }} />
      <p class="fine">The files go as they are to vaelab explore, which keeps a copy of them beside its runs, and nowhere else.</p>
    </>
  )
}

function UnderWay({ now }: { now: Extract<Stage, { at: 'reading' | 'sending' | 'looking' }> }) {
  const part = now.at === 'sending' ? now.part : null
  const words = now.at === 'reading' ? `Reading the folder: ${count(now.files, 'file')} so far …`
    : now.at === 'sending' ? `Sending ${now.folder.name}: ${megabytes(now.part * now.folder.bytes)} of ${megabytes(now.folder.bytes)} …`
      : `Looking at the ${count(now.folder.files.length, 'file')} of ${now.folder.name}: sizes, colours, classes. Thousands take a while …`
  return (
    <>
      <p role="status" data-testid="pictures-state">{words}</p>
      <div class="bar"><i class={part === null ? 'unknown' : ''} style={{ width: part === null ? '30%' : `${100 * part}%` }} /></div>
      <p class="row"><Cancel /></p>
    </>
  )
}

function Damaged({ folder, words }: { folder: Folder; words: string }) {
  return (
    <>
      <p class="failure" role="alert" data-testid="pictures-damaged">{words}</p>
      <p class="row">
        <button class="primary" data-testid="leave-out" onClick={() => void lookWithout(folder)}>leave out what cannot be read</button>
        <Cancel />
      </p>
    </>
  )
}

function Found({ folder, found }: Extract<Stage, { at: 'found' }>) {
  const { images, train: learned, classes, shape, recipe, notes } = found
  const [channels, height, width] = shape
  const named = classes.slice(0, MAX_CLASSES).map(([name, many]) => `${name} ${many.toLocaleString('en')}`).join(', ')
  const more = classes.length > MAX_CLASSES ? ` and ${classes.length - MAX_CLASSES} more` : ''
  const state = store.training.value
  return (
    <>
      <p role="status" data-testid="pictures-found">
        <b>{folder.name}</b>: {count(images, 'picture')}{classes.length > 1 && <> of {classes.length} classes ({named}{more})</>}, to the model {width} × {height} pixels
        in {channels === 1 ? 'grey' : 'colour'}; {learned.toLocaleString('en')} to train on, the others held out.
      </p>
      {folder.hidden > 0 && <p class="fine">Left out: {count(folder.hidden, 'hidden file')} and the like.</p>}
      {notes.map((note) => <p key={note} class="fine">{note}</p>)}
      <h3>the recipe, and its reasons</h3>
      <pre class="recipe" tabIndex={0} role="region" aria-label="The recipe" data-testid="recipe">{recipe}</pre>
      {failure.value && <p class="failure" role="alert" data-testid="pictures-failure">{failure.value}</p>}
      <p class="row">
        <button class="primary" data-testid="train-pictures" disabled={beginning.value} onClick={() => void train()}>train</button>
        <Cancel />
        {isRunning(state) && <span class="fine"><b>{state.run}</b>, which trains now, is saved and stopped first.</span>}
      </p>
      <p class="fine">As <code>vaelab train {quoted(`${folder.name}/`)}</code> does it, but that a run begun here leaves one core to the page and draws no pictures by itself. Your pictures stay in .pictures beside the runs.</p>
    </>
  )
}

const Cancel = () => <button data-testid="pictures-cancel" onClick={() => (picturesOpen.value = false)}>cancel</button>
