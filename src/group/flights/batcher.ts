// Batching: the misses of one event-loop turn, or of one time window, become one call of the origin.

import type { CancelTimer, Timers } from '../../bytes/clock.ts'
import type { Value } from '../../store/value.ts'
import type { CallBatch } from '../../telemetry/origin-calls.ts'
import { SizeCounts } from '../../telemetry/size-counts.ts'
import { begin, type Context, isTracing, SpanKind, type Traced, traced } from '../../telemetry/tracing.ts'
import { CallContext } from '../call-context.ts'
import type { Governor } from '../governor/governor.ts'
import { LazyAbortSignal } from '../lazy-abort-signal.ts'
import type { Origin, OriginResult } from '../origin.ts'
import { readResults, reasonOf } from '../result.ts'

/** Limits of a batch. */
export interface BatchPolicy {
  /** Maximum number of keys per call. */
  readonly max: number
  /** How long the first key waits for others, in ms; 0: until the end of this event-loop turn. */
  readonly windowMs: number
}

export interface BatcherOptions<Member> extends BatchPolicy {
  readonly group: string
  readonly origin: Origin & Required<Pick<Origin, 'loadMany'>>
  readonly timers: Timers
  readonly gather: Gather
  /** Called with the unchecked result of a member's key, or with an error. */
  readonly complete: (member: Member, ending: CallResult) => void
  /** Called for each member at each call of the origin. */
  readonly called?: (member: Member) => void
  /** Limits calls of the origin; default: no limits. */
  readonly governor?: Governor
  /** The validator of a member's cached version; used in calls with one key. */
  readonly validatorOf?: (member: Member) => string | undefined
  /** The context of a member's span. */
  readonly contextOf?: (member: Member) => Context | undefined
}

/** The wait of a batch for more loads. Its first load has joined already. */
export interface BatchWait {
  /** A further request waits for a load of the batch. */
  joined(): void
  cancel(): void
}

/** Begins the wait of a batch without a time window. Calls `dispatch` at its end, never synchronously. */
export type Gather = (dispatch: () => void) => BatchWait

export type CallResult = { readonly result: OriginResult | Value } | { readonly error: unknown }

/** Keys of one call; it collects members until it is dispatched. A member is one load of a key. */
export class Batch<Member> implements CallBatch {
  /** By key; a fenced load and its successor have the same key. */
  readonly members = new Map<string, Set<Member>>()
  readonly signal = new LazyAbortSignal()
  /** The wait for more members; `undefined`: the batch was dispatched. */
  wait: BatchWait | undefined
  isReported = false

  /** Removes a load that ended early. When no member is left, the call is aborted. */
  leave(key: string, member: Member, reason: Error): void {
    const loads = this.members.get(key)
    if (loads === undefined || !loads.delete(member)) return
    if (loads.size > 0) return
    this.members.delete(key)
    if (this.members.size > 0) return
    this.wait?.cancel()
    this.signal.abort(reason)
  }
}

export class Batcher<Member> {
  /** Calls of the origin, including calls with one key. */
  calls = 0
  /** How many keys they loaded. */
  readonly sizes = new SizeCounts()
  readonly #options: BatcherOptions<Member>
  #openBatch: Batch<Member> | undefined

  constructor(options: BatcherOptions<Member>) {
    this.#options = options
  }

  /** Adds a load to the open batch, which is dispatched when full. Never calls the origin synchronously. */
  add(key: string, member: Member): Batch<Member> {
    let batch = this.#openBatch
    // A batch that all members have left is not dispatched.
    if (batch === undefined || batch.members.size === 0) batch = this.#open()
    else batch.wait?.joined()
    const loads = batch.members.get(key)
    if (loads === undefined) batch.members.set(key, new Set([member]))
    else loads.add(member)
    if (batch.members.size >= this.#options.max) {
      batch.wait?.cancel()
      this.#openBatch = undefined
      queueMicrotask(() => this.#dispatch(batch))
    }
    return batch
  }

  #open(): Batch<Member> {
    const { windowMs, timers, gather } = this.#options
    const batch = new Batch<Member>()
    this.#openBatch = batch
    const dispatch = (): void => this.#dispatch(batch)
    batch.wait = windowMs > 0 ? windowOf(timers.after(windowMs, dispatch)) : gather(dispatch)
    return batch
  }

  #dispatch(batch: Batch<Member>): void {
    if (this.#openBatch === batch) this.#openBatch = undefined
    batch.wait = undefined
    if (batch.members.size > 0) void this.#call(batch)
  }

  async #call(batch: Batch<Member>): Promise<void> {
    const { origin, group, complete, called, governor } = this.#options
    const keys = [...batch.members.keys()]
    const { signal } = batch
    const validator = keys.length === 1 ? this.#validatorOf(batch.members.get(keys[0])) : undefined
    const context = new CallContext(group, signal, validator)
    this.calls++
    this.sizes.record(keys.length)
    const span = isTracing() ? this.#begin(batch) : undefined
    let results: readonly (OriginResult | Error)[] = []
    let failure: { readonly error: unknown } | undefined
    try {
      const call = async (): Promise<readonly (OriginResult | Error)[]> => {
        if (called !== undefined)
          for (const members of batch.members.values()) for (const member of members) called(member)
        const load = async (): Promise<readonly (OriginResult | Error)[]> =>
          keys.length === 1
            ? [await origin.load(keys[0], context)]
            : readResults(await origin.loadMany(keys, context), keys)
        if (span === undefined) return load()
        const attributes = { 'erinys.group': group, 'erinys.origin': origin.kind, 'erinys.keys': keys.length }
        return traced('erinys.origin', SpanKind.CLIENT, attributes, span.context, load)
      }
      results =
        governor === undefined ? await call() : await governor.run(signal, origin.isIdempotent ?? true, call)
    } catch (error) {
      failure = { error }
    }
    span?.end(failure && reasonOf(failure.error))
    for (const [i, key] of keys.entries()) {
      const ending = failure ?? endingOf(results, i)
      for (const member of batch.members.get(key) ?? []) complete(member, ending)
    }
  }

  /** The span of a call: a child of the first load, linked to the others. */
  #begin({ members }: Batch<Member>): Traced | undefined {
    const { group, contextOf } = this.#options
    const [first, ...others] = [...members.values()].flatMap((loads) =>
      [...loads].map((member) => contextOf?.(member)),
    )
    const attributes = { 'erinys.group': group, 'erinys.keys': members.size }
    return begin('erinys.batch', SpanKind.INTERNAL, attributes, first, others)
  }

  /** The validator of a key; undefined if its loads have different cached versions. */
  #validatorOf(members: Iterable<Member> = []): string | undefined {
    const validators = new Set([...members].map((member) => this.#options.validatorOf?.(member)))
    const [validator] = validators
    return validators.size === 1 ? validator : undefined
  }
}

/** The wait of a time window does not depend on further members. */
function windowOf(cancel: CancelTimer): BatchWait {
  return { joined: () => undefined, cancel }
}

/** Reading a result may throw (getters, proxies). */
function endingOf(results: readonly (OriginResult | Error)[], i: number): CallResult {
  try {
    const result = results[i]
    return result instanceof Error ? { error: result } : { result }
  } catch (error) {
    return { error }
  }
}
