import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Codebook } from './codebook/Codebook'
import { Entries } from './codebook/Entries'
import { ReadyDialog } from './compare/ReadyDialog'
import { evidence, sought } from './evidence/evidence'
import { gaps, wordsOf } from './evidence/gaps'
import { frame } from './compare/frame'
import { DimensionsPanel } from './dimensions/DimensionsPanel'
import { HelpDialog } from './help/HelpDialog'
import { cover, type Side } from './latent/camera'
import { Seen } from './latent/Corners'
import { LatentView } from './latent/LatentView'
import { Legend } from './latent/Legend'
import { Preview, Thread } from './latent/Preview'
import { Toolbar } from './latent/Toolbar'
import { NormsPanel } from './norms/NormsPanel'
import { Levels } from './levels/Levels'
import { LayersPanel } from './layers/LayersPanel'
import { LockedOut } from './locked/LockedOut'
import { PathStrip } from './path/PathStrip'
import { held } from './probe/drop'
import { PicturesDialog } from './pictures/PicturesDialog'
import { ProbePanel } from './probe/ProbePanel'
import { RatePlane } from './readings/RatePlane'
import { Readings } from './readings/Readings'
import { Reconstructions } from './reconstructions/Reconstructions'
import { Formula, nats } from './row/Formula'
import { Row } from './row/Row'
import { Said } from './said/Said'
import { RunsTable } from './runs/RunsTable'
import { SamplesPanel } from './samples/SamplesPanel'
import { SelectionPanel } from './selection/SelectionPanel'
import { ShareDialog } from './share/ShareDialog'
import { StartCorner } from './start/Start'
import { openRun } from './state/opening'
import * as store from './state/store'
import { view } from './state/view'
import { Steps } from './steps/Steps'
import { TimeBar } from './time/TimeBar'
import { TopBar } from './topbar/TopBar'
import { NewRunForm } from './train/NewRunForm'
import { TrainPanel } from './train/TrainPanel'
import { Icon } from './ui/Icon'
import { Tip } from './ui/tips'

/** The plane over the window, what floats over its corners, and below it the model in a row and the time. */
export function App() {
  if (store.locked.value && !store.manifest.value) return <main><LockedOut alone /></main>
  const { depth, lecture } = view.value
  const vectors = !store.manifest.value?.codebook
  const levels = store.manifest.value?.levels
  const look = vectors && depth !== 'play'
  const measure = depth === 'measure'
  return (
    <>
      <a class="skip" href="#plane" onClick={toPlane}>Skip to the plane</a>
      <div class="head">
        {frame === null && <TopBar />}
        {store.locked.value && <LockedOut />}
        <Problem />
      </div>
      <main class={`page ${depth}`}>
        <div class="stage">
          {vectors ? <LatentView /> : <Codebook />}
          {vectors && <Thread />}
          {vectors && frame === null && !look && !lecture && <Said />}
          {look && <Floating side="top"><Toolbar /></Floating>}
          <Floating side="left">
            {measure && <Readings />}
            {measure && <RatePlane />}
            {measure && <TrainPanel />}
          </Floating>
          {vectors && <Floating side="right">
            <Preview />
            {look && <ProbePanel />}
            {look && <SamplesPanel />}
            {measure && <DimensionsPanel />}
            {measure && <NormsPanel />}
            {measure && <SelectionPanel />}
            {measure && !levels && <Reconstructions />}
            {measure && !levels && <LayersPanel />}
          </Floating>}
          {vectors && <Floating side="bottom">
            {look && <PathStrip />}
            <div class="foot"><Legend />{lecture && sought.value && <Likelihood />}{gaps.value && <span class="fine numbers gaps" data-testid="gaps">{wordsOf(gaps.value)}</span>}<Seen /></div>
          </Floating>}
          <Formula />
        </div>
        <div class="dock">
          {frame === null && <StartCorner />}
          {levels ? <Levels /> : vectors ? <Row /> : <Entries />}
          {measure && <Steps />}
          <TimeBar />
        </div>
        <Tip />
      </main>
      {held.value && <p class="drop"><span>{store.manifest.value && <>Drop a picture: the encoder reads it here, and it is sent nowhere.<br /></>}{store.source.value?.live && <>Drop a folder of pictures: a recipe is chosen for them, and a new run trained.</>}</span></p>}
      {store.notice.value && <p class="busy" role="status" data-testid="notice">{store.notice.value}</p>}
      {store.busy.value && <p class="busy" role="status">{store.busy.value}</p>}
      <p class="hidden-text" aria-live="polite" data-testid="announced">{store.announced.value}</p>
      <HelpDialog />
      <NewRunForm />
      <PicturesDialog />
      <ShareDialog />
      <RunsTable />
      <ReadyDialog />
    </>
  )
}

/** log p(x) of the image in the row, which has no room for it in large letters. */
function Likelihood() {
  return <span class="numbers evidence in-large" data-testid="lecture-evidence">log p(x) <b>{evidence.value ? nats(evidence.value.logEvidence, 1) : '…'}</b></span>
}

/** The address is the view's: it does not change. */
function toPlane(event: Event): void {
  event.preventDefault()
  document.getElementById('plane')?.focus()
}

/** A column over a side of the plane, or what stands at its head or foot; where it covers much of that side, the plane's middle gives way to it. */
function Floating({ side, children }: { side: Side; children: ComponentChildren }) {
  const column = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => { // ends as soon as the column is taken away
    const element = column.current!
    const measure = () => {
      const { clientWidth, clientHeight } = element.parentElement!
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = element
      const reaches = { left: offsetLeft + offsetWidth, right: clientWidth - offsetLeft, top: offsetTop + offsetHeight, bottom: clientHeight - offsetTop }
      const covers = getComputedStyle(element).position === 'absolute' && (side === 'top' || side === 'bottom' || 2 * offsetHeight > clientHeight)
      cover(side, covers ? reaches[side] : 0)
    }
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    observer.observe(element.parentElement!)
    return () => {
      observer.disconnect()
      cover(side, 0)
    }
  }, [])
  return <div class={side === 'top' ? 'tools' : `float ${side}`} ref={column}>{children}</div>
}

/** What went wrong, until it is closed. */
function Problem() {
  const { run } = view.value
  if (store.problem.value === null) return null
  const close = () => (store.problem.value = null)
  const [first, ...more] = store.problem.value.split('\n')
  return (
    <div class="problem" role="alert" data-testid="problem">
      <div>{first}{more.length > 0 && <details><summary>more</summary>{more.map((line) => <p key={line}>{line}</p>)}</details>}</div>
      <span class="group">
        {run && !store.snapshot.value && <button onClick={() => { close(); void openRun(run) }}>try again</button>}
        <button onClick={close} aria-label="Close this message"><Icon name="close" /></button>
      </span>
    </div>
  )
}
