// A group's access to its origin: flights, writes and the governor, connected to each other; its start and close.

import type { Timers } from '../bytes/clock.ts'
import type { Store } from '../store/store.ts'
import type { Value } from '../store/value.ts'
import { OriginCalls } from '../telemetry/origin-calls.ts'
import { plainError } from '../telemetry/plain-error.ts'
import { RareWarning } from '../telemetry/rare-warning.ts'
import type { Admission } from './admission.ts'
import type { Copies } from './copies/copies.ts'
import type { LoadResult } from './flights/flight.ts'
import { Flights } from './flights/flights.ts'
import { WaitLimit } from './flights/wait-limit.ts'
import { Governor, type GovernorOptions } from './governor/governor.ts'
import { isHandshakeKey } from './handshake-keys.ts'
import { Notifications, type NotifiedGroup } from './notifications.ts'
import type { Origin, OriginLog } from './origin.ts'
import { type GroupEnvironment, type GroupPolicy, OriginError } from './policy.ts'
import { reasonOf } from './result.ts'
import { defaultWrites, Writes } from './writes/writes.ts'

/** What the access needs of its group. */
export interface AccessingGroup extends NotifiedGroup {
  readonly policy: GroupPolicy
  /** Replaced by SWAPDB. */
  readonly store: Store
  readonly copies: Copies | undefined
  invalidate(key: Buffer): boolean
  markStale(key: Buffer): void
}

/** The result for a key that the origin cannot have. */
const NONE = { value: null }

/** Longest part of a key shown in the log, in bytes. */
const MAX_SHOWN = 200
/** At most one lost write is logged in this time. */
const WARNING_INTERVAL_MS = 1000

/** Stands in for the origin of a group that has none. */
const NO_ORIGIN: Origin = { kind: 'none', load: () => null }

/** The least time in ms that an origin gets to close. */
const MIN_CLOSE_MS = 1000

const SILENT: OriginLog = { info: () => undefined, warn: () => undefined }

/** What origins add to the warning about a source that does not answer, when a node starts. */
const LOADS_FAIL = ', loads fail until it does'

/** A policy with its origin started, for a group that is to take it over. */
export interface PreparedPolicy {
  readonly policy: GroupPolicy
  /** Whether its origin has the values of the group's present one. */
  readonly isSameSource: boolean
  /** Those of its origin, if it gives any. */
  readonly notifications: Notifications | undefined
  /** It is not taken over after all: closes its origin, unless that is the present one. */
  discard(): Promise<void>
}

export class OriginAccess {
  /** `undefined` without a policy for it, or without an origin. */
  governor: Governor | undefined
  /** `undefined` without an origin. */
  flights: Flights | undefined
  /** `undefined` where commands wait until a load ends. */
  waitLimit: WaitLimit | undefined
  readonly calls: OriginCalls
  /** `undefined` where a write changes the cache only. */
  writes: Writes | undefined
  readonly #group: AccessingGroup
  readonly #admission: Admission
  readonly #environment: GroupEnvironment
  /** Its messages name the group. */
  #log: OriginLog | undefined
  readonly #lostWrite: RareWarning
  #notifications: Notifications | undefined
  /** Origins that were replaced, until they are closed; and the loads that keep them open. */
  readonly #closing = new Set<Promise<void>>()
  readonly #earlierFlights = new Set<Flights>()
  #isRetired = false

  constructor(group: AccessingGroup, admission: Admission, environment: GroupEnvironment) {
    this.#group = group
    this.#admission = admission
    this.#environment = environment
    this.#lostWrite = new RareWarning(WARNING_INTERVAL_MS, () => this.#steady())
    this.calls = new OriginCalls({
      group: group.policy.name,
      now: () => this.#steady(),
      wallClock: () => environment.instant.now,
    })
    this.#use(group.policy, true)
  }

  /** See `Group.start`. */
  async start(log: OriginLog, isStrict: boolean): Promise<void> {
    const { name, policy } = this.#group
    const own = prefixedLog(name, log)
    this.#log = own
    this.calls.log = own
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
    const log = this.#log ?? SILENT
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
    const { flights, writes } = this
    const earlier = this.#notifications
    this.#use(policy, isSameSource)
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
    this.writes?.retire()
    return origin === undefined ? Promise.resolve() : this.#retire(origin, this.flights, this.writes)
  }

