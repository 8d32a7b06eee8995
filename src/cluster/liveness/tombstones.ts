// Remembers which members this node has declared dead, for telling them when they can be told.

import type { Mark, Marks } from './state.ts'

/** How long a member that is no longer listed can still learn that it was declared dead, in ms. */
const KEPT = 600_000

interface Entry {
  /** The run that was declared dead; '' when none was ever met. */
  runId: string
  /** The latest mark; it never falls, so that each declaration is told from those before. */
  latest: number
  /** The latest mark that holds; 0: none. */
  deposed: number
  /** The one before it, for when it turns out not to hold. */
  before: number
  /** The latest mark made while this node had lost touch with most of the others; 0: none. */
  alone: number
  /** Whether what was declared in doubt is still to be taken back, should that run turn out to live. */
  open: boolean
  at: number
}

export class DeathMarks {
  readonly #entries = new Map<string, Entry>()

  /** The member of that name was declared dead. */
  declare(name: string, runId: string, now: number): void {
    let entry = this.#entries.get(name)
    if (!entry) {
      entry = { runId, latest: 0, deposed: 0, before: 0, alone: 0, open: false, at: now }
      this.#entries.set(name, entry)
    }
    entry.runId = runId
    entry.before = entry.deposed
    entry.deposed = ++entry.latest
    entry.at = now
  }

  /** What was declared since `since` is doubtful: this node itself was cut off. */
  doubt(name: string, since: number): void {
    const entry = this.#entries.get(name)
    if (!entry || entry.at < since || entry.deposed < entry.latest) return
    entry.alone = entry.deposed
    entry.deposed = entry.before
    entry.open = true
  }

  /** That run of the member answers. True, once, when it was declared dead in doubt: what was taken is not ours. */
  alive(name: string): boolean {
    const entry = this.#entries.get(name)
    if (!entry?.open) return false
    entry.open = false
    return true
  }

  /** A run speaks there. What was declared of a run before it is no concern of this one. */
  met(name: string, runId: string): void {
    const entry = this.#entries.get(name)
    if (!entry) return
    if (entry.runId !== runId && entry.runId !== '') {
      entry.deposed = entry.before = entry.alone = 0
      entry.open = false
    }
    entry.runId = runId
  }

  /** Forgets members that are not listed any more, once they had time to hear of it. */
  prune(listed: (name: string) => boolean, now: number): void {
    for (const [name, { at }] of this.#entries)
      if (!listed(name) && now - at > KEPT) this.#entries.delete(name)
  }

  get deposed(): Marks {
    return this.#pick((entry) => entry.deposed)
  }

  get alone(): Marks {
    return this.#pick((entry) => entry.alone)
  }

  #pick(mark: (entry: Entry) => number): Marks {
    const picked: Record<string, Mark> = {}
    for (const [name, entry] of this.#entries) {
      if (mark(entry) > 0) picked[name] = { runId: entry.runId, count: mark(entry) }
    }
    return picked
  }
}
