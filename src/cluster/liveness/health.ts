// The status of one peer as this node observes it: up, down, or on probation after a failure.

import type { LinkFailure } from '../links/link.ts'
import type { LocalHealth } from './heartbeats/local-health.ts'
import type { Suspicion } from './state.ts'

/** `unknown`: no contact yet. */
export type PeerStatus = 'unknown' | 'up' | 'down' | 'probation'

/** Times in ms. */
export interface HealthRules {
  /** A peer from which nothing was received for this long is down, or later while this node is behind. */
  readonly timeout: number
  readonly local: LocalHealth
  /** Probation after the first failure. It doubles with each further one. */
  readonly shortest: number
  readonly longest: number
  /** After this long without a failure, the next probation is the shortest again. */
  readonly window: number
}

/** The probation of a restarted process is shorter by this factor: a restart is mostly planned. */
const RESTART_FACTOR = 4

export class PeerHealth {
  readonly #rules: HealthRules
  status: PeerStatus = 'unknown'
  /** Why the peer is suspected; undefined while it is up or unknown. */
  suspicion: Suspicion | undefined
  /** When the status last changed. */
  since: number
  lastHeard: number
  /** The round trip of the last heartbeat, ms. */
  latency: number | undefined
  /** Failures within the window, those on probation included. */
  failures = 0
  /** Whether the handshake of the control link is complete and the link is not known to be broken. */
  linked = false
  /** Whether the peer has answered, or a connection attempt has failed, since it was listed. */
  tried = false
  #lastFailure = Number.NEGATIVE_INFINITY
  /** Whether another process runs there since the last failure. */
  #isRestarted = false
  #probationEnds = 0

  constructor(rules: HealthRules, now: number) {
    this.#rules = rules
    this.since = now
    this.lastHeard = now
  }

  /** Whether the peer has answered and was not declared dead since. */
  get isAlive(): boolean {
    return this.status === 'up' || this.status === 'probation'
  }

  linkReady(now: number): void {
    this.linked = true
    this.lastHeard = now
    if (this.status === 'unknown' || (this.status === 'down' && this.failures === 0)) {
      this.#setStatus('up', now)
    }
  }

  heard(now: number, latency: number | undefined): void {
    this.lastHeard = now
    if (latency !== undefined) this.latency = latency
  }

  /** The peer replied at this time to something other than a heartbeat. It may be too busy to answer heartbeats. */
  repliedAt(at: number): void {
    if (this.status === 'up' && this.linked) this.lastHeard = Math.max(this.lastHeard, at)
  }

  /** A new process runs in place of the known one, which has therefore ended. */
  restarted(now: number): void {
    if (this.status !== 'unknown') this.#fail('refused', now)
    this.#isRestarted = true
    this.linked = false
  }

  /** An answer arrived over our link to the peer: both directions work. */
  answered(now: number): void {
    this.tried = true
    if (!this.linked) return
    this.lastHeard = now
    if (this.status === 'down') this.#setStatus('probation', now)
    if (this.status === 'probation' && this.#probationEnds === Number.POSITIVE_INFINITY) {
      this.#probationEnds = now + this.#probationLength()
    }
  }

  linkBroken(how: LinkFailure, now: number): void {
    this.tried = true
    const wasLinked = this.linked
    this.linked = false
    if (this.status === 'down') {
      if (how === 'refused') this.suspicion = 'refused'
    } else if (this.#isStarting(how, now)) this.lastHeard = now
    else if (how === 'refused' || (how === 'silent' && this.#isSilent(now))) this.#fail(how, now)
    else if (this.status === 'probation' && wasLinked) this.#restartProbation(now)
  }

  /**
   * Whether the peer may just be starting: it has never been reached and refuses connections, which it does not do once
   * it is a member. The others may reach it a moment earlier and share slots with it, so it is not suspected at once.
   */
  #isStarting(how: LinkFailure, now: number): boolean {
    return this.status === 'unknown' && how === 'refused' && now - this.since < this.#rules.timeout
  }

  /** @param suspectedFor why the peer suspects this node */
  tick(now: number, suspectedFor: Suspicion | undefined): void {
    if (this.status !== 'down' && this.#isSilent(now)) this.#fail('silent', now)
    if (this.status !== 'probation' || now < this.#probationEnds) return
    // Two nodes that suspect each other readmit each other at the same time. Otherwise the one whose probation of the
    // other ends first would be the only suspect, and would be removed from the view.
    if (suspectedFor === undefined || suspectedFor === 'recovered') this.#setStatus('up', now)
    else this.suspicion = 'recovered'
  }

  /** This process was paused: the silence during the pause says nothing about the peer. */
  resetSilence(now: number): void {
    this.lastHeard = now
  }

  /** Decided by the clock, not by the link: while this process was paused the link received nothing either. */
  #isSilent(now: number): boolean {
    return now - this.lastHeard >= this.#rules.local.patience
  }

  #fail(how: 'refused' | 'silent', now: number): void {
    if (
      this.status === 'up' ||
      (this.status === 'probation' && this.#probationEnds < Number.POSITIVE_INFINITY)
    ) {
      this.#countFailure(now)
    }
    this.#setStatus('down', now)
    this.suspicion = how
    this.#isRestarted = false
  }

  /** The link broke on probation: a new, longer probation begins with the next answer. */
  #restartProbation(now: number): void {
    this.#countFailure(now)
    this.suspicion = 'probation'
    this.#probationEnds = Number.POSITIVE_INFINITY
  }

  #countFailure(now: number): void {
    this.failures = now - this.#lastFailure > this.#rules.window ? 1 : this.failures + 1
    this.#lastFailure = now
  }

  #setStatus(status: PeerStatus, now: number): void {
    this.status = status
    this.since = now
    this.suspicion = status === 'probation' ? 'probation' : undefined
    if (status === 'probation') this.#probationEnds = now + this.#probationLength()
  }

  #probationLength(): number {
    const { shortest, longest } = this.#rules
    const base = this.#isRestarted ? shortest / RESTART_FACTOR : shortest
    return Math.min(longest, base * 2 ** Math.min(30, this.failures - 1))
  }
}
