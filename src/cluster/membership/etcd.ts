// Membership in etcd: each node keeps a key with a lease, and watches the keys of all.

import { type CancelTimer, type Clock, systemTimers, type Timers } from '../../bytes/clock.ts'
import { addressName, type Member } from '../member.ts'
import { type Change, EtcdSession } from './etcd-session.ts'
import { MemberList, memberAt } from './member-list.ts'
import type { EtcdConfig, Membership, MembershipWatcher } from './membership.ts'

export interface EtcdEnvironment {
  readonly timers?: Timers
  /** Must be monotonic: a node must never believe that its lease lasts longer than it does. */
  readonly clock?: Clock
  /** Uniform in [0, 1). */
  readonly random?: () => number
}

/** A lease is renewed after this fraction of its TTL, which is also the timeout of a call: two renewals may fail. */
const RENEWAL = 1 / 3

/** The wait before the next attempt: exponential backoff, shortened by up to half at random, ms. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 2000

/** etcd's answer to credentials while it asks nobody for any. */
const NO_AUTHENTICATION = /authentication is not enabled/

/** Its answers to wrong or missing credentials, and to a user that may not use the keys of the members. */
const REFUSAL = /authentication failed|user name is empty|permission denied/

const KEPT = 'keeping the last list'
const NO_LIST = 'there is no list of members yet: this node joins when etcd answers'

interface Lease {
  readonly id: string
  readonly seconds: number
}

/**
 * Lists the keys, then watches from the revision of the list, so that no change is missed. After any failure a new
 * session lists again.
 *
 * During an outage of etcd the leases of healthy nodes may have expired, or etcd may have lost its data. So for the
 * length of a lease after a new session began, names that vanish stay listed: their nodes have that long to register
 * again.
 */
export class EtcdMembership implements Membership {
  readonly kind = 'etcd'
  readonly #config: EtcdConfig
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #random: () => number
  #self: Member | undefined
  #watcher: MembershipWatcher | undefined
  #list: MemberList | undefined
  #session: EtcdSession | undefined
  #lease: Lease | undefined
  #renewal: Promise<void> = Promise.resolve()
  /** When the lease may have expired, counted from when the last renewal was sent. */
  #deadline = Number.POSITIVE_INFINITY
  #isRegistered = true
  #isLeaving = false
  #isClosed = false
  /** False: etcd has no authentication, so the next session does without the credentials. */
  #logsIn = true
  /** Failed attempts in a row. */
  #failures = 0
  #sessions = 0
  readonly #listed = new Map<string, Member>()
  /** Members that vanished during the grace period after an outage, and stay listed until its end. */
  readonly #vanished = new Map<string, Member>()
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

  /** Decided by the clock, not only by a timer: after a pause of the process its timers run late. */
  get isRegistered(): boolean {
    return this.#isRegistered && this.#clock.now() < this.#deadline
  }

