import * as store from '../state/store'
import { fixed, short } from '../ui/number'

/** The curves as numbers: validation where there is any, else training. */
export function StepsTable() {
  const all = store.metrics.value
  const valid = all.filter((row) => row.split === 'valid')
  const rows = valid.length ? valid : all
  const number = (value: unknown) => (typeof value === 'number' ? short(value, 2) : '–')
  return (
    <div class="curves scroll" tabIndex={0} role="region" aria-label="Numbers of the curves">
      <table>
        <thead>
          <tr><th>step</th><th>epoch</th><th>images</th><th>distortion</th><th>rate</th><th>ELBO, nats per image</th></tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.step}${row.split}`}>
              <td>{short(row.step, 0)}</td><td>{fixed(row.epoch, 1)}</td><td>{row.split}</td>
              <td>{number(row.distortion_nats)}</td><td>{number(row.rate_nats)}</td><td>{number(row.elbo_nats)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
