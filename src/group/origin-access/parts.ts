// The parts between a group and its origin: governor, flights, wait limit and writes, connected to each other.

import type { Store } from '../../store/store.ts'
import type { Value } from '../../store/value.ts'
import { OriginCalls } from '../../telemetry/origin-calls.ts'
import { RareWarning } from '../../telemetry/rare-warning.ts'
import type { Admission } from '../admission.ts'
import type { Copies } from '../copies/copies.ts'
import type { LoadResult } from '../flights/flight.ts'
import { Flights } from '../flights/flights.ts'
import { WaitLimit } from '../flights/wait-limit.ts'
import { Governor, type GovernorOptions } from '../governor/governor.ts'
import type { Origin, OriginLog } from '../origin.ts'
import type { GroupEnvironment, GroupPolicy } from '../policy.ts'
import { defaultWrites, Writes } from '../writes/writes.ts'
import { isHandshakeKey } from './handshake-keys.ts'

/** The part of a group that these parts use. */
export interface LoadingGroup {
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
/** The minimum interval between two warnings about lost writes, ms. */
const WARNING_INTERVAL_MS = 1000

/** Stands in for the origin of a group that has none. */
const NO_ORIGIN: Origin = { kind: 'none', load: () => null }

export class OriginParts {
  /** `undefined` without a policy for it, or without an origin. */
  governor: Governor | undefined
  /** `undefined` without an origin. */
  flights: Flights | undefined
  /** `undefined` where commands wait until a load ends. */
  waitLimit: WaitLimit | undefined
  readonly calls: OriginCalls
  /** A log whose messages name the group; `undefined`: the group has not started. */
  log: OriginLog | undefined
  /** `undefined` where a write changes the cache only. */
  writes: Writes | undefined
  readonly #group: LoadingGroup
  readonly #admission: Admission
  readonly #environment: GroupEnvironment
  readonly #lostWrite: RareWarning

  constructor(group: LoadingGroup, admission: Admission, environment: GroupEnvironment) {
    this.#group = group
    this.#admission = admission
    this.#environment = environment
    this.#lostWrite = new RareWarning(WARNING_INTERVAL_MS, () => this.#steady())
    this.calls = new OriginCalls({
      group: group.policy.name,
      now: () => this.#steady(),
      wallClock: () => environment.instant.now,
    })
    this.use(group.policy, true)
  }

  /** Applies a policy. Parts that continue keep their counters, running loads and queued writes. */
  use(policy: GroupPolicy, isSameSource: boolean): void {
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
    // Called from timers: the clock must be read first.
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
      // Values that are still being written to the origin are older than values that clients write from now on.
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
      this.log?.warn(fields, `the origin rejected a write, which is lost: ${reason}`)
    })
  }

  #govern(options: GovernorOptions): Governor {
    return new Governor({
      ...options,
      onOpen: (reason) => this.log?.warn({}, reason),
      onClose: () => this.log?.info({}, 'the circuit breaker is closed, the origin is called again'),
    })
  }
}
