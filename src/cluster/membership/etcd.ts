// A membership in etcd: each node keeps a key under a lease, and all watch the folder of these keys.

import { type CancelTimer, type Clock, systemTimers, type Timers } from '../../bytes/clock.ts'
import { addressName, type Member } from '../member.ts'
import { type Change, EtcdSession } from './etcd-session.ts'
import { MemberList, memberAt } from './member-list.ts'
import type { EtcdConfig, Membership, MembershipWatcher } from './membership.ts'

export interface EtcdEnvironment {
  readonly timers?: Timers
  /** Must never be turned back: a lease that seems to last longer than it does is a wrong answer. */
  readonly clock?: Clock
  /** From 0 to below 1. */
  readonly random?: () => number
}

/** A lease is renewed when this part of it has passed, and a call may take as long: two may fail without harm. */
const RENEWAL = 1 / 3

/** Waits before the next attempt, ms: doubled each time, shortened by up to half at random. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 2000

interface Lease {
  readonly id: string
  readonly seconds: number
}

/**
 * List, then watch from the revision of the list: nothing is missed. Whatever breaks, the next session lists anew.
 *
 * After a break the leases of nodes that could not renew may have ended, or etcd may have lost its data, while the
 * nodes are well. So for one lease after a new session began, names that vanish are kept: their nodes have that long
 * to register again.
 */
export class EtcdMembership implements Membership {
  readonly kind = 'etcd'
  readonly #config: EtcdConfig
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #random: () => number
  #self: Member | undefined
  #watcher: MembershipWatcher | undefined
  #roster: MemberList | undefined
  #session: EtcdSession | undefined
  #lease: Lease | undefined
  #renewal: Promise<void> = Promise.resolve()
  /** The moment from which etcd may have forgotten this node; of renewals the moment they were sent counts. */
  #deadline = Number.POSITIVE_INFINITY
  #standing = true
  #isLeaving = false
  #isClosed = false
  /** Attempts running that failed. */
  #failures = 0
  #sessions = 0
  readonly #present = new Map<string, Member>()
  /** Vanished in the time after a break, and kept until `#graceEnd`. */
  readonly #held = new Map<string, Member>()
  #graceEnd = Number.NEGATIVE_INFINITY
  #cancelRound: CancelTimer = () => {}
  #cancelDeadline: CancelTimer = () => {}
  #cancelGrace: CancelTimer = () => {}

  constructor(config: EtcdConfig, environment: EtcdEnvironment = {}) {
    this.#config = config
    this.#timers = environment.timers ?? systemTimers
    this.#clock = environment.clock ?? { now: () => performance.now() }
    this.#random = environment.random ?? Math.random
  }

  /** By the clock, not by a timer alone: a process that was stopped wakes up with its timers still to come. */
  get isRegistered(): boolean {
    return this.#standing && this.#clock.now() < this.#deadline
  }

  async start(self: Member, watcher: MembershipWatcher): Promise<void> {
    this.#self = self
    this.#watcher = watcher
    this.#roster = new MemberList((list) => watcher.changed(list))
    // Here, because a package that is missing will be missing at every attempt.
    const session = await this.#open()
    await this.#connect(session)
  }

