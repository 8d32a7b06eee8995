// One running load, and the result that its waiters get.

import type { CancelTimer } from '../../bytes/clock.ts'
import type { Value } from '../../store/value.ts'
import type { Traced } from '../../telemetry/tracing.ts'
import { LazyAbortSignal } from '../lazy-abort-signal.ts'
import type { LoadedFacts } from '../origin.ts'
import type { Batch } from './batcher.ts'

/** The result of a load. */
export interface LoadResult {
  /** The value; `null`: the origin has no such key. */
  readonly value: Value | null
  /** Why the load failed; then `value` has no meaning, unless `isStale`. */
  readonly error?: string
  /** What the origin threw or rejected with; `undefined` where the load failed for another reason. */
  readonly cause?: unknown
  /** The load failed, and `value` is the cached value, which reads may be served. */
  readonly isStale?: boolean
  /** A write of the key happened meanwhile: the waiters get the value, the store does not. */
  readonly fenced: boolean
  /** How long the origin took, in milliseconds. */
  readonly ms: number
  /** `FlightOptions.loadEpoch` at the start of the load. */
  readonly loadEpoch?: number
  /** Hashes of the tags of a value that the origin found unchanged. */
  readonly keptTags?: readonly number[]
  /** TTL, tags, validator… that the origin returned with the value or its absence. */
  readonly facts?: LoadedFacts
}

/** The cached version of a value while it is revalidated. */
export interface CachedVersion {
  readonly validator: string
  readonly value: Value
  /** The hashes of its tags. */
  readonly tags?: readonly number[]
}

/** Called once, never synchronously with `join`. */
export type Waiter = (loadResult: LoadResult) => void

const noop = (): void => undefined

/** One running load. */
export class Flight {
  readonly key: Buffer
  readonly waiters: Waiter[] = []
  readonly startedAt: number
  /** When the origin was last called. */
  askedAt: number | undefined
  /** The cached version that the origin may confirm. */
  readonly cached: CachedVersion | undefined
  fenced = false
  loadEpoch: number | undefined
  isComplete = false
  /** Started in the background, without waiters. */
  isRefresh = false
  /** Its span; `undefined`: it is not traced. */
  span: Traced | undefined
  cancelTimer: CancelTimer | undefined
  /** The batch to leave when the load ends early. */
  batch: Batch<Flight> | undefined
  /** The signal of a load that is not batched; a batched load has the batch's signal. */
  readonly abortSignal = new LazyAbortSignal()
  /** Called when it has ended. */
  ended: () => void = noop
  #text: string | undefined

  constructor(key: Buffer, startedAt: number, cached: CachedVersion | undefined) {
    this.key = key
    this.startedAt = startedAt
    this.cached = cached
  }

  /** The key as text for the origin. */
  get text(): string {
    this.#text ??= this.key.toString('utf8')
    return this.#text
  }

  whenEnded(): Promise<void> {
    if (this.isComplete) return Promise.resolve()
    const { ended } = this
    return new Promise((resolve) => {
      this.ended = () => {
        ended()
        resolve()
      }
    })
  }

  /** Removes a waiter, which is not called then. False: it has been called. */
  leave(waiter: Waiter): boolean {
    const index = this.isComplete ? -1 : this.waiters.indexOf(waiter)
    if (index >= 0) this.waiters.splice(index, 1)
    return index >= 0
  }

  /** Signals to the origin that its result is no longer needed. */
  abort(reason: Error): void {
    this.abortSignal.abort(reason)
    this.batch?.leave(this.text, this, reason)
  }
}
