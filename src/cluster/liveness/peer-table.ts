// The list of members as this node has it, its peers in that list, and the states of peers that were removed from it.

import type { Member } from '../member.ts'
import { MemberNames } from '../membership/member-names.ts'
import { type HealthRules, PeerHealth } from './health.ts'
import { PeerState } from './peer-state.ts'
import type { Peer } from './reports.ts'

/** How many removed members are remembered. */
const FORMER_KEPT = 1000

export interface PeerTableOptions {
  readonly self: string
  /** This node's run. */
  readonly runId: string
  readonly rules: HealthRules
}

/** A removed peer that was alive and did not leave. */
export interface RemovedPeer {
  readonly name: string
  readonly runId: string
}

export class PeerTable {
  readonly listed = new Map<string, Peer>()
  /** All names in the list, this node's included. */
  names: MemberNames
  /** When the first list was received, and the current one. */
  #firstListedAt: number | undefined
  #listedAt = 0
  /** See `isFinal`. */
  #isFinal = false
  readonly #options: PeerTableOptions
  /** A removed member may be listed again: its ended runs and its tombstones must then still be known. */
  readonly #former = new Map<string, PeerState>()

  constructor(options: PeerTableOptions) {
    this.#options = options
    this.names = new MemberNames([options.self])
  }

  /** Replaces the list. This node may be in it. */
  update(list: readonly Member[], now: number): RemovedPeer[] {
    const { self, runId, rules } = this.#options
    this.names = new MemberNames([self, ...list.map(({ name }) => name)])
    this.#firstListedAt ??= now
    this.#listedAt = now
    this.#isFinal = false
    const listed = new Map(list.map((member) => [member.name, member]))
    listed.delete(self)
    const removed: RemovedPeer[] = []
    for (const [name, { health, state }] of this.listed) {
      if (listed.has(name)) continue
      if (health.isAlive && !state.message?.leaving) removed.push({ name, runId: state.runId })
      this.listed.delete(name)
      state.message = undefined
      this.#former.set(name, state)
    }
    for (const [name, member] of listed) {
      const known = this.listed.get(name)
      const health = known?.health ?? new PeerHealth(rules, now)
      const state = known?.state ?? this.#former.get(name) ?? new PeerState(self, runId)
      this.listed.set(name, { member, health, state })
      this.#former.delete(name)
    }
    for (const name of this.#former.keys()) {
      if (this.#former.size <= FORMER_KEPT) break
      this.#former.delete(name)
    }
    return removed
  }

  /** The last result of `checkFinal`. */
  get isFinal(): boolean {
    return this.#isFinal
  }

  /**
   * Whether the list names every member as it is known to the others. A member that was never reached may be listed in
   * another spelling than its own (see aliases.ts); after a timeout it counts as listed by its name.
   */
  checkFinal(now: number): boolean {
    this.#isFinal ||=
      this.#isOlderThanTimeout(this.#listedAt, now) || this.#all(({ state }) => state.runId !== '')
    return this.#isFinal
  }

  /** Whether there is a list, and each peer in it was reached or has refused, or had a timeout to do so. */
  hasTriedAll(now: number): boolean {
    if (this.#firstListedAt === undefined) return false
    return this.#isOlderThanTimeout(this.#firstListedAt, now) || this.#all(({ health }) => health.tried)
  }

  #isOlderThanTimeout(since: number, now: number): boolean {
    return now - since >= this.#options.rules.timeout
  }

  #all(holds: (peer: Peer) => boolean): boolean {
    for (const peer of this.listed.values()) if (!holds(peer)) return false
    return true
  }

  get(name: string): Peer | undefined {
    return this.listed.get(name)
  }

  has(name: string): boolean {
    return this.listed.has(name)
  }

  /** The names of live peers whose slot assignment has another version. */
  ofOtherVersions(version: number): string[] {
    const names: string[] = []
    for (const [name, { health, state }] of this.listed)
      if (health.isAlive && state.message !== undefined && (state.message.table ?? 1) !== version)
        names.push(name)
    return names
  }

  isAlive(name: string): boolean {
    return this.listed.get(name)?.health.isAlive === true
  }
}
