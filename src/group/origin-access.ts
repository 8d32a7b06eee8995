// A group's access to its origin: flights, writes and the governor, connected to each other; its start and close.

import type { Timers } from '../bytes/clock.ts'
import type { Store } from '../store/store.ts'
import type { Value } from '../store/value.ts'
import { OriginCalls } from '../telemetry/origin-calls.ts'
import { plainError } from '../telemetry/plain-error.ts'
import { RareWarning } from '../telemetry/rare-warning.ts'
import type { Admission } from './admission.ts'
import type { Copies } from './copies/copies.ts'
import { Flights } from './flights/flights.ts'
import { WaitLimit } from './flights/wait-limit.ts'
import { Governor, type GovernorOptions } from './governor/governor.ts'
import { isHandshakeKey } from './handshake-keys.ts'
import { type NotifiedGroup, notificationListener } from './notifications.ts'
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

export class OriginAccess {
  /** `undefined` without a policy for it, or without an origin. */
  readonly governor: Governor | undefined
  /** `undefined` without an origin. */
  readonly flights: Flights | undefined
  /** `undefined` where commands wait until a load ends. */
  readonly waitLimit: WaitLimit | undefined
  readonly calls: OriginCalls
  /** `undefined` where a write changes the cache only. */
  readonly writes: Writes | undefined
  readonly #group: AccessingGroup
  readonly #environment: GroupEnvironment
  /** Its messages name the group. */
  #log: OriginLog | undefined
  readonly #lostWrite: RareWarning

  constructor(group: AccessingGroup, admission: Admission, environment: GroupEnvironment) {
    this.#group = group
    this.#environment = environment
    const { policy } = group
    const { instant, timers, random } = environment
    const now = (): number => {
      instant.refresh()
      return instant.now
    }
    const steady = (): number => {
      instant.refresh()
      return instant.monotonicMs
    }
    this.#lostWrite = new RareWarning(WARNING_INTERVAL_MS, steady)
    const calls = new OriginCalls({ group: policy.name, now: steady })
    this.calls = calls
    const { origin = NO_ORIGIN } = policy
    if (origin !== NO_ORIGIN)
      this.governor = policy.governor && this.#govern({ ...policy.governor, now: steady, timers, random })
    const { governor } = this
    const writes = policy.writes ?? defaultWrites
    if (writes.mode !== 'around') {
      const timeoutMs = policy.originTimeoutMs
      const failed = (key: Buffer, reason: string | undefined): void => this.#onFailedWrite(key, reason)
      const source = { group: policy.name, origin, timeoutMs, governor, failed, calls }
      this.writes = new Writes({ ...writes, ...source, now, timers })
    }
    if (origin === NO_ORIGIN) return
    const reportFault = (error: unknown): void => environment.reportFault?.(error)
    this.flights = new Flights({
      group: policy.name,
      origin,
      knownResult: (key) => this.#knownResult(key),
      timeoutMs: policy.originTimeoutMs,
      batch: policy.batch,
      now,
      timers,
      gather: environment.gather,
      governor,
      calls,
      loadEpoch: () => group.store.validity.tagEpochs.currentEpoch(),
      store: (key, loadResult) => admission.store(key, loadResult),
      cachedVersion: (key) => admission.cachedVersion(key),
      staleValue: (key) => admission.staleValue(key),
      reportFault,
    })
    const { maxWaitMs = 0 } = policy
    if (maxWaitMs === 0) return
    this.waitLimit = new WaitLimit({
      maxWaitMs,
      flights: this.flights,
      timers,
      // The first question after a timer: the time must be read.
      freshValue: (key) => {
        instant.refresh()
        return admission.freshValue(key)
      },
      staleValue: (key) => admission.staleValue(key),
      reportFault,
    })
  }

  /** See `Group.start`. */
  async start(log: OriginLog): Promise<void> {
    const { name, policy } = this.#group
    const own = prefixedLog(name, log)
    this.#log = own
    this.calls.log = own
    try {
      await policy.origin?.start?.(own)
    } catch (error) {
      throw new OriginError(`group ${name}: ${reasonOf(error)}`, { cause: error })
    }
    await policy.origin?.listen?.(notificationListener(this.#group, own))
  }

  /** See `Group.close`. */
  async close(timeoutMs: number): Promise<void> {
    this.flights?.close()
    const { origin } = this.#group.policy
    await within(Math.max(timeoutMs, MIN_CLOSE_MS), this.#environment.timers, origin?.close?.())
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
async function within(ms: number, timers: Timers, end: Promise<void> | void): Promise<void> {
  if (end === undefined) return
  let cancel = (): void => undefined
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([end, late]).finally(cancel)
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
