// Emits the detector's events: each change once, in an order in which a listener may act on each of them.

import type { Member } from '../member.ts'
import type { DetectorEvents, View } from './events.ts'

/** The detector's present conclusions. Read when an event is due, as an earlier listener may have changed them. */
interface Conclusions {
  /** Whether this node was declared dead since this was last called. */
  takeDeclaredDead(): boolean
  isLeaseCheckRunning(): boolean
  /** Whether every listed member has answered or failed, or the wait for them is over. */
  canSettle(): boolean
}

export interface AnnouncerOptions {
  readonly events: DetectorEvents
  readonly epochOf: (members: readonly Member[]) => number
  readonly conclusions: Conclusions
}

export class Announcer {
  /** The last announced view. */
  view: View
  isSettled = false
  isIsolated = false
  isLeaseCheckRunning = false
  readonly #options: AnnouncerOptions
  #viewKey = ''
  #report = ''

  constructor(options: AnnouncerOptions) {
    this.#options = options
    this.view = { members: [], epoch: options.epochOf([]), counter: 0 }
  }

  /** @param report what this node tells its peers, as text */
  announce(view: readonly Member[], isIsolated: boolean, report: string): void {
    const { events, conclusions } = this.#options
    // This comes first: entries must be dropped before any event that lets the node serve.
    if (conclusions.takeDeclaredDead() && this.isSettled) events.onDeclaredDead()
    const isLeaseCheckRunning = conclusions.isLeaseCheckRunning()
    if (this.isLeaseCheckRunning !== isLeaseCheckRunning) {
      this.isLeaseCheckRunning = isLeaseCheckRunning
      events.onLeaseCheck(isLeaseCheckRunning)
    }
    if (this.isIsolated !== isIsolated) {
      this.isIsolated = isIsolated
      events.onIsolated(isIsolated)
    }
    if (!this.isSettled && conclusions.canSettle()) {
      this.isSettled = true
      events.onSettled()
    }
    if (this.isSettled) this.#announceView(view)
    if (report !== this.#report) {
      this.#report = report
      events.onChanged()
    }
  }

  /** Makes the next `announce` emit `onChanged`. */
  repeatReport(): void {
    this.#report = ''
  }

  #announceView(members: readonly Member[]): void {
    const key = JSON.stringify(members.map(({ name, weight }) => [name, weight]))
    if (key === this.#viewKey) return
    this.#viewKey = key
    const { epochOf, events } = this.#options
    this.view = { members, epoch: epochOf(members), counter: this.view.counter + 1 }
    events.onView(this.view)
  }
}