  async leave(): Promise<void> {
    this.#isLeaving = true
    this.#cancelDeadline()
    this.#deadline = Number.POSITIVE_INFINITY
    const lease = this.#lease
    this.#lease = undefined
    if (lease === undefined) return
    try {
      const session = this.#session ?? (await this.#open())
      await session.revoke(lease.id)
      if (session !== this.#session) session.close()
    } catch (error) {
      this.#warn(`this node stays listed for up to ${lease.seconds} s: ${reasonOf(error)}`)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const cancel of [this.#cancelRound, this.#cancelDeadline, this.#cancelGrace]) cancel()
    this.#session?.close()
    this.#session = undefined
  }

  /** One after the other, the endpoints are tried. */
  #open(): Promise<EtcdSession> {
    const { endpoints, lease } = this.#config
    const endpoint = endpoints[this.#sessions++ % endpoints.length]
    return EtcdSession.open({ config: this.#config, endpoint, callTimeout: lease * RENEWAL })
  }

  async #connect(opened?: EtcdSession): Promise<void> {
    const session = opened ?? (await this.#open())
    if (this.#isClosed) return session.close()
    this.#session = session
    const isCurrent = (): boolean => this.#session === session
    try {
      if (!this.#isLeaving) await this.#renew(session)
      const { entries, revision } = await session.list()
      if (!isCurrent()) return
      if (this.#failures > 0) this.#warn('etcd answers again')
      this.#failures = 0
      this.#replace(entries)
      session.watch(
        revision + 1n,
        (changes) => isCurrent() && this.#apply(changes),
        (error) => this.#fail(session, error),
      )
      this.#scheduleRenewal(session)
    } catch (error) {
      this.#fail(session, error)
    }
  }

  /** Gives a session up and plans the next. */
  #fail(session: EtcdSession, error: unknown): void {
    session.close()
    if (this.#session !== session) return
    this.#session = undefined
    this.#cancelRound()
    if (this.#failures++ === 0) this.#warn(`etcd does not answer (${reasonOf(error)}); the last list stands`)
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#failures - 1), LONGEST_WAIT) * (1 - this.#random() / 2)
    this.#cancelRound = this.#timers.after(wait, () => void this.#connect())
  }

  #scheduleRenewal(session: EtcdSession): void {
    const wait = (this.#lease?.seconds ?? this.#config.lease / 1000) * 1000 * RENEWAL
    this.#cancelRound = this.#timers.after(wait, async () => {
      try {
        // Who is leaving renews nothing, but still finds out by asking whether the watch is alive.
        if (this.#isLeaving) await session.list()
        else await this.#renew(session)
        if (this.#session === session) this.#scheduleRenewal(session)
      } catch (error) {
        this.#fail(session, error)
      }
    })
  }

  /** One renewal after the other: two at once would take two leases, and could renew the one and use the other. */
  #renew(session: EtcdSession): Promise<void> {
    this.#renewal = this.#renewal.catch(() => {}).then(() => this.#renewNow(session))
    return this.#renewal
  }

  /** Renews the lease, or takes a new one and registers under it. */
  async #renewNow(session: EtcdSession): Promise<void> {
    const sent = this.#clock.now()
    const held = this.#lease
    const seconds = held === undefined ? 0 : await session.renew(held.id)
    if (seconds > 0) return this.#registered(sent, seconds)
    if (this.#session !== session || this.#isLeaving) return
    if (held !== undefined) this.#lose('the lease had ended')
    const granted = this.#clock.now()
    const lease = await session.grant(Math.ceil(this.#config.lease / 1000))
    if (this.#isLeaving) return session.revoke(lease.id)
    this.#lease = lease
    await this.#put(session, lease)
    this.#registered(granted, lease.seconds)
  }

  async #put(session: EtcdSession, lease: Lease): Promise<void> {
    const { name, weight, host, port } = this.#self!
    await session.put(name, JSON.stringify({ weight, host, port }), lease.id)
  }

  #registered(sent: number, seconds: number): void {
    if (this.#isClosed || this.#isLeaving) return
    this.#deadline = sent + seconds * 1000
    this.#cancelDeadline()
    const rest = Math.max(0, this.#deadline - this.#clock.now())
    this.#cancelDeadline = this.#timers.after(rest, () => this.#lose('the lease ended before etcd answered'))
    if (this.#standing) return
    this.#standing = true
    this.#warn('this node is registered again')
    this.#watcher!.registered(true)
  }

  #lose(reason: string): void {
    this.#cancelDeadline()
    if (this.#isClosed || !this.#standing) return
    this.#standing = false
    this.#warn(`this node is no longer listed: ${reason}`)
    this.#watcher!.registered(false)
  }

  /** Takes a whole list. */
  #replace(entries: readonly Change[]): void {
    if (this.#roster!.isPublished) this.#beginGrace()
    const names = new Set(entries.map(([name]) => name))
    const vanished = [...this.#present.keys()].filter((name) => !names.has(name))
    this.#apply([...vanished.map((name): Change => [name, undefined]), ...entries])
    if (!names.has(this.#self!.name)) this.#restore()
  }

  #apply(changes: readonly Change[]): void {
    for (const [name, value] of changes) {
      const member = value === undefined ? undefined : readMember(name, value)
      if (value !== undefined && member === undefined)
        this.#warn(`${name} is passed over: not a member: ${value}`)
      const before = this.#present.get(name)
      this.#present.delete(name)
      this.#held.delete(name)
      if (member !== undefined) this.#present.set(name, member)
      else if (before !== undefined && this.#clock.now() < this.#graceEnd) this.#held.set(name, before)
      if (value === undefined && name === this.#self!.name) this.#restore()
    }
    this.#tell()
  }

  /** The key of this node was removed, by hand or with a lease that ended. */
  #restore(): void {
    const session = this.#session
    const lease = this.#lease
    if (session === undefined || lease === undefined || this.#isLeaving) return
    const renewed = async (): Promise<void> => {
      // Under a lease that is no more, the renewal has registered already.
      await this.#renew(session)
      if (this.#lease === lease) await this.#put(session, lease)
    }
    renewed().catch((error) => this.#fail(session, error))
  }

  #beginGrace(): void {
    this.#graceEnd = this.#clock.now() + this.#config.lease
    this.#cancelGrace()
    this.#cancelGrace = this.#timers.after(this.#config.lease, () => {
      this.#held.clear()
      this.#tell()
    })
  }

  #tell(): void {
    if (!this.#isClosed) this.#roster!.publish([...this.#held.values(), ...this.#present.values()])
  }

  #warn(message: string): void {
    if (!this.#isClosed) this.#watcher!.warn(`members from etcd: ${message}`)
  }
}

/** The member that a key and its value describe; undefined when they describe none. */
function readMember(name: string, value: string): Member | undefined {
  try {
    const { host, port, weight = 1 } = JSON.parse(value)
    const isMember =
      typeof host === 'string' && Number.isInteger(port) && Number.isInteger(weight) && weight > 0
    return isMember && addressName(host, port) === name ? memberAt(host, port, weight) : undefined
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\s+/g, ' ').trim() : String(error)
}
