// The members that this node has declared dead, kept until they can be notified.

import type { Tombstone, Tombstones } from './state.ts'

/** How long the tombstone of a member that is no longer listed is kept, ms. */
const KEPT = 600_000

interface Entry {
  /** The run that was declared dead; '' if none was ever seen. */
  runId: string
  /** The count of the last declaration. It never decreases, so that each declaration can be distinguished from earlier ones. */
  latest: number
  /** The count of the last declaration that is binding; 0: none. */
  binding: number
  /** The previous value of `binding`, restored when a declaration is weakened. */
  previous: number
  /** The count of the last declaration made while this node was cut off; 0: none. */
  weak: number
  /** The run is alive after all, if it answers: then the weakened declaration is withdrawn. */
  isOpen: boolean
  at: number
}

export class TombstoneTable {
  readonly #entries = new Map<string, Entry>()

  /** This node has declared a run of the member dead. */
  declare(name: string, runId: string, now: number): void {
    let entry = this.#entries.get(name)
    if (!entry) {
      entry = { runId, latest: 0, binding: 0, previous: 0, weak: 0, isOpen: false, at: now }
      this.#entries.set(name, entry)
    }
    entry.runId = runId
    entry.previous = entry.binding
    entry.binding = ++entry.latest
    entry.at = now
  }

  /** Makes a declaration made since `since` a weak one: this node itself was cut off. */
  weaken(name: string, since: number): void {
    const entry = this.#entries.get(name)
    if (!entry || entry.at < since || entry.binding < entry.latest) return
    entry.weak = entry.binding
    entry.binding = entry.previous
    entry.isOpen = true
  }

  /**
   * The member answers.
   *
   * @returns true, once, if its death was declared weakly: then this node must give up what it took over
   */
  withdraw(name: string): boolean {
    const entry = this.#entries.get(name)
    if (!entry?.isOpen) return false
    entry.isOpen = false
    return true
  }

  /** A run of the member was seen. Declarations about earlier runs do not concern it. */
  observeRun(name: string, runId: string): void {
    const entry = this.#entries.get(name)
    if (!entry) return
    if (entry.runId !== runId && entry.runId !== '') {
      entry.binding = entry.previous = entry.weak = 0
      entry.isOpen = false
    }
    entry.runId = runId
  }

  /** Forgets members that have not been listed for long enough. Returns whether there were any. */
  prune(listed: (name: string) => boolean, now: number): boolean {
    const { size } = this.#entries
    for (const [name, { at }] of this.#entries)
      if (!listed(name) && now - at > KEPT) this.#entries.delete(name)
    return this.#entries.size < size
  }

  get tombstones(): Tombstones {
    return this.#pick((entry) => entry.binding)
  }

  /** The binding declaration about a member; `undefined`: there is none. */
  of(name: string): Tombstone | undefined {
    const entry = this.#entries.get(name)
    return entry && tombstoneOf(entry, entry.binding)
  }

  get weakTombstones(): Tombstones {
    return this.#pick((entry) => entry.weak)
  }

  #pick(countOf: (entry: Entry) => number): Tombstones {
    const picked: Record<string, Tombstone> = {}
    for (const [name, entry] of this.#entries) {
      const tombstone = tombstoneOf(entry, countOf(entry))
      if (tombstone !== undefined) picked[name] = tombstone
    }
    return picked
  }
}

function tombstoneOf({ runId }: Entry, count: number): Tombstone | undefined {
  return count > 0 ? { runId, count } : undefined
}
