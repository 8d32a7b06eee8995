// Which keys have changed at the source lately: what another node has had of them for as long is old.

import type { Hash } from '../bytes/hash.ts'
import { EntryTags, MAX_RECENT_CHANGES, TagEpochs } from './tags.ts'

export class RecentChanges {
  readonly #epochs: TagEpochs
  readonly #lookup = new EntryTags()
  /** When all keys changed, as a moment of `#epochs`; 0: never. */
  #allChangedEpoch = 0

  /** @param now milliseconds since the epoch, in a cell */
  constructor(now: Float64Array) {
    this.#epochs = new TagEpochs(now, MAX_RECENT_CHANGES)
  }

  add(hash: Hash): void {
    this.#epochs.invalidate(hash)
  }

  addAll(): void {
    this.#allChangedEpoch = this.#epochs.currentEpoch() + 1
  }

  /** Whether a key of this hash may have changed within the last so many ms. */
  isWithin(hash: Hash, ms: number): boolean {
    const since = this.#epochs.epochBefore(ms)
    if (this.#allChangedEpoch > since) return true
    const asked = this.#lookup
    asked.count = 0
    asked.add(hash)
    asked.epoch[0] = since
    return this.#epochs.isInvalid(asked)
  }
}
