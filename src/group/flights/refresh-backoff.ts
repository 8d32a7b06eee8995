// Backoff of keys whose background refresh failed, in bounded memory.

import { hashBytes } from '../../bytes/hash.ts'

/** How long, in ms. */
export const BACKOFF_MS = 1000

/** Slots of the table, 48 KiB. Of two keys in one slot, the earlier one loses its backoff. */
const PLACES = 4096

/** Fixed seeds: a collision only delays a background refresh. */
const LOW = 0x70617573
const HIGH = 0x65726e79

export class RefreshBackoff {
  readonly #hashes = new Int32Array(PLACES)
  /** When the backoff began; -Infinity: none. */
  readonly #begun = new Float64Array(PLACES).fill(-Infinity)

  begin(key: Buffer, now: number): void {
    const hash = hashOf(key)
    this.#hashes[hash & (PLACES - 1)] = hash
    this.#begun[hash & (PLACES - 1)] = now
  }

  end(key: Buffer): void {
    const hash = hashOf(key)
    if (this.#hashes[hash & (PLACES - 1)] === hash) this.#begun[hash & (PLACES - 1)] = -Infinity
  }

  /** The remaining backoff of a key in ms. A clock that was set back ends it. */
  left(key: Buffer, now: number): number {
    const hash = hashOf(key)
    if (this.#hashes[hash & (PLACES - 1)] !== hash) return 0
    const passed = now - this.#begun[hash & (PLACES - 1)]
    return passed < 0 ? 0 : Math.max(0, BACKOFF_MS - passed)
  }
}

function hashOf(key: Buffer): number {
  return hashBytes(key, 0, key.length, LOW, HIGH)
}
