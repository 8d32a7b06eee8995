// The governor of an origin: concurrency limit, queue, retries and circuit breaker.

import type { Timers } from '../../bytes/clock.ts'
import { isPromise, type LazyAbortSignal, untilAborted } from '../lazy-abort-signal.ts'
import { isBadRequest, RetryLater } from '../origin.ts'
import { reasonOf } from '../result.ts'
import { type CallKind, CallQueue } from './call-queue.ts'

/*
 *   closed ── `breakAfter` failures in a row, or the source asks for a pause ───→ open: every call fails at once
 *     ↑                                                                            │ a pause, longer each time
 *     └──── it succeeds: then one call at a time, ever more as they succeed ←── half-open: one call is tried
 *                                                                (it fails: open again)
 *
 * A `BadRequest` is an answer: it counts as a success and is not retried.
 *
 * No library is used: those read the clock and random numbers themselves, and cannot be tested with an injected clock.
 */

export interface GovernorPolicy {
  /** Maximum number of concurrent calls; Infinity: no limit. */
  readonly concurrency: number
  /** Queue limit of loads, and of writes; further calls are rejected at once. */
  readonly queue: number
  /** Maximum number of retries of a failed call. */
  readonly retries: number
  /** Backoff before the first retry, doubled for each further one, less up to a half at random. */
  readonly backoffMs: number
  /** Failures in a row that open the circuit breaker; 0: it opens only when the source asks for a pause. */
  readonly breakAfter: number
  /** How long it stays open at first, doubled while the source stays down, less up to a half at random. */
  readonly breakMs: number
}

/** The defaults of the configuration. */
export const defaultGovernor: GovernorPolicy = {
  concurrency: 256,
  queue: 10_000,
  retries: 0,
  backoffMs: 50,
  breakAfter: 20,
  breakMs: 1000,
}

export interface GovernorOptions extends GovernorPolicy {
  /** A monotonic clock in ms: a changed system clock must not keep the breaker open for hours. */
  readonly now: () => number
  readonly timers: Timers
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Called when the breaker opens, with the reason; not when it opens again after a failed trial. */
  readonly onOpen?: (reason: string) => void
  /** Called when the breaker closes. */
  readonly onClose?: () => void
}

/** Longest pause of the breaker, as a multiple of the first. */
const MAX_BACKOFF_FACTOR = 32
/** Upper bound of a pause that the source asks for, in ms. */
const MAX_RETRY_AFTER_MS = 5 * 60_000
/** Without a concurrency limit, the recovery ends at this many concurrent calls. */
const RECOVERED_LIMIT = 1024

/** The permit of a running call. */
interface Permit {
  readonly epoch: number
  readonly since: number
}

export class Governor {
  /** Running calls; retries; calls rejected by the full queue; by the open breaker; how often the breaker opened. */
  active = 0
  retried = 0
  shed = 0
  refused = 0
  opened = 0
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  /** The current concurrency limit: lower than configured while the source recovers. */
  #limit: number
  /**
   * Running calls of this epoch. Calls that have hung since an outage are not counted, so they do not delay recovery.
   */
  #running = 0
  /** Failures in a row; openings since the last recovery. */
  #failures = 0
  #openings = 0
  #openUntil = 0
  /** Half-open: when another trial call is allowed, should the current one hang. */
  #tryAgainAt = 0
  #lastFailure = ''
  /** Incremented when the breaker changes: results of earlier calls are then ignored. */
  #epoch = 0
  readonly #queue = new CallQueue<Permit>()
  #options: GovernorOptions

  constructor(options: GovernorOptions) {
    this.#options = options
    this.#limit = options.concurrency
  }

  /** The current maximum of concurrent calls; lower than configured while the source recovers. */
  get limit(): number {
    return this.#limit
  }

  /** Queued calls. */
  get waiting(): number {
    return this.#queue.size
  }

  /** 'half-open' also if the next call will be a trial. */
  get state(): 'closed' | 'open' | 'half-open' {
    return this.#state === 'open' && this.#options.now() >= this.#openUntil ? 'half-open' : this.#state
  }

  /** Whether a call would be rejected now. */
  get isOpen(): boolean {
    if (this.#state === 'closed') return false
    const now = this.#options.now()
    return this.#state === 'open' ? now < this.#openUntil : this.#running > 0 && now < this.#tryAgainAt
  }

  /** For how many ms the breaker certainly stays open. */
  get openForMs(): number {
    return this.state === 'open' ? this.#openUntil - this.#options.now() : 0
  }

  /**
   * Takes over other limits. `isOtherSource`: the state of the previous source does not apply, and the circuit breaker
   * is closed.
   */
  reconfigure(policy: GovernorPolicy, isOtherSource: boolean): void {
    const isRecovering = this.#limit < this.#options.concurrency
    this.#options = { ...this.#options, ...policy }
    if (isOtherSource) {
      this.#failures = 0
      this.#openings = 0
      if (this.#state !== 'closed') this.#close(policy.concurrency)
    }
    if (isOtherSource || !isRecovering) this.#limit = policy.concurrency
    else this.#limit = Math.min(this.#limit, policy.concurrency)
    this.#admit()
  }

  resetCounters(): void {
    this.retried = 0
    this.shed = 0
    this.refused = 0
    this.opened = 0
  }

  /**
   * Runs a call when there is a permit, and retries it if it is idempotent. It fails when `signal` is aborted. A call that
   * ignores the signal keeps its permit until it ends, but at most for as long again as it has run.
   */
  async run<Result>(
    signal: LazyAbortSignal,
    isIdempotent: boolean,
    call: () => Promise<Result> | Result,
    kind: CallKind = 'load',
  ): Promise<Result> {
    const permit = this.#enter() ?? (await this.#wait(signal, kind))
    let ended: Promise<unknown> | undefined
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          const result = await untilAborted(signal, () => {
            const given = call()
            if (isPromise(given)) ended = given
            return given
          })
          ended = undefined
          this.#succeeded(permit.epoch)
          return result
        } catch (error) {
          if (!signal.isAborted) ended = undefined
          const isAnswer = isBadRequest(error)
          if (isAnswer) this.#succeeded(permit.epoch)
          else this.#failed(permit.epoch, error)
          const mayRetry = isIdempotent && attempt < this.#options.retries && !(error instanceof RetryLater)
          if (isAnswer || !mayRetry || signal.isAborted || this.#state !== 'closed') throw error
          this.retried++
          await this.#pause(signal, attempt)
          // The breaker may have opened meanwhile.
          if (this.isOpen) throw error
        }
      }
    } finally {
      if (ended === undefined) this.#leave(permit)
      else this.#leaveLate(permit, ended)
    }
  }

