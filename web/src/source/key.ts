const KEY = 'vaelab-key'
const VIEW = 'vaelab-view'

// where a browser keeps nothing for this page, the key lasts as long as the tab
let kept: string | null = null

/** The secret that opens the server; '' where this browser has none. All tabs of this origin, and of no other port, share it. */
export function key(): string {
  return kept ?? attempt(() => localStorage.getItem(KEY)) ?? ''
}

/** Take what the server puts into the address of the page that it lets in, and leave the view alone there. */
export function takeKey(): void {
  const given = /^#key=([\w-]{20,200})$/.exec(location.hash)?.[1]
  if (!given && !location.search) return
  let view = location.hash
  if (given) {
    attempt(() => localStorage.setItem(KEY, given))
    if (attempt(() => localStorage.getItem(KEY)) !== given) kept = given
    view = attempt(() => sessionStorage.getItem(VIEW)) ?? ''
    attempt(() => sessionStorage.removeItem(VIEW))
  }
  history.replaceState(null, '', location.pathname + view)
}

/** Go to the address that the terminal printed, and come back to this view. False: it is no such address. */
export function openWith(address: string): boolean {
  const token = /(?:^|[?&]token=)([\w-]{20,200})\s*$/.exec(address.trim())?.[1]
  if (!token) return false
  attempt(() => sessionStorage.setItem(VIEW, location.hash))
  location.assign(`${location.pathname}?token=${token}`)
  return true
}

/** Another tab was let in. */
export function whenKeyComes(then: () => void): void {
  addEventListener('storage', (event) => event.key === KEY && event.newValue && then())
}

function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null // storage is switched off
  }
}
