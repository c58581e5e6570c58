const MOST = 4

/** The runs that an address asks to be compared: two to four; none: it asks for one page. */
export function comparedIn(hash: string): string[] {
  const part = partsOf(hash).find((one) => one.startsWith('compare='))
  const names = part ? part.slice('compare='.length).split('/').map(decoded) : []
  const right = names.filter((name) => /^[^/\\]{1,200}$/.test(name))
  return right.length > 1 && right.length === names.length ? right.slice(0, MOST) : []
}

/** The address of a comparison whose pages are seen as `view`, the address of one, says. */
export function compareHash(runs: string[], view = ''): string {
  return of(`compare=${runs.map(encodeURIComponent).join('/')}`, view)
}

/** The address of one run of a comparison. */
export function frameHash(run: string, hash: string): string {
  return of(`run=${encodeURIComponent(run)}`, hash)
}

const partsOf = (hash: string) => hash.replace(/^#/, '').split('&')

function of(what: string, hash: string): string {
  return ['#v=1', what, ...partsOf(hash).filter((part) => part && !/^(run|compare|v)=/.test(part))].join('&')
}

export const isFull = (runs: string[]) => runs.length >= MOST

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
