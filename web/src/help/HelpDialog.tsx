import { signal } from '@preact/signals'
import { KEYS, keysOn, switchKeys } from '../state/keyboard'
import { Dialog } from '../ui/Dialog'

export const helpOpen = signal(false)

const WORDS: [string, string][] = [
  ['code z', 'A few numbers that stand for an image. The decoder makes an image of any code: move over the plane and watch.'],
  ['posterior q(z|x)', 'The encoder does not give one code for an image but a small cloud of them. A dot is its mean μ; the ellipses around the probed image are one and two of its standard deviations σ.'],
  ['prior p(z)', 'The cloud from which new codes are drawn, usually round and centred at 0. The rings are its one, two and three standard deviations, or hold as much of a prior that is not round.'],
  ['rate', 'How many nats of information the code carries about the image: KL(q(z|x) ‖ p(z)). 0 means that the code is ignored.'],
  ['distortion', 'What it still costs to say the image, given its code: −log p(x|z), in nats.'],
  ['ELBO', '−(distortion + rate): a lower bound on log p(x). Training makes it large. Beta is the price of the rate.'],
  ['exact posterior p(z|x)', 'Which codes may have made the image, by Bayes’ rule; q(z|x) approximates it. For codes of one or two dimensions the page finds it, and with it log p(x), by decoding a grid. The ELBO is less than log p(x) by KL(q(z|x) ‖ p(z|x)).'],
  ['noise ε', 'A draw from N(0, 1) in each dimension: z = μ + σ · ε is a draw from the posterior, through which gradients reach μ and σ.'],
  ['norm ‖z‖', 'How far a code is from 0. In many dimensions draws from N(0, I) lie in a shell of radius √d, nearly none in its middle.'],
  ['nat', 'The unit of information with natural logarithms: 1 nat is 1.44 bits.'],
  ['checkpoint', 'What a training has saved of itself; resume goes on from there.'],
]
const QUESTIONS = [
  'Move from one class to another, say from a 4 to a 9. Where does one become the other, and what lies between them?',
  'In Look, turn on the fog and decode far from all dots. Why do the images there mean little?',
  'Play the training. What is learned first: where classes lie, or how they look?',
  'In Look, draw badly on purpose. What does the decoder correct it to?',
  'Compare the cloud of a clear image with that of a doubtful one. In Look, the key x shows the exact posterior: where is the gap large?',
  'In Measure, in a run with many dimensions, move a slider of high rate and one that is inactive. What is the difference?',
]

export function HelpDialog() {
  return (
    <Dialog open={helpOpen} title="About this page">
      <h3>What you see</h3>
      <p>Each dot is a picture, where the encoder puts it; the picture in the corner is what the decoder makes of the place under the pointer. Below, one picture goes its way: it is encoded into a small cloud of codes, one of them is drawn and decoded, and the error is what was lost. The line of dots at the foot is the time of the training: drag it, or play it.</p>
      <h3>Keys</h3>
      <label class="inline"><input type="checkbox" data-testid="keys-on" checked={keysOn.value} onChange={(event) => switchKeys(event.currentTarget.checked)} /> single keys do something (the arrow keys on the plane always do)</label>
      <table class="keys">
        <tbody>{KEYS.map(({ keys, does }) => <tr key={keys}><th scope="row"><kbd>{keys}</kbd></th><td>{does}</td></tr>)}</tbody>
      </table>
      <h3>Words</h3>
      <dl class="words">
        {WORDS.map(([word, meaning]) => (
          <div key={word}><dt>{word}</dt><dd>{meaning}</dd></div>
        ))}
      </dl>
      <h3>Questions to try</h3>
      <ul>{QUESTIONS.map((question) => <li key={question}>{question}</li>)}</ul>
      <p class="fine">Alt or the right mouse button drags the plane, the wheel or two fingers zoom. A picture of your own that is dropped on the page is encoded; it is sent nowhere. A folder of pictures becomes a new run, where the page can train.</p>
    </Dialog>
  )
}
