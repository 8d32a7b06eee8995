// The listed peers, and the states of peers that were removed from the list.

import type { Member } from '../member.ts'
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
  readonly #options: PeerTableOptions
  /** A removed member may be listed again: its ended runs and its tombstones must then still be known. */
  readonly #former = new Map<string, PeerState>()

  constructor(options: PeerTableOptions) {
    this.#options = options
  }

  /** Replaces the list. This node may be in it. */
  update(list: readonly Member[], now: number): RemovedPeer[] {
    const { self, runId, rules } = this.#options
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
