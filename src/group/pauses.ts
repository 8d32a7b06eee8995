// Keys that were loaded in the background in vain: they are left alone for a moment, remembered in bounded memory.

import { hashBytes } from '../bytes/hash.ts'

/** How long, in ms. */
export const BACKOFF_MS = 1000

/** 48 KiB. Of two keys in one place, the one that failed first is tried again sooner. */
const PLACES = 4096

/** Two keys of one hash pause together: no secret is needed, it only puts off what nobody waits for. */
const LOW = 0x70617573
const HIGH = 0x65726e79

export class RefreshBackoff {
  readonly #hashes = new Int32Array(PLACES)
  /** When the pause began; -Infinity: there is none. */
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

  /** For how many ms a key is still to be left alone. A clock that goes back ends its pause. */
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
