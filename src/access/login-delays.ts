// Slows down password guessing: after failed logins, further logins from the same address are delayed.

/** This many failures cause no delay: people mistype, and programs start with an old password. */
const FREE_FAILURES = 10
/** The first wait, doubled with each further failure up to the longest, ms. */
const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1000
/** A failure is forgotten after this time, ms. */
const FORGOTTEN_AFTER_MS = 5000
/** An attacker may have many addresses: those whose last failure is the oldest are forgotten. */
const MAX_ADDRESSES = 10_000

interface Failures {
  count: number
  /** When the last failure happened, ms. */
  at: number
}

/**
 * A correct password is delayed like a wrong one: otherwise a delay would reveal that the password is wrong, and the
 * attacker would try the next one on another connection. So a client that shares its address with an attacker waits, too.
 */
export class LoginDelays {
  /** By address; the oldest last failure first. */
  readonly #failures = new Map<string, Failures>()

  /** How long a login from an address has to wait before its password is checked, ms. */
  waitOf(address: string, now: number): number {
    const excess = this.#countOf(address, now) - FREE_FAILURES
    return excess < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(excess, 10))
  }

  failed(address: string, now: number): void {
    const count = Math.min(this.#countOf(address, now) + 1, FREE_FAILURES + 10)
    this.#failures.delete(address)
    this.#failures.set(address, { count, at: now })
    if (this.#failures.size <= MAX_ADDRESSES) return
    const [oldest] = this.#failures.keys()
    this.#failures.delete(oldest)
  }

  #countOf(address: string, now: number): number {
    const failures = this.#failures.get(address)
    if (failures === undefined) return 0
    const forgotten = Math.floor(Math.max(0, now - failures.at) / FORGOTTEN_AFTER_MS)
    if (forgotten < failures.count) return failures.count - forgotten
    this.#failures.delete(address)
    return 0
  }
}

/** The address of a client without its port. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
