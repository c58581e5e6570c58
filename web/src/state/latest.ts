/** At most one call under way; of those asked meanwhile only the newest is made. */
export function latestWins<A extends unknown[]>(call: (...args: A) => Promise<void>): (...args: A) => void {
  let running = false
  let waiting: A | null = null
  const run = async (args: A) => {
    running = true
    try {
      await call(...args)
    } finally {
      running = false
      if (waiting !== null) {
        const next = waiting
        waiting = null
        void run(next)
      }
    }
  }
  return (...args) => {
    if (running) waiting = args
    else void run(args)
  }
}
