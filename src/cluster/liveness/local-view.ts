// This node's own report about its peers, and the view that follows from all reports.

import type { Member } from '../member.ts'
import type { MemberNames } from '../membership/member-names.ts'
import { collectReports, localReport, membersOf, type Peers, suspectsAny } from './reports.ts'
import { type Report, reachable, resolveView, suspectsMajority } from './view.ts'

export class LocalView {
  readonly #self: Member
  readonly #peers: Peers
  /** This node's own report. */
  report: Report = { suspects: {}, disconnected: false, unknown: [] }
  /** The members that this node, or a peer that is alive for it, can reach. */
  reached: ReadonlySet<string> = new Set()

  constructor(self: Member, peers: Peers) {
    this.#self = self
    this.#peers = peers
  }

  /**
   * Recomputes both.
   *
   * @param present whether this node may be in the view
   * @param listed the names in this node's list
   * @returns the members in the view, sorted by name
   */
  update(present: boolean, listed: MemberNames): Member[] {
    const own = localReport(this.#peers, this.report.disconnected)
    const all = collectReports(this.#peers, { name: this.#self.name, report: own, present, listed })
    const { suspects } = own
    this.reached = reachable(all)
    // Disconnected until no suspicion is left: otherwise the last few would count while links are being restored.
    const disconnected =
      suspectsMajority(suspects, this.#self.name, this.reached) ||
      (own.disconnected && suspectsAny(suspects, this.reached))
    this.report = { ...own, disconnected }
    const reports = new Map(all.reports).set(this.#self.name, this.report)
    return membersOf(resolveView(this.reached, { ...all, reports }), this.#self, this.#peers)
  }
}