  /** `undefined`: the call must be queued. */
  #enter(): Permit | undefined {
    if (this.#state === 'closed') return this.#running < this.#limit ? this.#grant() : undefined
    if (this.isOpen) {
      this.refused++
      throw this.#refusal()
    }
    if (this.#state === 'open') this.#change('half-open')
    this.#tryAgainAt = this.#options.now() + this.#options.breakMs * MAX_BACKOFF_FACTOR
    return this.#grant()
  }

  #grant(): Permit {
    this.active++
    this.#running++
    return { epoch: this.#epoch, since: this.#options.now() }
  }

  #leave({ epoch }: Permit): void {
    this.active--
    if (epoch === this.#epoch) this.#running--
    this.#admit()
  }

  #leaveLate(permit: Permit, ended: Promise<unknown>): void {
    const { timers, now } = this.#options
    let leave = (): void => {
      leave = () => undefined
      cancel()
      this.#leave(permit)
    }
    const cancel = timers.after(now() - permit.since, () => leave())
    ended.then(
      () => leave(),
      () => leave(),
    )
  }

  #change(state: 'closed' | 'open' | 'half-open'): void {
    this.#state = state
    this.#epoch++
    this.#running = 0
  }

  #wait(signal: LazyAbortSignal, kind: CallKind): Promise<Permit> {
    const queued = this.#queue.sizeOf(kind)
    if (queued < this.#options.queue) return this.#queue.wait(kind, signal)
    this.shed++
    const reason =
      `overloaded: ${this.active} calls are running and ${queued} are queued` +
      ': raise originConcurrency or originQueue, or try again later'
    return Promise.reject(new Error(reason))
  }

  /** Admits queued calls. */
  #admit(): void {
    while (this.#state === 'closed' && this.#running < this.#limit && this.waiting > 0)
      this.#queue.admitNext(this.#grant())
  }

  #succeeded(epoch: number): void {
    if (epoch !== this.#epoch) return
    this.#failures = 0
    const { concurrency } = this.#options
    if (this.#state === 'half-open') this.#close(1)
    else if (this.#limit < concurrency) this.#limit++
    if (this.#limit >= Math.min(concurrency, RECOVERED_LIMIT)) {
      this.#limit = concurrency
      this.#openings = 0
    }
  }

  #failed(epoch: number, error: unknown): void {
    if (epoch !== this.#epoch) return
    const { breakAfter, concurrency } = this.#options
    this.#lastFailure = reasonOf(error)
    this.#failures++
    const restMs = error instanceof RetryLater ? Math.min(error.retryAfter, MAX_RETRY_AFTER_MS) : 0
    const isBroken = breakAfter > 0 && (this.#state === 'half-open' || this.#failures >= breakAfter)
    if (restMs > 0 || isBroken) this.#open(restMs)
    // The pause that the source asked for is over.
    else if (this.#state === 'half-open') this.#close(concurrency)
  }

  /** Closes the breaker with this concurrency limit. */
  #close(limit: number): void {
    this.#change('closed')
    this.#limit = limit
    this.#options.onClose?.()
  }

  /** Opens the breaker for the next pause, at least for `leastMs`. */
  #open(leastMs: number): void {
    const { breakAfter, breakMs, now, random, onOpen } = this.#options
    const wasClosed = this.#state === 'closed'
    const pause = breakAfter === 0 ? 0 : breakMs * Math.min(2 ** this.#openings, MAX_BACKOFF_FACTOR)
    this.#change('open')
    this.#openings++
    this.opened++
    this.#openUntil = now() + Math.max(Math.ceil(pause * (1 - random() / 2)), leastMs)
    const refusal = this.#refusal()
    this.refused += this.waiting
    this.#queue.refuseAll(refusal)
    if (wasClosed) onOpen?.(refusal.message)
  }

  #refusal(): Error {
    const left = Math.max(0, Math.ceil(this.#openUntil - this.#options.now()))
    const state = this.#state === 'half-open' ? 'half-open with a trial call running' : `open for ${left} ms`
    const cause = `after ${this.#failures} failures in a row: ${this.#lastFailure}`
    const wait = this.#state === 'half-open' ? 'and ask again in a moment' : 'and ask again after that'
    return new Error(`circuit breaker ${state}, ${cause}; check the origin, ${wait}`)
  }

  #pause(signal: LazyAbortSignal, attempt: number): Promise<void> {
    const { backoffMs, timers, random } = this.#options
    return new Promise((resolve, reject) => {
      const cancel = timers.after(Math.ceil(backoffMs * 2 ** attempt * (1 - random() / 2)), () => {
        leave()
        resolve()
      })
      const leave = signal.onAbort((reason) => {
        cancel()
        reject(reason)
      })
    })
  }
}
