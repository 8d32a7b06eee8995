// What this node makes of all that is known: its own opinion, and the view that follows.

import type { Member } from '../member.ts'
import { accusesAny, evidenceOf, membersOf, opinionOf, type Peers } from './reports.ts'
import { agree, hearsBadly, type Opinion, reachable } from './view.ts'

export class Standpoint {
  readonly #self: Member
  readonly #peers: Peers
  /** This node's own opinion of its peers. */
  opinion: Opinion = { accused: {}, deaf: false, unknown: [] }
  /** All that this node, or one that it talks to, can talk to. */
  reached: ReadonlySet<string> = new Set()

  constructor(self: Member, peers: Peers) {
    this.#self = self
    this.#peers = peers
  }

  /**
   * Takes in what has changed.
   *
   * @param present whether this node may be in the view
   * @returns the members in the view, sorted by name
   */
  look(present: boolean): Member[] {
    const own = opinionOf(this.#peers, this.opinion.deaf)
    const evidence = evidenceOf(this.#peers, this.#self.name, own, present)
    const { accused } = own
    this.reached = reachable(evidence)
    // It does not hear well again before all is well again: else its charges would count one by one.
    const deaf =
      hearsBadly(accused, this.#self.name, this.reached) || (own.deaf && accusesAny(accused, this.reached))
    this.opinion = { ...own, deaf }
    const opinions = new Map(evidence.opinions).set(this.#self.name, this.opinion)
    return membersOf(agree(this.reached, { ...evidence, opinions }), this.#self, this.#peers)
  }
}
