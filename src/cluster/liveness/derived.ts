// Caches values that are derived from the states of the peers and needed for every message, until a state changes.
//
// Most heartbeats repeat a known state. Without the cache, each one would cost a pass over all peers.

import type { ListDifference, MemberNames } from '../membership/member-names.ts'
import type { View } from './events.ts'
import { gossipOf, listDifferences, type Peer, type Peers } from './reports.ts'
import type { GossipedState } from './state.ts'
import type { Report } from './view.ts'

export class Derived {
  readonly #peers: Peers
  #leaving: Set<string> | undefined
  /** True: there is nothing to relay. */
  #isGossipEmpty = false
  /** True: all peers that are alive have this list. */
  #hasSameLists = false
  /** The view of `#names`. */
  #view: View | undefined
  #names: ReadonlySet<string> = new Set()

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** The status or state of peers, the list or this node's report has changed. */
  changed(): void {
    this.#leaving = undefined
    this.#peerChanged()
  }

  /** The status or state of one peer has changed. */
  peerChanged(name: string): void {
    if (this.#leaving !== undefined) {
      if (isLeaving(this.#peers.get(name))) this.#leaving.add(name)
      else this.#leaving.delete(name)
    }
    this.#peerChanged()
  }

  #peerChanged(): void {
    this.#isGossipEmpty = false
    this.#hasSameLists = false
  }

  /** See `gossipOf`. */
  gossip(reached: ReadonlySet<string>, own: Report): Record<string, GossipedState> {
    if (this.#isGossipEmpty) return {}
    const gossip = gossipOf(this.#peers, reached, own)
    this.#isGossipEmpty = Object.keys(gossip).length === 0
    return gossip
  }

  /** The names of live peers that are leaving. */
  get leaving(): ReadonlySet<string> {
    if (this.#leaving === undefined) {
      this.#leaving = new Set()
      for (const [name, peer] of this.#peers) if (isLeaving(peer)) this.#leaving.add(name)
    }
    return this.#leaving
  }

  /** See `listDifferences`. A list that differs may be received later than its fingerprint. */
  listDifferences(own: MemberNames, epoch: number): ListDifference[] {
    if (this.#hasSameLists) return []
    this.#hasSameLists = true
    for (const { state, health } of this.#peers.values()) {
      const { list = '' } = state.message ?? {}
      if (health.isAlive && list !== '' && list !== own.fingerprint) this.#hasSameLists = false
    }
    return listDifferences(this.#peers, own, epoch)
  }

  isIn(view: View, name: string): boolean {
    if (view !== this.#view) {
      this.#view = view
      this.#names = new Set(view.members.map((member) => member.name))
    }
    return this.#names.has(name)
  }
}

function isLeaving(peer: Peer | undefined): boolean {
  return peer?.state.message?.leaving === true && peer.health.isAlive
}
