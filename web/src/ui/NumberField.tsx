import { useEffect, useState } from 'preact/hooks'
import { type Limits, typed } from './number'

interface Props extends Limits {
  value: number | null
  label: string
  testid: string
  step?: number
  placeholder?: string
  /** Told null where the field was emptied and may be. */
  change: (value: number | null) => void
}

/** ms that it takes to read why. */
const READ = 6000

/** A number to be typed; what is none, or beyond its limits, changes nothing and is answered with why. */
export function NumberField({ value, label, testid, step, placeholder, change, ...limits }: Props) {
  // what is being typed is not overwritten by what the server tells meanwhile
  const [draft, setDraft] = useState<string | null>(null)
  const [why, setWhy] = useState<string | null>(null)
  useEffect(() => {
    const timer = why === null ? undefined : setTimeout(() => setWhy(null), READ)
    return () => clearTimeout(timer)
  }, [why])
  return (
    <>
      <input type="number" step={step ?? (limits.whole ? 1 : 'any')} min={limits.least} max={limits.most} value={draft ?? value ?? ''} placeholder={placeholder} aria-label={label} data-testid={testid}
        onInput={(event) => { setDraft(event.currentTarget.value); setWhy(null) }} onBlur={() => setDraft(null)}
        onChange={({ currentTarget }) => {
          const found = typed(currentTarget.validity.badInput ? '?' : currentTarget.value, limits)
          if (typeof found === 'string') {
            setWhy(`${found}; ${value === null ? 'nothing has changed' : `it stays ${value}`}.`)
            currentTarget.value = value === null ? '' : String(value)
          } else change(found)
          setDraft(null)
        }} />
      {why !== null && <span class="why" role="alert" data-testid={`${testid}-why`}>{why}</span>}
    </>
  )
}
