// Counts the entries that moved from one node to another, so that commands on all keys count each entry once.

/*
 * While slots move, the sum of the nodes' sizes is wrong: nodes are not asked at one moment, and an entry that the new
 * owner has taken is at the previous owner, too, until that one knows. So each node also says how many entries it has
 * removed because another node had taken them (`sent`), and how many it has taken from another node (`taken`). An entry
 * that neither size includes was sent and not yet taken when the nodes were asked; one that both include was taken and
 * not yet sent. So the number of entries is
 *
 *   the sum of the sizes + the sum of `sent` - the sum of `taken`
 *
 * over the pairs of nodes between which entries are moving. When a node has sent all entries for another one, it sends
 * its count too (PEER TALLY), so that an error in the counts (an entry that expires at one node first) ends with the
 * handover.
 */

import type { Store } from '../../store/store.ts'

/** By member and store: a number of entries. Negative entries do not count. */
export class Tally {
  readonly #counts = new Map<string, Map<Store, number>>()

  add(member: string, store: Store): void {
    let counts = this.#counts.get(member)
    if (counts === undefined) {
      counts = new Map()
      this.#counts.set(member, counts)
    }
    counts.set(store, (counts.get(store) ?? 0) + 1)
  }

  set(member: string, store: Store, count: number): void {
    this.forget(member, store)
    if (count === 0) return
    const counts = this.#counts.get(member) ?? new Map<Store, number>()
    this.#counts.set(member, counts.set(store, count))
  }

  of(member: string, store: Store): number {
    return this.#counts.get(member)?.get(store) ?? 0
  }

  /** The counts of one store. */
  ofAll(store: Store): Record<string, number> {
    const all: Record<string, number> = {}
    for (const [member, counts] of this.#counts) all[member] = counts.get(store) ?? 0
    return all
  }

  forget(member: string, store?: Store): void {
    if (store === undefined) this.#counts.delete(member)
    else this.#counts.get(member)?.delete(store)
  }

  clear(): void {
    this.#counts.clear()
  }
}

/** A node's report about the entries of a group. */
export interface KeyReport {
  readonly name: string
  readonly size: number
  /** The number of entries, of any group, that it has received from others since it started, and how long ago the last, ms. */
  readonly received: number
  readonly quietMs: number
  /** By member. */
  readonly sent: Readonly<Record<string, number>>
  readonly taken: Readonly<Record<string, number>>
  /** The members to and from which entries are moving. */
  readonly sendsTo: readonly string[]
  readonly takesFrom: readonly string[]
}
