// Statistics of the calls of a group's origin: how long they take, which are slow, and which fail.

import { Histogram } from './histogram.ts'
import { RareWarning } from './rare-warning.ts'
import { type Context, sampledSpan } from './tracing.ts'

/** A store is a write or a removal. */
export type OriginCallKind = 'load' | 'store'

/** Receives each call that has ended, for the slow log and latency events. */
export interface OriginCallObserver {
  originCalled(kind: OriginCallKind, group: string, key: Buffer, micros: number): void
}

/** Where failures are logged; its messages name the group. */
export interface CallLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Keys that one call loads. */
export interface CallBatch {
  /** Whether its call was reported to the observer. */
  isReported: boolean
}

export interface OriginCallsOptions {
  readonly group: string
  /** A monotonic clock in ms. */
  readonly now: () => number
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number
}

/** Failures in a row with the same error. */
export interface OriginFailure {
  readonly kind: OriginCallKind
  readonly error: string
  /** The beginning of the latest key, and when it failed, in ms since the epoch. */
  key: Buffer
  at: number
  count: number
}

/** Failures are logged at most once in this time, ms. */
const WARNING_INTERVAL_MS = 10_000
/** Longest part of a key shown in the log, in bytes. */
const MAX_SHOWN = 200
/** The most failures that are kept, of each group. */
const MAX_KEPT = 16

const WORDS = {
  load: { failed: 'a load failed', recovered: 'loads succeed again' },
  store: { failed: 'a write to the origin failed', recovered: 'writes succeed again' },
} as const

/** The failures of one kind of calls, for the log. */
interface Failing {
  readonly warning: RareWarning
  /** Failures since calls last succeeded. */
  count: number
  /** Whether one of them was logged. */
  isSaid: boolean
}

export class OriginCalls {
  /** Durations without the time in the queue. */
  readonly loads = new Histogram()
  readonly stores = new Histogram()
  /** Calls that took longer than `originTimeout`. */
  timeouts = 0
  /** The latest failures of calls that reached the origin, the newest first. */
  readonly latestFailures: OriginFailure[] = []
  observer: OriginCallObserver | undefined
  log: CallLog | undefined
  readonly #options: OriginCallsOptions
  readonly #failing: Readonly<Record<OriginCallKind, Failing>>

  constructor(options: OriginCallsOptions) {
    this.#options = options
    const quiet = (): Failing => {
      return { warning: new RareWarning(WARNING_INTERVAL_MS, options.now), count: 0, isSaid: false }
    }
    this.#failing = { load: quiet(), store: quiet() }
  }

  /**
   * A call has ended, or failed before the origin was asked (`wasAsked` false).
   *
   * @param ms how long it took
   * @param error why it failed; `undefined`: it succeeded
   * @param batch the batch that it was part of: reported as one slow call
   * @param context of its span
   */
  ended(
    kind: OriginCallKind,
    key: Buffer,
    ms: number,
    wasAsked: boolean,
    error: string | undefined,
    batch?: CallBatch,
    context?: Context,
  ): void {
    if (wasAsked) {
      const micros = ms * 1000
      const histogram = kind === 'load' ? this.loads : this.stores
      histogram.record(micros)
      const span = sampledSpan(context)
      if (span !== undefined) histogram.illustrate(micros, span, this.#options.wallClock())
      if (batch?.isReported !== true) this.observer?.originCalled(kind, this.#options.group, key, micros)
      if (batch !== undefined) batch.isReported = true
    }
    if (error !== undefined && wasAsked) this.#keep(kind, key, error)
    if (error !== undefined) this.#failed(kind, key, ms, error)
    else if (wasAsked && this.#failing[kind].count > 0) this.#recovered(kind)
  }

  resetCounters(): void {
    this.loads.reset()
    this.stores.reset()
    this.timeouts = 0
  }

  #failed(kind: OriginCallKind, key: Buffer, ms: number, error: string): void {
    const failing = this.#failing[kind]
    failing.count++
    failing.warning.give((suppressed) => {
      failing.isSaid = true
      const more = suppressed === 0 ? '' : `, and ${suppressed} more since the last such line`
      const text = key.toString('utf8', 0, MAX_SHOWN)
      const fields = { key: text, ms, failures: suppressed + 1 }
      this.log?.warn(fields, `${WORDS[kind].failed}: ${error}${more}`)
    })
  }

  #keep(kind: OriginCallKind, key: Buffer, error: string): void {
    const kept = this.latestFailures
    const at = this.#options.wallClock()
    const shown = Buffer.from(key.subarray(0, MAX_SHOWN))
    const [newest] = kept
    if (newest?.kind === kind && newest.error === error) {
      newest.key = shown
      newest.at = at
      newest.count++
      return
    }
    kept.unshift({ kind, error, key: shown, at, count: 1 })
    kept.splice(MAX_KEPT)
  }

  #recovered(kind: OriginCallKind): void {
    const failing = this.#failing[kind]
    const { count, isSaid } = failing
    failing.count = 0
    failing.isSaid = false
    if (!isSaid) return
    const failures = count === 1 ? 'failure' : 'failures'
    this.log?.info({ failures: count }, `${WORDS[kind].recovered}, after ${count} ${failures}`)
  }
}
