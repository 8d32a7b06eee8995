// Which keys have changed at the source lately: what another node has had of them for as long is old.

import type { Hash } from '../bytes/hash.ts'
import { MOST_CHANGES, TagEpochs, Tagging } from './tags.ts'

export class Changes {
  readonly #epochs: TagEpochs
  readonly #asked = new Tagging()
  /** When all keys changed, as a moment of `#epochs`; 0: never. */
  #all = 0

  /** @param now milliseconds since the epoch, in a cell */
  constructor(now: Float64Array) {
    this.#epochs = new TagEpochs(now, MOST_CHANGES)
  }

  note(hash: Hash): void {
    this.#epochs.invalidate(hash)
  }

  noteAll(): void {
    this.#all = this.#epochs.moment() + 1
  }

  /** Whether a key of this hash may have changed within the last so many ms. */
  isWithin(hash: Hash, ms: number): boolean {
    const since = this.#epochs.ago(ms)
    if (this.#all > since) return true
    const asked = this.#asked
    asked.count = 0
    asked.add(hash)
    asked.moment[0] = since
    return this.#epochs.isInvalid(asked)
  }
}
