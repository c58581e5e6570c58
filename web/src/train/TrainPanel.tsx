import * as store from '../state/store'
import { Panel } from '../ui/tip'

/** Where nothing can be trained: what was trained, and how to train. */
export function TrainPanel() {
  const about = store.manifest.value
  const training = about?.run.config.training as { epochs: number; seed: number; batch_size: number } | undefined
  if (!about || !training) return null
  return (
    <Panel id="train" title="Training">
      <p class="fine">
        {about.run.finished ? 'Finished' : 'Not finished'}: {training.epochs} epochs, batches of {training.batch_size}, seed {training.seed}.
      </p>
    </Panel>
  )
}
