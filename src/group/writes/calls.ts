// Calls of the origin that write one key: with a timeout, and within the limits of the governor.

import type { Timers } from '../../bytes/clock.ts'
import { ShortLivedSet } from '../../bytes/short-lived.ts'
import { Collection } from '../../store/value.ts'
import type { OriginCalls } from '../../telemetry/origin-calls.ts'
import { type Context, isTracing, NO_PARENT, SpanKind, traced } from '../../telemetry/tracing.ts'
import { CallContext } from '../call-context.ts'
import type { Governor } from '../governor/governor.ts'
import { LazyAbortSignal, untilAborted } from '../lazy-abort-signal.ts'
import {
  BadRequest,
  isBadRequest,
  isNotApplied,
  type Origin,
  type StoreChange,
  type StoreContext,
} from '../origin.ts'
import { reasonOf } from '../result.ts'
import type { Failure, Write } from './queue.ts'
import { changeOf, changeOfAny, storedCollection } from './stored-collection.ts'

/** The origin that is written, and how. */
export interface WrittenOrigin {
  readonly group: string
  readonly origin: Origin
  /** Timeout of a write; 0: none. */
  readonly timeoutMs: number
  readonly now: () => number
  readonly timers: Timers
  /** Limits calls of the origin (concurrency, circuit breaker); by default there is no limit. */
  readonly governor?: Governor | undefined
  /** Counts and records the calls of the origin. */
  readonly calls?: OriginCalls
}

export interface WriteCallsOptions extends WrittenOrigin {
  /** The origin has accepted a write. */
  readonly accepted: () => void
  /** A write that had timed out was applied later. */
  readonly appliedLate: (key: Buffer) => void
}

class WriteContext extends CallContext implements StoreContext {
  readonly ttl?: number | undefined
  change?: StoreChange | undefined

  constructor(group: string, late: LazyAbortSignal, ttl: number | undefined) {
    super(group, late)
    this.ttl = ttl
  }
}

export class WriteCalls {
  /** Writes that the origin accepted; attempts that failed. */
  written = 0
  failures = 0
  #options: WriteCallsOptions
  readonly #running = new ShortLivedSet<LazyAbortSignal>()
  /** Called when a call has ended. */
  #ended: (() => void)[] = []

  constructor(options: WriteCallsOptions) {
    this.#options = options
  }

  /** Later calls are of this origin. */
  reconfigure(options: Partial<WriteCallsOptions>): void {
    this.#options = { ...this.#options, ...options }
  }

  /** Resolves when the calls that run now have ended; later ones may run. */
  async whenEnded(): Promise<void> {
    const running = [...this.#running]
    while (running.some((call) => this.#running.has(call)))
      await new Promise<void>((resolve) => this.#ended.push(resolve))
  }

  /**
   * Calls the origin with one write. Resolves to the failure, or `undefined`.
   *
   * @param isFree whether the governor does not limit the call
   * @param trace the parent of its span; by default it begins a trace
   */
  async run(each: Write, isFree: boolean, trace: Context = NO_PARENT): Promise<Failure | undefined> {
    const { key, deadline } = each
    const { origin, group, timeoutMs, timers, governor, now, calls, accepted, appliedLate } = this.#options
    const late = new LazyAbortSignal()
    const ttl = deadline === undefined ? undefined : Math.max(1, deadline - now())
    const context = new WriteContext(group, late, ttl)
    const asked: { was: boolean; at: number; ends?: Promise<void> | void } = { was: false, at: 0 }
    const call = (): Promise<void> | void => {
      asked.was = true
      asked.at = now()
      const text = key.toString('utf8')
      asked.ends = isTracing()
        ? writeTraced(origin, text, each, context, trace)
        : write(origin, text, each, context)
      return asked.ends
    }
    const expire = (): void => {
      if (calls !== undefined) calls.timeouts++
      late.abort(new Error(`timed out after ${timeoutMs} ms`))
    }
    const ended = (error?: string): void => {
      const ms = asked.was ? Math.max(0, now() - asked.at) : 0
      calls?.ended('store', key, ms, asked.was, error, undefined, trace)
    }
    const cancel = timeoutMs === 0 ? undefined : timers.after(timeoutMs, expire)
    this.#running.add(late)
    try {
      await (isFree || governor === undefined
        ? untilAborted(late, call)
        : governor.run(late, false, call, 'write'))
      this.written++
      ended()
      accepted()
      return undefined
    } catch (error) {
      this.failures++
      ended(reasonOf(error))
      // A load that ended after the timeout may have read the previous value.
      if (late.isAborted)
        asked.ends?.then(
          () => appliedLate(key),
          () => undefined,
        )
      const isFromOrigin = asked.was && !late.isAborted
      return { error, isFromOrigin, isUnsure: asked.was && !isBadRequest(error) && !isNotApplied(error) }
    } finally {
      cancel?.()
      this.#running.delete(late)
      if (this.#ended.length !== 0) for (const ended of this.#ended.splice(0)) ended()
    }
  }

  /** Aborts the running calls. */
  abort(reason: Error): void {
    for (const call of [...this.#running]) call.abort(reason)
  }
}

function writeTraced(
  origin: Origin,
  key: string,
  each: Write,
  context: WriteContext,
  parent: Context,
): Promise<void> {
  const call = each.value === null ? 'remove' : 'store'
  const attributes = { 'erinys.group': context.group, 'erinys.origin': origin.kind, 'erinys.call': call }
  return traced('erinys.origin', SpanKind.CLIENT, attributes, parent, () => write(origin, key, each, context))
}

function write(
  origin: Origin,
  key: string,
  { value, before, maybe }: Write,
  context: WriteContext,
): Promise<void> | void {
  if (value !== null) {
    if (origin.store === undefined)
      throw new BadRequest(
        'the origin has no `store`, so it cannot write this key: add one, or set `write` of the group to `around`',
      )
    if (!(value instanceof Collection)) return origin.store(key, value, context)
    if (origin.storeCollection === undefined)
      throw new BadRequest(
        'the origin stores strings only, so it cannot write this key: set `write` of the group to `around`',
      )
    const stored = storedCollection(value)
    context.change =
      maybe === undefined || maybe.length === 0
        ? changeOf(before, stored)
        : changeOfAny([before, ...maybe], stored)
    return origin.storeCollection(key, stored, context)
  }
  if (origin.remove === undefined)
    throw new BadRequest(
      'the origin has no `remove`, so it cannot remove this key: add one, or set `write` of the group to `around`',
    )
  return origin.remove(key, context)
}
