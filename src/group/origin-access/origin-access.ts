// A group's access to its origin: its start and close, and the change to another one while the group is in use.

import { waitAtMost } from '../../bytes/clock.ts'
import type { Admission } from '../admission.ts'
import type { Flights } from '../flights/flights.ts'
import type { Origin, OriginLog } from '../origin.ts'
import { type GroupEnvironment, type GroupPolicy, OriginError } from '../policy.ts'
import { reasonOf } from '../result.ts'
import type { Writes } from '../writes/writes.ts'
import { Notifications, type NotifiedGroup } from './notifications.ts'
import { type LoadingGroup, OriginParts } from './parts.ts'
import { prefixedLog, startStrictly } from './starting.ts'

/** The part of its group that the access uses. */
export interface AccessingGroup extends NotifiedGroup, LoadingGroup {}

/** The least time in ms that an origin gets to close. */
const MIN_CLOSE_MS = 1000

const SILENT: OriginLog = { info: () => undefined, warn: () => undefined }

/** A policy whose origin is started, to be used by `adopt`. */
export interface PreparedPolicy {
  readonly policy: GroupPolicy
  /** Whether its origin has the same values as the group's current one. */
  readonly isSameSource: boolean
  /** The change notifications of its origin, if it sends any. */
  readonly notifications: Notifications | undefined
  /** The policy is not used after all: closes its origin, unless that is the current one. */
  discard(): Promise<void>
}

export class OriginAccess {
  readonly parts: OriginParts
  readonly #group: AccessingGroup
  readonly #environment: GroupEnvironment
  #notifications: Notifications | undefined
  /** Origins that were replaced and are not closed yet, with the loads and writes that keep them open. */
  readonly #closing = new Set<Promise<void>>()
  readonly #earlierFlights = new Set<Flights>()
  #isRetired = false

  constructor(group: AccessingGroup, admission: Admission, environment: GroupEnvironment) {
    this.#group = group
    this.#environment = environment
    this.parts = new OriginParts(group, admission, environment)
  }

  /** See `Group.start`. */
  async start(log: OriginLog, isStrict: boolean): Promise<void> {
    const { name, policy } = this.#group
    const own = prefixedLog(name, log)
    this.parts.log = own
    this.parts.calls.log = own
    try {
      if (isStrict && policy.origin !== undefined) await startStrictly(policy.origin, own)
      else await policy.origin?.start?.(own)
    } catch (error) {
      throw new OriginError(`group ${name}: ${reasonOf(error)}`, { cause: error })
    }
    if (policy.origin?.listen === undefined) return
    this.#notifications = new Notifications(this.#group, own, false)
    await policy.origin.listen(this.#notifications)
  }

  /** See `Group.prepare`. */
  async prepare(policy: GroupPolicy, isSameSource: boolean): Promise<PreparedPolicy> {
    const { origin } = policy
    if (origin === undefined || origin === this.#group.policy.origin) {
      const notifications = origin === undefined ? undefined : this.#notifications
      return { policy, isSameSource, notifications, discard: async () => undefined }
    }
    const log = this.parts.log ?? SILENT
    const close = (): Promise<void> => this.#closeOrigin(origin, 0)
    try {
      await startStrictly(origin, log)
      const notifications = origin.listen && new Notifications(this.#group, log, true)
      if (notifications !== undefined) await origin.listen?.(notifications)
      const interruption = notifications?.interruption
      if (interruption !== undefined) throw new Error(`no change notifications: ${interruption}`)
      const discard = (): Promise<void> => {
        notifications?.end()
        return close()
      }
      return { policy, isSameSource, notifications, discard }
    } catch (error) {
      await close()
      throw new OriginError(`group ${policy.name}: ${reasonOf(error)}`, { cause: error })
    }
  }

  /**
   * Uses a prepared policy from now on; the group has it already. Resolves when the previous origin, if it is another
   * one, has ended its loads and writes and is closed.
   */
  adopt({ policy, isSameSource, notifications }: PreparedPolicy, previous: GroupPolicy): Promise<void> {
    const { flights, writes } = this.parts
    const earlier = this.#notifications
    this.parts.use(policy, isSameSource)
    const { origin } = previous
    if (origin === policy.origin) return Promise.resolve()
    this.#notifications = notifications
    const wasSeamless = isSameSource && earlier !== undefined && earlier.interruption === undefined
    if (notifications === undefined) this.#group.isDisconnected = false
    else notifications.begin(wasSeamless)
    if (origin === undefined) return Promise.resolve()
    earlier?.end()
    return this.#retire(origin, flights, writes)
  }

  /** The group is removed. Resolves when the loads and writes that run have ended and the origin is closed. */
  retire(): Promise<void> {
    const { origin } = this.#group.policy
    this.#notifications?.end()
    this.#isRetired = true
    const { flights, writes } = this.parts
    writes?.retire()
    return origin === undefined ? Promise.resolve() : this.#retire(origin, flights, writes)
  }

  /** See `Group.close`. */
  async close(timeoutMs: number): Promise<void> {
    this.parts.flights?.close()
    for (const flights of this.#earlierFlights) flights.close()
    const { origin } = this.#group.policy
    const ms = Math.max(timeoutMs, MIN_CLOSE_MS)
    const own = this.#isRetired ? undefined : origin?.close?.()
    await waitAtMost(this.#environment.timers, ms, Promise.all([own, ...this.#closing]))
  }

  #retire(origin: Origin, flights: Flights | undefined, writes: Writes | undefined): Promise<void> {
    if (flights !== undefined) this.#earlierFlights.add(flights)
    const closed = Promise.all([flights?.whenEnded(), writes?.whenEnded()])
      .then(() => this.#closeOrigin(origin, MIN_CLOSE_MS))
      .finally(() => {
        if (flights !== undefined) this.#earlierFlights.delete(flights)
        this.#closing.delete(closed)
      })
    this.#closing.add(closed)
    return closed
  }

  /** Never rejects: no caller could handle the error. An origin that does not close must not block anything. */
  async #closeOrigin(origin: Origin, leastMs: number): Promise<void> {
    try {
      await waitAtMost(this.#environment.timers, Math.max(leastMs, MIN_CLOSE_MS), origin.close?.())
    } catch (error) {
      this.parts.log?.warn({ err: error }, `the previous origin could not be closed: ${reasonOf(error)}`)
    }
  }
}
