// The governor of an origin: how many calls it gets at once, which are tried again, and when it is left alone.

import type { Timers } from '../bytes/clock.ts'
import { isPromise, type LazyAbortSignal, untilAborted } from './lazy-abort-signal.ts'
import { isBadRequest, RetryLater } from './origin.ts'
import { reasonOf } from './result.ts'

/*
 *   closed ── so many failures in a row, or the source asks to be left alone ──→ open: every call fails at once
 *     ↑                                                                            │ a pause, longer each time
 *     └──── it succeeds: then one call at a time, ever more as they succeed ←── half-open: one call is tried
 *                                                                (it fails: open again)
 *
 * A source that says `BadRequest` has answered: it is well, and is not asked the same again.
 *
 * Written here and not with a library, for those read the clock and draw at random by themselves: nothing of theirs
 * is exact under an injected clock.
 */

export interface GovernorPolicy {
  /** Most calls at once; Infinity: any number. */
  readonly concurrency: number
  /** Most loads, and most writes, that wait for their turn; one more fails at once. */
  readonly queue: number
  /** How often a call that failed is tried again. */
  readonly retries: number
  /** Before the first of these; twice as long before each further one, less up to a half at random. */
  readonly backoffMs: number
  /** So many failures in a row open the breaker; 0: it never opens. */
  readonly breakAfter: number
  /** For how long at first; twice as long each time that the source is still down, less up to a half at random. */
  readonly breakMs: number
}

/** What a configuration without a word on it means. */
export const defaultGovernor: GovernorPolicy = {
  concurrency: 256,
  queue: 10_000,
  retries: 0,
  backoffMs: 50,
  breakAfter: 20,
  breakMs: 1000,
}

export interface GovernorOptions extends GovernorPolicy {
  /** Milliseconds that never go back, whatever is done to the clock: else a source might be left alone for hours. */
  readonly now: () => number
  readonly timers: Timers
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Told once the source is not asked any more, and why; not of the pauses after the first. */
  readonly onOpen?: (reason: string) => void
  /** Told when it is asked again. */
  readonly onClose?: () => void
}

/** They take turns where they have to wait: neither keeps the others from the origin. */
export type CallKind = 'load' | 'write'

interface QueuedCall {
  readonly admit: (place: Permit) => void
  readonly refuse: (error: Error) => void
}

/** A pause is at most so many times the first. */
const MAX_BACKOFF_FACTOR = 32
/** A source that asks for time gets so many ms at most: one answer must not shut it off for years. */
const MAX_RETRY_AFTER_MS = 5 * 60_000
/** Recovery without a limit of its own is over when so many calls may run at once. */
const RECOVERED_LIMIT = 1024

/** A call that has been let in, until it gives its place back. */
interface Permit {
  readonly epoch: number
  readonly since: number
}

export class Governor {
  /** Calls under way; of all: tried again, refused for the queue was full or the breaker open; openings of the breaker. */
  active = 0
  retried = 0
  shed = 0
  refused = 0
  opened = 0
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  /** Calls that may be under way: fewer than the most while the source recovers. */
  #limit: number
  /** Those under way of this epoch: what hangs since the source was down does not keep it from recovering. */
  #running = 0
  /** Failures in a row; openings since the source was well. */
  #failures = 0
  #openings = 0
  #openUntil = 0
  /** Half-open: when one more call may be tried, should the one before it hang. */
  #tryAgainAt = 0
  #lastFailure = ''
  /** What began before the breaker changed says nothing about the source any more. */
  #epoch = 0
  readonly #queues = { load: new Set<QueuedCall>(), write: new Set<QueuedCall>() }
  /** Whose turn it is next. */
  #nextKind: CallKind = 'load'
  readonly #options: GovernorOptions

  constructor(options: GovernorOptions) {
    this.#options = options
    this.#limit = options.concurrency
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#queues.load.size + this.#queues.write.size
  }

  /** 'half-open' also when the next call will be tried. */
  get state(): 'closed' | 'open' | 'half-open' {
    return this.#state === 'open' && this.#options.now() >= this.#openUntil ? 'half-open' : this.#state
  }

