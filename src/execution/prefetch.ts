// Prefetching for a batch of requests: hashes their keys and reads ahead what the store's lookups will need.

import type { Hash, Hasher } from '../bytes/hash.ts'
import type { Args } from '../resp/args.ts'
import { MAX_PREFETCH } from '../store/prefetcher.ts'
import type { Store } from '../store/store.ts'

/** Longer keys are not hashed ahead. */
const MAX_KEY_BYTES = 512

export class Prefetch {
  readonly #hasher: Hasher
  readonly #hashes = new Int32Array(MAX_PREFETCH)
  /** The stores of this batch: the first `#count`. */
  readonly #stores: Store[] = []
  #count = 0

  constructor(hasher: Hasher) {
    this.#hasher = hasher
  }

  /**
   * Prepares `requests[from, to)`: hashes argument 1, which is nearly always the key, and prefetches for it. Nothing for a
   * store of a few keys: LPUSH to one list took 7 % more CPU time with it.
   */
  begin(store: Store, requests: readonly Args[], from: number, to: number): void {
    if (!store.prefetcher.isWorthwhile) return
    const hashes = this.#hashes
    for (let i = from; i < to; i++) {
      const args = requests[i]
      const keyed = args.count > 1 && args.end[1] - args.start[1] <= MAX_KEY_BYTES
      hashes[i] = keyed ? this.#hasher.hash(args.buf, args.start[1], args.end[1]) : 0
    }
    store.prefetcher.prefetch(hashes, from, to)
    this.#stores[this.#count++] = store
  }

  /** Called before a request runs: passes on its hash. `args` is request `i` of the batch, if one has begun. */
  use(store: Store, args: Args, i: number): void {
    if (this.#count === 0 || args.count < 2 || args.end[1] - args.start[1] > MAX_KEY_BYTES) return
    this.#hasher.prime(args.buf, args.start[1], args.end[1], this.#hashes[i] as Hash)
    store.prefetcher.hint(i)
  }

  /** The batch is done: the bytes of its requests may change. */
  end(): void {
    // The array keeps its length: a shorter one would be reallocated for every batch.
    for (; this.#count > 0; this.#count--) this.#stores[this.#count - 1].prefetcher.endBatch()
    this.#hasher.forget()
  }
}
