// The verdict of this node on one peer: up, down, or on probation after a fall.

import type { LinkFailure } from '../links/link.ts'
import type { Charge } from './state.ts'

/** `unknown` until the first contact. */
export type Verdict = 'unknown' | 'up' | 'down' | 'probation'

/** Times in ms. */
export interface HealthRules {
  /** A peer that has not been heard for so long is down. */
  readonly timeout: number
  /** Probation after the first fall; it doubles with each further one. */
  readonly shortest: number
  readonly longest: number
  /** A peer that has not fallen for so long starts anew with the shortest probation. */
  readonly window: number
}

/** A process that ended and was started again is trusted that many times sooner: so do planned restarts go. */
const RESTARTED = 4

export class PeerHealth {
  readonly #rules: HealthRules
  verdict: Verdict = 'unknown'
  /** What the peer is charged with; undefined while it is up or unknown. */
  charge: Charge | undefined
  /** When the verdict was given. */
  since: number
  lastHeard: number
  /** The round trip of the last ping, in ms. */
  latency: number | undefined
  /** Falls within the window, those on probation included. */
  falls = 0
  /** Whether the link is through its handshake and not known to be broken. */
  linked = false
  /** Whether the peer was reached, or an attempt failed, since it was listed. */
  tried = false
  #lastFall = Number.NEGATIVE_INFINITY
  /** Whether another process listens there now than the one that fell. */
  #restarted = false
  #probationEnds = 0

  constructor(rules: HealthRules, now: number) {
    this.#rules = rules
    this.since = now
    this.lastHeard = now
  }

  /** Whether the peer takes part: it has answered, and has not been found dead since. */
  get talking(): boolean {
    return this.verdict === 'up' || this.verdict === 'probation'
  }

  ready(now: number): void {
    this.linked = true
    this.lastHeard = now
    if (this.verdict === 'unknown' || (this.verdict === 'down' && this.falls === 0)) this.#judge('up', now)
  }

  heard(now: number, latency: number | undefined): void {
    this.lastHeard = now
    if (latency !== undefined) this.latency = latency
  }

  /** The process that was known there is gone: another one has spoken. */
  replaced(now: number): void {
    if (this.verdict !== 'unknown') this.#fall('refused', now)
    this.#restarted = true
    this.linked = false
  }

  /** An answer came over our link to the peer: it hears us and we hear it. */
  answered(now: number): void {
    this.tried = true
    if (!this.linked) return
    this.lastHeard = now
    if (this.verdict === 'down') this.#judge('probation', now)
    if (this.verdict === 'probation' && this.#probationEnds === Number.POSITIVE_INFINITY) {
      this.#probationEnds = now + this.#penalty()
    }
  }

  broken(how: LinkFailure, now: number): void {
    this.tried = true
    const wasLinked = this.linked
    this.linked = false
    if (this.verdict === 'down') {
      if (how === 'refused') this.charge = 'refused'
    } else if (how === 'refused' || (how === 'silent' && this.#silent(now))) this.#fall(how, now)
    else if (this.verdict === 'probation' && wasLinked) this.#relapse(now)
  }

  /** @param accusedBy what the peer charges this node with. */
  tick(now: number, accusedBy: Charge | undefined): void {
    if (this.verdict !== 'down' && this.#silent(now)) this.#fall('silent', now)
    if (this.verdict !== 'probation' || now < this.#probationEnds) return
    // Two that accused each other take each other back in the same moment: else the one who is quicker to forgive
    // would be the accused one meanwhile, and lose its place.
    if (accusedBy === undefined || accusedBy === 'willing') this.#judge('up', now)
    else this.charge = 'willing'
  }

  /** This process itself stood still: that nothing was heard meanwhile tells nothing of the peer. */
  excused(now: number): void {
    this.lastHeard = now
  }

  /** The clock decides, not the link: when this process stood still, the link did not listen either. */
  #silent(now: number): boolean {
    return now - this.lastHeard >= this.#rules.timeout
  }

  #fall(how: 'refused' | 'silent', now: number): void {
    if (
      this.verdict === 'up' ||
      (this.verdict === 'probation' && this.#probationEnds < Number.POSITIVE_INFINITY)
    ) {
      this.#count(now)
    }
    this.#judge('down', now)
    this.charge = how
    this.#restarted = false
  }

  /** The link broke on probation: it starts again, longer, with the next answer. */
  #relapse(now: number): void {
    this.#count(now)
    this.charge = 'probation'
    this.#probationEnds = Number.POSITIVE_INFINITY
  }

  #count(now: number): void {
    this.falls = now - this.#lastFall > this.#rules.window ? 1 : this.falls + 1
    this.#lastFall = now
  }

  #judge(verdict: Verdict, now: number): void {
    this.verdict = verdict
    this.since = now
    this.charge = verdict === 'probation' ? 'probation' : undefined
    if (verdict === 'probation') this.#probationEnds = now + this.#penalty()
  }

  #penalty(): number {
    const { shortest, longest } = this.#rules
    const base = this.#restarted ? shortest / RESTARTED : shortest
    return Math.min(longest, base * 2 ** Math.min(30, this.falls - 1))
  }
}