  /** See `Group.close`. */
  async close(timeoutMs: number): Promise<void> {
    this.flights?.close()
    for (const flights of this.#earlierFlights) flights.close()
    const { origin } = this.#group.policy
    const ms = Math.max(timeoutMs, MIN_CLOSE_MS)
    const own = this.#isRetired ? undefined : origin?.close?.()
    await within(ms, this.#environment.timers, Promise.all([own, ...this.#closing]))
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

  /** Never rejects: nobody can do anything about it. */
  async #closeOrigin(origin: Origin, leastMs: number): Promise<void> {
    try {
      await within(Math.max(leastMs, MIN_CLOSE_MS), this.#environment.timers, origin.close?.())
    } catch (error) {
      this.#log?.warn({ err: error }, `the previous origin could not be closed: ${reasonOf(error)}`)
    }
  }

  /** The parts that go on keep their counters and what they have under way. */
  #use(policy: GroupPolicy, isSameSource: boolean): void {
    const { instant, timers, random } = this.#environment
    const { origin = NO_ORIGIN } = policy
    if (origin === NO_ORIGIN || policy.governor === undefined) this.governor = undefined
    else if (this.governor !== undefined) this.governor.reconfigure(policy.governor, !isSameSource)
    else this.governor = this.#govern({ ...policy.governor, now: () => this.#steady(), timers, random })
    this.#useWrites(policy, origin)
    if (origin === NO_ORIGIN) {
      this.flights?.fenceAll()
      this.flights = undefined
      this.waitLimit = undefined
      return
    }
    const options = this.#flightOptions(policy, origin)
    if (this.flights === undefined) this.flights = new Flights(options)
    else this.flights.reconfigure(options)
    const { maxWaitMs = 0 } = policy
    const ended = this.waitLimit?.ended ?? 0
    this.waitLimit = undefined
    if (maxWaitMs === 0) return
    const { freshValue, staleValue, reportFault } = options
    // The first query after a timer: the clock must be read.
    const currentValue = (key: Buffer): Value | null | undefined => {
      instant.refresh()
      return freshValue(key)
    }
    const limit = {
      maxWaitMs,
      flights: this.flights,
      timers,
      freshValue: currentValue,
      staleValue,
      reportFault,
    }
    this.waitLimit = new WaitLimit(limit)
    this.waitLimit.ended = ended
  }

  #flightOptions(policy: GroupPolicy, origin: Origin) {
    const group = this.#group
    const admission = this.#admission
    const { timers, gather, reportFault } = this.#environment
    return {
      group: policy.name,
      origin,
      knownResult: (key: Buffer) => this.#knownResult(key),
      timeoutMs: policy.originTimeoutMs,
      ...(policy.batch === undefined ? {} : { batch: policy.batch }),
      now: () => this.#now(),
      timers,
      gather,
      ...(this.governor === undefined ? {} : { governor: this.governor }),
      calls: this.calls,
      loadEpoch: () => group.store.validity.tagEpochs.currentEpoch(),
      store: (key: Buffer, loadResult: LoadResult) => admission.store(key, loadResult),
      cachedVersion: (key: Buffer) => admission.cachedVersion(key),
      freshValue: (key: Buffer) => admission.freshValue(key),
      staleValue: (key: Buffer) => admission.staleValue(key),
      reportFault: (error: unknown) => reportFault?.(error),
    }
  }

  #useWrites(policy: GroupPolicy, origin: Origin): void {
    const writes = policy.writes ?? defaultWrites
    if (writes.mode === 'around') {
      // Values that are being written to the origin are older than those that clients write from now on.
      this.writes?.noteAllChanged()
      this.writes = undefined
      return
    }
    const source = {
      ...writes,
      group: policy.name,
      origin,
      timeoutMs: policy.originTimeoutMs,
      governor: this.governor,
      failed: (key: Buffer, reason: string | undefined): void => this.#onFailedWrite(key, reason),
      calls: this.calls,
      now: () => this.#now(),
      timers: this.#environment.timers,
    }
    if (this.writes === undefined) this.writes = new Writes(source)
    else this.writes.reconfigure(source)
  }

  #now(): number {
    const { instant } = this.#environment
    instant.refresh()
    return instant.now
  }

  #steady(): number {
    const { instant } = this.#environment
    instant.refresh()
    return instant.monotonicMs
  }

  /** The result for a key that is known without asking the origin: a pending write, or a key that cannot exist. */
  #knownResult(key: Buffer): { readonly value: Value | null } | undefined {
    const { origin } = this.#group.policy
    const isNone = isHandshakeKey(key) || origin?.knows?.(key.toString('utf8')) === false
    return this.writes?.pendingResult(key) ?? (isNone ? NONE : undefined)
  }

  /** See `WritesOptions.failed`. */
  #onFailedWrite(key: Buffer, reason: string | undefined): void {
    const group = this.#group
    if (reason === undefined) {
      group.copies?.drop(key, 0, key.length)
      this.writes?.noteChange(key)
      group.markStale(key)
      return
    }
    group.invalidate(key)
    this.#lostWrite.give(() => {
      const fields = { key: key.toString('utf8', 0, MAX_SHOWN), refused: this.writes?.refused }
      this.#log?.warn(fields, `the origin rejected a write, which is lost: ${reason}`)
    })
  }

  #govern(options: GovernorOptions): Governor {
    return new Governor({
      ...options,
      onOpen: (reason) => this.#log?.warn({}, reason),
      onClose: () => this.#log?.info({}, 'the circuit breaker is closed, the origin is called again'),
    })
  }
}

/** Waits for a promise for at most `ms`. */
async function within(ms: number, timers: Timers, end: unknown): Promise<void> {
  if (end === undefined) return
  let cancel = (): void => undefined
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([end, late]).finally(cancel)
}

/**
 * Starts an origin that another one is to be replaced by. The present one works: what is a warning when a node starts, a
 * source that does not answer, is an error here.
 */
async function startStrictly(origin: Origin, log: OriginLog): Promise<void> {
  let warning: string | undefined
  let isStarting = true
  const strict: OriginLog = {
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => {
      if (isStarting) warning ??= message
      else log.warn(fields, message)
    },
  }
  await origin.start?.(strict)
  isStarting = false
  if (warning !== undefined) throw new Error(warning.replace(LOADS_FAIL, ''))
}

/** A log whose messages name the group, and whose errors are plain ones. */
function prefixedLog(group: string, log: OriginLog): OriginLog {
  const plain = (fields: object): object =>
    'err' in fields ? { ...fields, err: plainError(fields.err), group } : { ...fields, group }
  return {
    info: (fields, message) => log.info(plain(fields), `group ${group}: ${message}`),
    warn: (fields, message) => log.warn(plain(fields), `group ${group}: ${message}`),
  }
}