  async start(self: Member, watcher: MembershipWatcher): Promise<void> {
    this.#self = self
    this.#watcher = watcher
    this.#list = new MemberList((list) => watcher.changed(list))
    // Not retried: the package is not installed.
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

  /** Endpoints are tried in turn. */
  #open(): Promise<EtcdSession> {
    const { endpoints, lease } = this.#config
    const endpoint = endpoints[this.#sessions++ % endpoints.length]
    return EtcdSession.open({
      config: this.#config,
      endpoint,
      callTimeout: lease * RENEWAL,
      logsIn: this.#logsIn,
    })
  }

  /** @param opened the session of the start: if it is refused, this is not retried but thrown */
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
      const reason = reasonOf(error)
      if (session === opened && isCurrent() && REFUSAL.test(reason)) {
        this.#session = undefined
        session.close()
        const message = `members from etcd: ${this.#refusedBy(session.endpoint)}: ${reason}`
        throw Object.assign(new Error(message, { cause: error }), { code: 'ERR_ETCD_REFUSED' })
      }
      this.#fail(session, error)
    }
  }

  #refusedBy(endpoint: string): string {
    const { username } = this.#config
    return username === undefined
      ? `${endpoint} wants a user name and a password (cluster.etcd.username, cluster.etcd.password)`
      : `${endpoint} refuses user ${username}`
  }

  /** Closes a session and schedules the next one. */
  #fail(session: EtcdSession, error: unknown): void {
    session.close()
    if (this.#session !== session) return
    this.#session = undefined
    this.#cancelRound()
    // As etcd's own clients do. It may be switched on later: after any other failure the user logs in again.
    const isOpen = this.#logsIn && NO_AUTHENTICATION.test(reasonOf(error))
    this.#logsIn = !isOpen
    if (isOpen) {
      this.#warn('etcd has no authentication: connecting without the credentials')
      this.#sessions--
      void this.#connect()
      return
    }
    if (this.#failures++ === 0)
      this.#warn(`etcd does not answer (${reasonOf(error)}); ${this.#list!.isPublished ? KEPT : NO_LIST}`)
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#failures - 1), LONGEST_WAIT) * (1 - this.#random() / 2)
    this.#cancelRound = this.#timers.after(wait, () => void this.#connect())
  }

  #scheduleRenewal(session: EtcdSession): void {
    const wait = (this.#lease?.seconds ?? this.#config.lease / 1000) * 1000 * RENEWAL
    this.#cancelRound = this.#timers.after(wait, async () => {
      try {
        // While leaving there is no lease to renew; the call still reveals whether the watch is alive.
        if (this.#isLeaving) await session.list()
        else await this.#renew(session)
        if (this.#session === session) this.#scheduleRenewal(session)
      } catch (error) {
        this.#fail(session, error)
      }
    })
  }

  /** Renewals are serialised: two at once could create two leases, and renew one while using the other. */
  #renew(session: EtcdSession): Promise<void> {
    this.#renewal = this.#renewal.catch(() => {}).then(() => this.#renewNow(session))
    return this.#renewal
  }

  /** Renews the lease, or creates a new one and registers this node with it. */
  async #renewNow(session: EtcdSession): Promise<void> {
    const sent = this.#clock.now()
    const held = this.#lease
    const seconds = held === undefined ? 0 : await session.renew(held.id)
    if (seconds > 0) return this.#onRegistered(sent, seconds)
    if (this.#session !== session || this.#isLeaving) return
    if (held !== undefined) this.#onLeaseLost('its lease has expired')
    const granted = this.#clock.now()
    const lease = await session.grant(Math.ceil(this.#config.lease / 1000))
    if (this.#isLeaving) return session.revoke(lease.id)
    this.#lease = lease
    await this.#put(session, lease)
    this.#onRegistered(granted, lease.seconds)
  }

  async #put(session: EtcdSession, lease: Lease): Promise<void> {
    const { name, weight, host, port } = this.#self!
    await session.put(name, JSON.stringify({ weight, host, port }), lease.id)
  }

  #onRegistered(sent: number, seconds: number): void {
    if (this.#isClosed || this.#isLeaving) return
    this.#deadline = sent + seconds * 1000
    this.#cancelDeadline()
    const rest = Math.max(0, this.#deadline - this.#clock.now())
    this.#cancelDeadline = this.#timers.after(rest, () =>
      this.#onLeaseLost('its lease expired before etcd answered'),
    )
    if (this.#isRegistered) return
    this.#isRegistered = true
    this.#warn('this node is registered again')
    this.#watcher!.registered(true)
  }

  #onLeaseLost(reason: string): void {
    this.#cancelDeadline()
    if (this.#isClosed || !this.#isRegistered) return
    this.#isRegistered = false
    this.#warn(`this node is no longer listed: ${reason}`)
    this.#watcher!.registered(false)
  }

  /** Replaces the list. */
  #replace(entries: readonly Change[]): void {
    if (this.#list!.isPublished) this.#beginGrace()
    const names = new Set(entries.map(([name]) => name))
    const vanished = [...this.#listed.keys()].filter((name) => !names.has(name))
    this.#apply([...vanished.map((name): Change => [name, undefined]), ...entries])
    if (!names.has(this.#self!.name)) this.#registerAgain()
  }

  #apply(changes: readonly Change[]): void {
    for (const [name, value] of changes) {
      const member = value === undefined ? undefined : readMember(name, value)
      if (value !== undefined && member === undefined)
        this.#warn(`${name} is ignored, its value does not describe a member: ${value}`)
      const before = this.#listed.get(name)
      this.#listed.delete(name)
      this.#vanished.delete(name)
      if (member !== undefined) this.#listed.set(name, member)
      else if (before !== undefined && this.#clock.now() < this.#graceEnd) this.#vanished.set(name, before)
      if (value === undefined && name === this.#self!.name) this.#registerAgain()
    }
    this.#publish()
  }

  /** The key of this node was deleted, by hand or with an expired lease. */
  #registerAgain(): void {
    const session = this.#session
    const lease = this.#lease
    if (session === undefined || lease === undefined || this.#isLeaving) return
    const renewed = async (): Promise<void> => {
      // If the lease had expired, the renewal has registered this node with a new one.
      await this.#renew(session)
      if (this.#lease === lease) await this.#put(session, lease)
    }
    renewed().catch((error) => this.#fail(session, error))
  }

  #beginGrace(): void {
    this.#graceEnd = this.#clock.now() + this.#config.lease
    this.#cancelGrace()
    this.#cancelGrace = this.#timers.after(this.#config.lease, () => {
      this.#vanished.clear()
      this.#publish()
    })
  }

  #publish(): void {
    if (!this.#isClosed) this.#list!.publish([...this.#vanished.values(), ...this.#listed.values()])
  }

  #warn(message: string): void {
    if (!this.#isClosed) this.#watcher!.warn(`members from etcd: ${message}`)
  }
}

/** The member that a key and its value describe; undefined if they are not valid. */
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
