// Maps and sets whose entries come and go all the time, such as requests in progress.

/*
 * V8 never collects what is reachable from a dead object of the old generation until it collects that whole generation.
 * A `Map` or `Set` whose entries are deleted and added replaces its table again and again, and each table refers to its
 * successor. So once one table has become old, all later ones become old in turn, with whatever they held at that time:
 * nearly every entry outlives the collections of the young generation, which then copy megabytes of garbage each, and the
 * old generation fills in a second. (`node --trace-gc` shows it: the heap hardly shrinks in a "Scavenge".)
 *
 * These begin again with another table after some deletions, to which no old one refers.
 */

const RENEWED_AFTER = 256

const NO_ENTRIES: readonly never[] = []

/** An iteration must not add or delete entries: iterate over a copy. */
export class ShortLivedMap<K, V> {
  /** `undefined` until there is an entry: most connections never have any. */
  #entries: Map<K, V> | undefined
  #deleted = 0

  get size(): number {
    return this.#entries?.size ?? 0
  }

  has(key: K): boolean {
    return this.#entries?.has(key) ?? false
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key)
  }

  set(key: K, value: V): void {
    this.#entries ??= new Map()
    this.#entries.set(key, value)
  }

  delete(key: K): boolean {
    const entries = this.#entries
    if (entries === undefined || !entries.delete(key)) return false
    this.#deleted++
    // In proportion to the size, so that copying costs a constant time per deletion.
    if (this.#deleted >= RENEWED_AFTER && this.#deleted >= entries.size) {
      this.#entries = new Map(entries)
      this.#deleted = 0
    }
    return true
  }

  clear(): void {
    this.#entries = undefined
    this.#deleted = 0
  }

  keys(): Iterable<K> {
    return this.#entries?.keys() ?? []
  }

  values(): Iterable<V> {
    return this.#entries?.values() ?? []
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#entries ?? NO_ENTRIES)[Symbol.iterator]()
  }
}

/** An iteration must not add or delete entries: iterate over a copy. */
export class ShortLivedSet<T> {
  readonly #entries = new ShortLivedMap<T, true>()

  get size(): number {
    return this.#entries.size
  }

  has(value: T): boolean {
    return this.#entries.has(value)
  }

  add(value: T): void {
    this.#entries.set(value, true)
  }

  delete(value: T): boolean {
    return this.#entries.delete(value)
  }

  clear(): void {
    this.#entries.clear()
  }

  /** In the order in which they were added. */
  [Symbol.iterator](): Iterator<T> {
    return this.#entries.keys()[Symbol.iterator]()
  }
}
