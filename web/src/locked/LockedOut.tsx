import { useState } from 'preact/hooks'
import { openWith } from '../source/key'

/** The server does not know this page: what to do, and a place for the address that the terminal printed. */
export function LockedOut({ alone = false }: { alone?: boolean }) {
  const [given, setGiven] = useState('')
  const [wrong, setWrong] = useState(false)
  const open = (event: Event) => {
    event.preventDefault()
    setWrong(!openWith(given))
  }
  const Title = alone ? 'h1' : 'b'
  return (
    <section class={alone ? 'locked alone' : 'locked'} role="alert" data-testid="locked">
      <Title>This page has no key for its server</Title>
      <p>
        {alone ? 'This browser has not been let in yet, or' : 'What was loaded can still be looked at, but'} <code>vaelab explore</code> has been started anew since. Open the
        address that it printed last in its terminal, or paste it here. Each address works once; the terminal prints another after it.
      </p>
      <form class="row" onSubmit={open}>
        <input class="address" value={given} placeholder={`${location.origin}/?token=…`} aria-label="The address from the terminal" data-testid="new-address" spellcheck={false} autocomplete="off"
          onInput={(event) => setGiven(event.currentTarget.value)} />
        <button class="primary" data-testid="open-address">Open</button>
      </form>
      {wrong && <p class="failure" data-testid="wrong-address">That is no address with a token: it looks like {location.origin}/?token=… and is printed by vaelab explore.</p>}
    </section>
  )
}
