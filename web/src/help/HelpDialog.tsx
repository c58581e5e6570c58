import { signal } from '@preact/signals'
import { KEYS } from '../state/keyboard'
import { Dialog } from '../ui/Dialog'

export const helpOpen = signal(false)

const WORDS: [string, string][] = [
  ['code z', 'A few numbers that stand for an image. The decoder makes an image of any code: move the pointer over the latent space and watch.'],
  ['posterior q(z|x)', 'The encoder does not give one code for an image but a small cloud of them. A point is its centre (loc); the ellipses around the probed image are one and two of its standard deviations (scale).'],
  ['prior p(z)', 'The cloud from which new codes are drawn, round and centred at 0. The rings are its one, two and three standard deviations.'],
  ['rate', 'What it costs to say an image’s cloud to someone who only knows the prior, in nats. Pulling all clouds onto the prior makes it 0, and the code useless.'],
  ['distortion', 'What it then still costs to say the image itself, given a code from its cloud.'],
  ['ELBO', 'Minus both together: a lower bound on log p(x). Training makes it large. Beta changes the price of the rate.'],
]
const QUESTIONS = [
  'Move from a 4 to a 9. Where does one become the other, and what lies between them?',
  'Turn on the fog and decode far from all points. Why do the images there mean little?',
  'Go back to step 0, then forward. What is learned first: where classes lie, or how they look?',
  'Draw a digit badly. Which digit does the decoder correct it to?',
  'Compare the ellipse of a clear digit with that of a doubtful one.',
  'In a run with many dimensions, move a slider of high rate and one that is inactive. What is the difference?',
]

export function HelpDialog() {
  return (
    <Dialog open={helpOpen} title="Walking in a latent space">
      <h3>Words</h3>
      <dl class="words">
        {WORDS.map(([word, meaning]) => (
          <div key={word}><dt>{word}</dt><dd>{meaning}</dd></div>
        ))}
      </dl>
      <h3>Questions to try</h3>
      <ul>{QUESTIONS.map((question) => <li key={question}>{question}</li>)}</ul>
      <h3>Keys</h3>
      <table class="keys">
        <tbody>{KEYS.map(({ keys, does }) => <tr key={keys}><th><kbd>{keys}</kbd></th><td>{does}</td></tr>)}</tbody>
      </table>
      <p class="fine">Alt or the right mouse button drags the view, the wheel zooms.</p>
    </Dialog>
  )
}
