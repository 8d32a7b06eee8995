// Single flight: at most one running load per key, shared by all that miss the key meanwhile.

import type { Timers } from '../../bytes/clock.ts'
import { ShortLivedMap, ShortLivedSet } from '../../bytes/short-lived.ts'
import type { Value } from '../../store/value.ts'
import type { OriginCalls } from '../../telemetry/origin-calls.ts'
import type { SizeCounts } from '../../telemetry/size-counts.ts'
import { begin, type Context, linkActive, NO_PARENT, SpanKind, traced } from '../../telemetry/tracing.ts'
import { CallContext } from '../call-context.ts'
import type { Governor } from '../governor/governor.ts'
import type { Origin, OriginResult } from '../origin.ts'
import { type ReadResult, readResult, reasonOf } from '../result.ts'
import { Batcher, type BatchPolicy, type BatchWait, type CallResult, type Gather } from './batcher.ts'
import { type CachedVersion, Flight, type LoadResult, type Waiter } from './flight.ts'
import { MAX_KEY_BYTES, refusalOf } from './loadable-key.ts'
import { RefreshBackoff } from './refresh-backoff.ts'

const CLOSING = 'the node is closing'

/** Batching where a group does not configure it. */
const DEFAULT_BATCH: BatchPolicy = { max: 100, windowMs: 0 }

export interface FlightOptions {
  readonly group: string
  readonly origin: Origin
  /** A load longer than this fails for its waiters; 0: no limit. */
  readonly timeoutMs: number
  readonly now: () => number
  readonly timers: Timers
  /** The tag epoch at the start of a load, returned with its result. */
  readonly loadEpoch?: () => number
  /** Batching for origins with `loadMany`; default: at most 100 keys of one event-loop turn. */
  readonly batch?: BatchPolicy
  /** How long a batch without a time window waits; by default until the sockets have been read once more. */
  readonly gather?: Gather | undefined
  /** Called with every successful result before the waiters; stores it unless fenced. May return an error. */
  readonly store: (key: Buffer, loadResult: LoadResult) => string | undefined
  /** The cached version with its validator, for a conditional load. */
  readonly cachedVersion?: (key: Buffer) => CachedVersion | undefined
  /** The stale value for reads of a key whose load has failed. */
  readonly staleValue?: (key: Buffer) => Value | undefined
  /** The result for a key that is known without the origin; `undefined`: call the origin. */
  readonly knownResult?: (key: Buffer) => { readonly value: OriginResult | Value } | undefined
  /** Limits calls of the origin; default: no limits. */
  readonly governor?: Governor
  /** Is notified of each load that has ended. */
  readonly calls?: OriginCalls
  /** Called with an exception of `store` or of a waiter: a defect of the node, not of the origin. */
  readonly reportFault: (error: unknown) => void
}

export class Flights {
  /** Loads started; loads failed; misses that joined a running load; loads fenced. */
  loads = 0
  failures = 0
  joined = 0
  fenced = 0
  /** Background loads; loads that found the cached version unchanged. */
  refreshes = 0
  unchanged = 0
  readonly #flights = new ShortLivedMap<string, Flight>()
  /** Fenced flights: new misses do not join them. */
  readonly #fencedFlights = new ShortLivedSet<Flight>()
  /** `undefined` until a background load fails. */
  #pauses: RefreshBackoff | undefined
  #closed = false
  #options: FlightOptions
  #batcher: Batcher<Flight> | undefined

  constructor(options: FlightOptions) {
    this.#options = options
    this.#batcher = this.#createBatcher()
  }

  /** Later loads use these options. Running loads keep theirs, and later misses of their keys still join them. */
  reconfigure(options: FlightOptions): void {
    this.#options = options
    this.#batcher = this.#createBatcher()
  }

  /** Resolves when the loads that run now have ended; later ones may run. */
  async whenEnded(): Promise<void> {
    const running = [...this.#flights.values(), ...this.#fencedFlights]
    await Promise.all(running.map((flight) => flight.whenEnded()))
  }

  #createBatcher(): Batcher<Flight> | undefined {
    const { group, origin, timers, batch = DEFAULT_BATCH, gather = untilImmediate, governor } = this.#options
    if (!isBatching(origin) || batch.max === 1) return undefined
    return new Batcher({
      ...batch,
      group,
      origin,
      timers,
      gather,
      governor,
      called: (flight) => {
        flight.askedAt = this.#options.now()
      },
      complete: (flight, ending) => this.#complete(flight, ending),
      validatorOf: (flight) => flight.cached?.validator,
      contextOf: (flight) => flight.span?.context,
    })
  }

