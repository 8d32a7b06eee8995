// Batching: the keys that are missed within one tick, or one window of time, are asked for by one call of the origin.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { Governor } from './governor.ts'
import { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { LoadContext, Origin, OriginResult } from './origin.ts'
import { readResults } from './result.ts'

/** How batches are made. */
export interface BatchPolicy {
  /** Most keys of one call. */
  readonly max: number
  /** How long the first key waits for others, in ms; 0: for what else this turn of the event loop brings. */
  readonly windowMs: number
}

export interface BatcherOptions<Member> extends BatchPolicy {
  readonly group: string
  readonly origin: Origin & Required<Pick<Origin, 'loadMany'>>
  readonly timers: Timers
  /** Runs something when this turn of the event loop has read all sockets; may be cancelled. */
  readonly afterTurn: (run: () => void) => CancelTimer
  /** How the load of a member ended: what the origin gave for its key, looked at by nobody, or why it gave nothing. */
  readonly complete: (member: Member, ending: CallResult) => void
  /** Told of each member when the origin is asked for it, each time. */
  readonly called?: (member: Member) => void
  /** Decides when the origin is called, and whether; by default always. */
  readonly governor?: Governor
  /** What tells the version of a member's value that is held from others; passed on where one key is asked for. */
  readonly validatorOf?: (member: Member) => string | undefined
}

export type CallResult = { readonly result: OriginResult } | { readonly error: unknown }

/** Keys that are asked for together; it gathers until it departs. A member is one load of a key. */
export class Batch<Member> {
  /** By key: a load that a write fenced, and the one after it, are of the same key. */
  readonly members = new Map<string, Set<Member>>()
  readonly signal = new LazyAbortSignal()
  cancelDispatch: CancelTimer | undefined

  /** One load of a key has ended without the origin. When nobody waits any more, the origin is told so. */
  leave(key: string, member: Member, reason: Error): void {
    const loads = this.members.get(key)
    if (loads === undefined || !loads.delete(member)) return
    if (loads.size > 0) return
    this.members.delete(key)
    if (this.members.size > 0) return
    this.cancelDispatch?.()
    this.signal.abort(reason)
  }
}

export class Batcher<Member> {
  /** Calls of the origin, of one key too. */
  calls = 0
  readonly #options: BatcherOptions<Member>
  #openBatch: Batch<Member> | undefined

  constructor(options: BatcherOptions<Member>) {
    this.#options = options
  }

  /** Puts a load into the batch that is gathering, which departs when it is full. The origin is never called from here. */
  add(key: string, member: Member): Batch<Member> {
    let batch = this.#openBatch
    // One that everybody has left does not depart any more.
    if (batch === undefined || batch.members.size === 0) batch = this.#open()
    const loads = batch.members.get(key)
    if (loads === undefined) batch.members.set(key, new Set([member]))
    else loads.add(member)
    if (batch.members.size >= this.#options.max) {
      batch.cancelDispatch?.()
      this.#openBatch = undefined
      queueMicrotask(() => this.#dispatch(batch))
    }
    return batch
  }

  #open(): Batch<Member> {
    const { windowMs, timers, afterTurn } = this.#options
    const batch = new Batch<Member>()
    this.#openBatch = batch
    const depart = (): void => this.#dispatch(batch)
    batch.cancelDispatch = windowMs > 0 ? timers.after(windowMs, depart) : afterTurn(depart)
    return batch
  }

  #dispatch(batch: Batch<Member>): void {
    if (this.#openBatch === batch) this.#openBatch = undefined
    if (batch.members.size > 0) void this.#call(batch)
  }

  async #call(batch: Batch<Member>): Promise<void> {
    const { origin, group, complete, called, governor } = this.#options
    const keys = [...batch.members.keys()]
    const { signal } = batch
    const context: LoadContext = {
      group,
      validator: keys.length === 1 ? this.#validatorOf(batch.members.get(keys[0])) : undefined,
      get signal() {
        return signal.signal
      },
    }
    this.calls++
    let results: readonly (OriginResult | Error)[] = []
    let failure: { readonly error: unknown } | undefined
    try {
      const call = async (): Promise<readonly (OriginResult | Error)[]> => {
        if (called !== undefined)
          for (const members of batch.members.values()) for (const member of members) called(member)
        return keys.length === 1
          ? [await origin.load(keys[0], context)]
          : readResults(await origin.loadMany(keys, context), keys)
      }
      results =
        governor === undefined ? await call() : await governor.run(signal, origin.isIdempotent ?? true, call)
    } catch (error) {
      failure = { error }
    }
    for (const [i, key] of keys.entries()) {
      const ending = failure ?? endingOf(results, i)
      for (const member of batch.members.get(key) ?? []) complete(member, ending)
    }
  }

  /** Of a key; undefined where some of its loads hold another version, or none. */
  #validatorOf(members: Iterable<Member> = []): string | undefined {
    const validators = new Set([...members].map((member) => this.#options.validatorOf?.(member)))
    const [validator] = validators
    return validators.size === 1 ? validator : undefined
  }
}

/** Looking at what an origin gave may throw. */
function endingOf(results: readonly (OriginResult | Error)[], i: number): CallResult {
  try {
    const result = results[i]
    return result instanceof Error ? { error: result } : { result }
  } catch (error) {
    return { error }
  }
}