  /** Whether a call would fail without being made. */
  get isOpen(): boolean {
    if (this.#state === 'closed') return false
    const now = this.#options.now()
    return this.#state === 'open' ? now < this.#openUntil : this.#running > 0 && now < this.#tryAgainAt
  }

  /** For how many ms the source is still left alone for certain. */
  get openForMs(): number {
    return this.state === 'open' ? this.#openUntil - this.#options.now() : 0
  }

  resetCounters(): void {
    this.retried = 0
    this.shed = 0
    this.refused = 0
    this.opened = 0
  }

  /**
   * Makes a call when it is its turn, again if it fails and may be repeated, unless `signal` is aborted: then it has
   * failed, whatever becomes of it. One that goes on nevertheless keeps its place, though for no longer than it has had
   * it by then.
   */
  async run<Result>(
    signal: LazyAbortSignal,
    isIdempotent: boolean,
    call: () => Promise<Result> | Result,
    kind: CallKind = 'load',
  ): Promise<Result> {
    const place = this.#enter() ?? (await this.#wait(signal, this.#queues[kind]))
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
          this.#succeeded(place.epoch)
          return result
        } catch (error) {
          if (!signal.isAborted) ended = undefined
          const isAnswer = isBadRequest(error)
          if (isAnswer) this.#succeeded(place.epoch)
          else this.#failed(place.epoch, error)
          const mayRetry = isIdempotent && attempt < this.#options.retries && !(error instanceof RetryLater)
          if (isAnswer || !mayRetry || signal.isAborted || this.#state !== 'closed') throw error
          this.retried++
          await this.#pause(signal, attempt)
          // It may have opened meanwhile.
          if (this.isOpen) throw error
        }
      }
    } finally {
      if (ended === undefined) this.#leave(place)
      else this.#leaveLate(place, ended)
    }
  }

  /** `undefined`: it has to wait. */
  #enter(): Permit | undefined {
    if (this.#state === 'closed') return this.#running < this.#limit ? this.#place() : undefined
    if (this.isOpen) {
      this.refused++
      throw this.#refusal()
    }
    if (this.#state === 'open') this.#change('half-open')
    this.#tryAgainAt = this.#options.now() + this.#options.breakMs * MAX_BACKOFF_FACTOR
    return this.#place()
  }

  #place(): Permit {
    this.active++
    this.#running++
    return { epoch: this.#epoch, since: this.#options.now() }
  }

  #leave({ epoch }: Permit): void {
    this.active--
    if (epoch === this.#epoch) this.#running--
    this.#admit()
  }

  #leaveLate(place: Permit, ended: Promise<unknown>): void {
    const { timers, now } = this.#options
    let leave = (): void => {
      leave = () => undefined
      cancel()
      this.#leave(place)
    }
    const cancel = timers.after(now() - place.since, () => leave())
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

  #wait(signal: LazyAbortSignal, queue: Set<QueuedCall>): Promise<Permit> {
    if (queue.size >= this.#options.queue) {
      this.shed++
      const reason = `is overloaded: ${this.active} calls are under way and ${queue.size} wait`
      return Promise.reject(new Error(reason))
    }
    return new Promise((resolve, reject) => {
      let leave = (): void => undefined
      const waiting: QueuedCall = {
        admit: (place) => {
          leave()
          resolve(place)
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      queue.add(waiting)
      leave = signal.onAbort((reason) => {
        queue.delete(waiting)
        reject(reason)
      })
    })
  }

  /** Lets in those whose turn it is. */
  #admit(): void {
    while (this.#state === 'closed' && this.#running < this.#limit && this.waiting > 0) {
      const other = this.#nextKind === 'load' ? 'write' : 'load'
      const kind = this.#queues[this.#nextKind].size > 0 ? this.#nextKind : other
      const [next] = this.#queues[kind]
      this.#queues[kind].delete(next)
      this.#nextKind = kind === 'load' ? 'write' : 'load'
      next.admit(this.#place())
    }
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
    // It had asked for time, and got it.
    else if (this.#state === 'half-open') this.#close(concurrency)
  }

  /** Asks the source again, with so many calls at once. */
  #close(limit: number): void {
    this.#change('closed')
    this.#limit = limit
    this.#options.onClose?.()
  }

  /** Leaves the source alone for the next pause, at least for so many ms. */
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
    for (const queue of Object.values(this.#queues)) {
      for (const waiting of queue) waiting.refuse(refusal)
      queue.clear()
    }
    if (wasClosed) onOpen?.(refusal.message)
  }

  #refusal(): Error {
    const left = Math.max(0, Math.ceil(this.#openUntil - this.#options.now()))
    const next = this.#state === 'half-open' ? 'is being tried' : `is not asked for ${left} ms`
    return new Error(`${next}, after ${this.#failures} failures in a row: ${this.#lastFailure}`)
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