  /** Calls of the origin; with batching fewer than loads, and counted since batching was last configured. */
  get calls(): number {
    return this.#batcher?.calls ?? this.loads
  }

  /** How many keys the calls loaded; `undefined`: each loads one. */
  get batchSizes(): SizeCounts | undefined {
    return this.#batcher?.sizes
  }

  /** Running loads that a new miss would join. */
  get size(): number {
    return this.#flights.size
  }

  get(key: Buffer): Flight | undefined {
    return key.length > MAX_KEY_BYTES ? undefined : this.#flights.get(key.toString('latin1'))
  }

  /**
   * Waits for the load of `key`, starting it if none is running. The bytes of `key` must not change. Returns the load;
   * `undefined`: the key is not loaded.
   */
  join(key: Buffer, waiter: Waiter): Flight | undefined {
    const error = refusalOf(key)
    if (error !== undefined) {
      queueMicrotask(() => this.#notify(waiter, { value: null, error, fenced: false, ms: 0 }))
      return undefined
    }
    const name = key.toString('latin1')
    const under = this.#flights.get(name)
    if (under !== undefined) {
      this.joined++
      if (under.span !== undefined) linkActive(under.span.context)
      under.waiters.push(waiter)
      under.batch?.wait?.joined()
      return under
    }
    const flight = this.#start(key, name)
    flight.waiters.push(waiter)
    return flight
  }

  /**
   * Refreshes a key in the background, unless it is being loaded, or its last refresh has just failed. The bytes of
   * `key` must not change.
   */
  refresh(key: Buffer): void {
    // While the circuit breaker is open, values are not refreshed.
    if (refusalOf(key) !== undefined || this.#closed || this.#options.governor?.isOpen === true) return
    const name = key.toString('latin1')
    if (this.#flights.has(name) || this.refreshBackoffMs(key) > 0) return
    this.refreshes++
    this.#start(key, name, NO_PARENT).isRefresh = true
  }

  /** For how many ms a key is not refreshed in the background because its last refresh failed. */
  refreshBackoffMs(key: Buffer): number {
    return this.#pauses?.left(key, this.#options.now()) ?? 0
  }

  /** @param parent of its span; by default what is active */
  #start(key: Buffer, name: string, parent?: Context): Flight {
    const flight = new Flight(key, this.#options.now(), this.#options.cachedVersion?.(key))
    flight.loadEpoch = this.#options.loadEpoch?.()
    flight.span = begin('erinys.load', SpanKind.INTERNAL, { 'erinys.group': this.#options.group }, parent)
    this.#flights.set(name, flight)
    this.loads++
    const { timeoutMs, timers } = this.#options
    if (timeoutMs > 0) {
      flight.cancelTimer = timers.after(timeoutMs, () => {
        if (this.#options.calls !== undefined) this.#options.calls.timeouts++
        this.#fail(flight, `timed out after ${timeoutMs} ms`)
      })
    }
    const known = this.#options.knownResult?.(key)
    if (known !== undefined) queueMicrotask(() => this.#complete(flight, { result: known.value }))
    else if (this.#batcher === undefined || this.#closed) void this.#load(flight)
    else flight.batch = this.#batcher.add(flight.text, flight)
    return flight
  }

  /** The key `bytes[start, end)` is written: its running load must not be stored, nor joined any more. */
  fence(bytes: Buffer, start: number, end: number): void {
    if (this.#flights.size === 0 || end - start > MAX_KEY_BYTES) return
    const name = bytes.toString('latin1', start, end)
    const flight = this.#flights.get(name)
    if (flight === undefined) return
    this.#fence(flight)
    this.#flights.delete(name)
  }

  fenceAll(): void {
    this.fenceThose(() => true)
  }

  /** Fences the loads of the keys for which `isMeant` returns true. */
  fenceThose(isMeant: (key: Buffer) => boolean): void {
    for (const [name, flight] of [...this.#flights]) {
      if (!isMeant(flight.key)) continue
      this.#fence(flight)
      this.#flights.delete(name)
    }
  }

  /** Fails and aborts all flights; the origin is not called again. */
  close(): void {
    this.#closed = true
    for (const flight of [...this.#flights.values(), ...this.#fencedFlights]) this.#fail(flight, CLOSING)
  }

  #fence(flight: Flight): void {
    flight.fenced = true
    this.fenced++
    this.#fencedFlights.add(flight)
  }

  async #load(flight: Flight): Promise<void> {
    const { origin, group, governor } = this.#options
    const context = new CallContext(group, flight.abortSignal, flight.cached?.validator)
    const call = (): ReturnType<Origin['load']> => {
      flight.askedAt = this.#options.now()
      const load = (): ReturnType<Origin['load']> => origin.load(flight.text, context)
      if (flight.span === undefined) return load()
      const attributes = { 'erinys.group': group, 'erinys.origin': origin.kind }
      return traced('erinys.origin', SpanKind.CLIENT, attributes, flight.span.context, load)
    }
    let ending: CallResult
    try {
      // In a microtask: a loader that throws synchronously fails its load, not the caller.
      await undefined
      if (this.#closed) ending = { error: CLOSING }
      else if (governor === undefined) ending = { result: await call() }
      else ending = { result: await governor.run(flight.abortSignal, origin.isIdempotent ?? true, call) }
    } catch (error) {
      ending = { error }
    }
    this.#complete(flight, ending)
  }

  /** Reads the result of the origin, unless all waiters have left already. */
  #complete(flight: Flight, ending: CallResult): void {
    if (flight.isComplete) return
    if ('error' in ending) {
      // A call that the governor refused has an error of the governor.
      const cause = flight.askedAt === undefined ? undefined : ending.error
      this.#fail(flight, reasonOf(ending.error), cause)
      return
    }
    let result: ReadResult
    try {
      result = readResult(ending.result, flight.text, flight.cached)
    } catch (error) {
      this.#fail(flight, reasonOf(error))
      return
    }
    const isUnchanged = flight.cached !== undefined && result.value === flight.cached.value
    if (isUnchanged) this.unchanged++
    const ms = this.#release(flight)
    const { fenced, loadEpoch } = flight
    const keptTags = isUnchanged ? flight.cached?.tags : undefined
    let loadResult: LoadResult = { value: result.value, facts: result.facts, fenced, ms, loadEpoch, keptTags }
    const refused = this.#store(flight.key, loadResult)
    if (refused !== undefined) loadResult = { ...loadResult, error: refused }
    this.#tellAll(flight, loadResult)
  }

  #fail(flight: Flight, error: string, cause?: unknown): void {
    if (flight.isComplete) return
    const ms = this.#release(flight)
    flight.abort(new Error(error))
    const { fenced, key, waiters } = flight
    const stale = fenced || waiters.length === 0 ? undefined : this.#options.staleValue?.(key)
    if (stale === undefined) {
      this.#tellAll(flight, { value: null, error, cause, fenced, ms })
      return
    }
    this.#tellAll(flight, { value: stale, error, cause, fenced, ms, isStale: true })
  }

  /** Removes the flight before the waiters run, so that a later miss starts a new load. Returns how long it took, in ms. */
  #release(flight: Flight): number {
    flight.isComplete = true
    flight.cancelTimer?.()
    const name = flight.key.toString('latin1')
    if (this.#flights.get(name) === flight) this.#flights.delete(name)
    this.#fencedFlights.delete(flight)
    flight.ended()
    return Math.max(0, Math.round(this.#options.now() - (flight.askedAt ?? flight.startedAt)))
  }

  #tellAll(flight: Flight, loadResult: LoadResult): void {
    const { key, askedAt, batch, span, waiters } = flight
    span?.end(loadResult.error, { 'erinys.waiters': waiters.length, 'erinys.fenced': loadResult.fenced })
    if (!this.#closed) {
      const { ms, error } = loadResult
      this.#options.calls?.ended('load', key, ms, askedAt !== undefined, error, batch, span?.context)
    }
    if (loadResult.error === undefined) this.#pauses?.end(flight.key)
    else {
      this.failures++
      if (flight.isRefresh) this.#pause(flight.key)
    }
    for (const waiter of waiters) this.#notify(waiter, loadResult)
  }

  #pause(key: Buffer): void {
    this.#pauses ??= new RefreshBackoff()
    this.#pauses.begin(key, this.#options.now())
  }

  /** A waiter that throws does not affect the others. */
  #notify(waiter: Waiter, loadResult: LoadResult): void {
    try {
      waiter(loadResult)
    } catch (error) {
      this.#options.reportFault(error)
    }
  }

  /** Turns an exception (out of memory) into an error for the waiters. */
  #store(key: Buffer, loadResult: LoadResult): string | undefined {
    try {
      return this.#options.store(key, loadResult)
    } catch (error) {
      this.#options.reportFault(error)
      return reasonOf(error)
    }
  }
}

function isBatching(origin: Origin): origin is Origin & Required<Pick<Origin, 'loadMany'>> {
  return origin.loadMany !== undefined
}

/** By default a batch waits for one round of immediates: Node.js reads sockets between two rounds. */
function untilImmediate(dispatch: () => void): BatchWait {
  const immediate = setImmediate(dispatch)
  return { joined: () => undefined, cancel: () => clearImmediate(immediate) }
}
