// Keys that recently changed at the origin: a copy that another node took before the change must not be stored.

import type { Hash } from '../../bytes/hash.ts'
import { EntryTags, MAX_RECENT_CHANGES, TagEpochs } from './tags.ts'

/** Remembers changes by key hash, with the table that remembers invalidated tags. */
export class RecentChanges {
  readonly #epochs: TagEpochs
  readonly #lookup = new EntryTags()
  /** The epoch in which all keys changed; 0: never. */
  #allChangedEpoch = 0

  /** @param now the current time in `now[0]`, in milliseconds since the Unix epoch */
  constructor(now: Float64Array) {
    this.#epochs = new TagEpochs(now, MAX_RECENT_CHANGES)
  }

  add(hash: Hash): void {
    this.#epochs.invalidate(hash)
  }

  addAll(): void {
    this.#allChangedEpoch = this.#epochs.currentEpoch() + 1
  }

  /** Whether a key of this hash may have changed within the last `ms` milliseconds. False positives are possible. */
  isWithin(hash: Hash, ms: number): boolean {
    const since = this.#epochs.epochBefore(ms)
    if (this.#allChangedEpoch > since) return true
    const lookup = this.#lookup
    lookup.count = 0
    lookup.add(hash)
    lookup.epoch[0] = since
    return this.#epochs.isInvalid(lookup)
  }
}
