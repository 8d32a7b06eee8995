// The leases of copies that a write has invalidated and whose new value is expected from the owner.

/** Maximum number of leases. Beyond it, an invalidated copy loses its lease and has to be fetched again. */
const MAX_LEASES = 1000

/** How long a key may be copied, as granted to its last fetch. Times are milliseconds since the epoch. */
export interface Lease {
  /** The number of the link over which it was granted. */
  readonly link: number
  /** When the fetch began. */
  readonly beganAt: number
  /** When the copy expires, whatever its value is by then. */
  readonly deadline: number
  /** A value of an earlier version is out of date. */
  readonly minVersion: number
}

export class Leases {
  readonly #leases = new Map<string, Lease>()

  get(bytes: Buffer, start: number, end: number): Lease | undefined {
    return this.#leases.size === 0 ? undefined : this.#leases.get(bytes.toString('latin1', start, end))
  }

  set(bytes: Buffer, start: number, end: number, lease: Lease): void {
    const name = bytes.toString('latin1', start, end)
    if (this.#leases.size < MAX_LEASES || this.#leases.has(name)) this.#leases.set(name, lease)
  }

  delete(bytes: Buffer, start: number, end: number): void {
    if (this.#leases.size !== 0) this.#leases.delete(bytes.toString('latin1', start, end))
  }

  /** Removes the leases that have ended at `now`. */
  sweep(now: number): void {
    for (const [name, { deadline }] of this.#leases) if (deadline < now) this.#leases.delete(name)
  }

  clear(): void {
    this.#leases.clear()
  }
}
