// The write-behind queue: the last write of each key, oldest first, retried until the origin accepts it.

import type { CancelTimer, Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import { ShortLivedMap } from '../../bytes/short-lived.ts'
import { Collection, type Value } from '../../store/value.ts'
import { isBadRequest } from '../origin.ts'

/** A write of a key: its new value, or null if it is removed. */
export interface Write {
  readonly key: Buffer
  readonly value: Value | null
  /** The value at the origin before it, to compute a collection's change; null: no such key; undefined: not known. */
  readonly before?: Value | null | undefined
  /** Other values that the origin may have instead: those of failed attempts that it may have applied. */
  readonly maybe?: readonly (Value | null)[]
  /** When the value expires, if the client gave a TTL: ms since the epoch. */
  readonly deadline?: number | undefined
}

/** Why an origin has not accepted a write. */
export interface Failure {
  readonly error: unknown
  /** Whether the origin itself threw it. */
  readonly isFromOrigin: boolean
  /** Whether the origin may have applied it nevertheless. */
  readonly isUnsure: boolean
}

export interface WriteQueueOptions {
  /** Queue limits: keys, and bytes of these. */
  readonly queue: number
  readonly queueBytes: number
  /** Writes to the origin. Resolves to `undefined`, or to the failure. */
  readonly write: (write: Write) => Promise<Failure | undefined>
  /** Called for a write that is not retried, since the origin rejects it for good. */
  readonly drop: (write: Write, error: unknown) => void
  /** How long, in ms, the origin must not be called (open circuit breaker); 0: it may be called now. */
  readonly waitMs: () => number
  readonly now: () => number
  readonly timers: Timers
}

/** The most concurrent writes. */
const MAX_CONCURRENT = 8
/** Exponential backoff before a retry of a key. */
const FIRST_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 30_000
const MAX_DOUBLINGS = 9
/** With more values that the origin may have, the change of a collection is not computed. */
const MAX_MAYBE = 4

interface Queued extends Write {
  /** When the oldest of the writes that were coalesced into it arrived. */
  readonly since: number
  /** Failed attempts, including those of writes that it has replaced. */
  readonly failures: number
  /** Whether the origin may have applied an attempt to write this value. */
  readonly mayBeApplied: boolean
  readonly maybe: readonly (Value | null)[]
}

/** Keys are latin1 here. A key may be both in `#writing` and queued: then the queued write is newer. */
export class WriteQueue {
  /** Writes that a later one of their key replaced. */
  coalesced = 0
  #options: WriteQueueOptions
  readonly #waiting = new Map<string, Queued>()
  readonly #writing = new ShortLivedMap<string, Queued>()
  /** Writes that failed and wait for their retry. */
  readonly #backingOff = new Map<string, Queued>()
  readonly #backoffTimers = new Map<string, CancelTimer>()
  /** Bytes in `#waiting` and `#backingOff`. */
  #bytes = 0
  #cancelWait: CancelTimer | undefined
  #isPaused = false
  #isClosing = false
  #isPumpDue = false
  #notifyEmpty = (): void => undefined

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /**
   * Changes the limits for later writes. Queued writes stay; those that wait for the circuit breaker are tried at once.
   */
  reconfigure(limits: Pick<WriteQueueOptions, 'queue' | 'queueBytes'>): void {
    this.#options = { ...this.#options, ...limits }
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const [name, write] of [...this.#backingOff]) this.#requeue(name, write)
    this.#pumpSoon()
  }

  /** Keys whose last write the origin has not accepted yet. */
  get size(): number {
    let both = 0
    for (const name of this.#writing.keys()) if (this.#next(name) !== undefined) both++
    return this.#waiting.size + this.#backingOff.size + this.#writing.size - both
  }

  /** The age of the oldest of them in ms. */
  get lagMs(): number {
    let since = Number.POSITIVE_INFINITY
    for (const writes of [this.#writing, this.#backingOff, this.#waiting])
      for (const write of writes.values()) since = Math.min(since, write.since)
    return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#options.now() - since)
  }

  /** Their keys; a key may occur twice. */
  *names(): Iterable<string> {
    for (const writes of [this.#writing, this.#backingOff, this.#waiting]) yield* writes.keys()
  }

  /** Queues all of these writes, or none: then returns why. */
  add(writes: readonly Write[]): string | undefined {
    const { queue, queueBytes, now } = this.#options
    if (this.#isClosing) return 'the node is closing'
    let keys = 0
    let bytes = 0
    const next: Queued[] = []
    for (const write of writes) {
      const earlier = this.#next(nameOf(write))
      if (earlier === undefined) keys++
      const each =
        earlier === undefined
          ? queued(write, write.before, NOTHING, now(), 0, false)
          : replacing(earlier, write, earlier.since, earlier.failures)
      bytes += bytesOf(each) - (earlier === undefined ? 0 : bytesOf(earlier))
      next.push(each)
    }
    const isFull = keys > 0 && this.#waiting.size + this.#backingOff.size + keys > queue
    if (isFull || (bytes > 0 && this.#bytes + bytes > queueBytes)) return 'too many writes wait for it'
    this.#bytes += bytes
    for (const write of next) {
      const name = nameOf(write)
      if (this.#next(name) !== undefined) this.coalesced++
      const target = this.#backingOff.has(name) ? this.#backingOff : this.#waiting
      target.set(name, write)
    }
    this.#pumpSoon()
    return undefined
  }

  /** The last write of a key that the origin has not accepted yet. */
  get(name: string): Write | undefined {
    return this.#next(name) ?? this.#writing.get(name)
  }

  /** While paused, no write starts. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#pump()
  }

  /** Other nodes own these slots now: drops their pending writes. Returns the number of keys. */
  drop(slots: ReadonlySet<number>): number {
    let forgotten = 0
    for (const name of new Set(this.names())) {
      const key = Buffer.from(name, 'latin1')
      if (!slots.has(keySlot(key, 0, key.length))) continue
      const next = this.#next(name)
      if (next !== undefined) this.#bytes -= bytesOf(next)
      this.#backoffTimers.get(name)?.()
      for (const map of [this.#waiting, this.#writing, this.#backingOff, this.#backoffTimers])
        map.delete(name)
      forgotten++
    }
    this.#pump()
    return forgotten
  }

  /** Accepts no more writes, continues for `ms` at most, then drops the rest. Resolves to the number of keys dropped. */
  async close(ms: number): Promise<number> {
    this.#isClosing = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const [name, write] of [...this.#backingOff])
      this.#requeue(name, queued(write, write.before, write.maybe, write.since, 0, write.mayBeApplied))
    this.#pump()
    if (this.size > 0 && ms > 0 && !this.#isPaused) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.timers.after(ms, resolve)
        this.#notifyEmpty = () => {
          cancel()
          resolve()
        }
      })
    }
    const lost = this.size
    for (const cancel of this.#backoffTimers.values()) cancel()
    for (const map of [this.#waiting, this.#writing, this.#backingOff, this.#backoffTimers]) map.clear()
    this.#bytes = 0
    this.#notifyEmpty()
    return lost
  }

  #next(name: string): Queued | undefined {
    return this.#waiting.get(name) ?? this.#backingOff.get(name)
  }

  /** Deferred, so that the origin's code does not run within a command: it may send commands itself. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    queueMicrotask(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#isPaused || this.#cancelWait !== undefined) return
    for (const [name, write] of this.#waiting) {
      if (this.#writing.size >= MAX_CONCURRENT) return
      // The previous write of the same key has not ended.
      if (this.#writing.has(name)) continue
      // See `Writes.close`.
      const ms = this.#isClosing ? 0 : this.#options.waitMs()
      if (ms > 0) {
        this.#waitForOrigin(ms)
        return
      }
      this.#waiting.delete(name)
      this.#bytes -= bytesOf(write)
      this.#writing.set(name, write)
      void this.#options.write(write).then((failure) => {
        if (failure === undefined) this.#succeeded(name, write)
        else this.#failed(name, write, failure)
      })
    }
    if (this.#isClosing && this.size === 0) this.#notifyEmpty()
  }

  #waitForOrigin(ms: number): void {
    this.#cancelWait = this.#options.timers.after(ms, () => {
      this.#cancelWait = undefined
      this.#pump()
    })
  }

  #succeeded(name: string, write: Queued): void {
    if (this.#writing.get(name) === write) this.#writing.delete(name)
    this.#pump()
  }

  /** Schedules a retry of the write, or of the newer one that replaces it; a rejected write is dropped. */
  #failed(name: string, write: Queued, { error, isUnsure }: Failure): void {
    // The write was dropped meanwhile.
    if (this.#writing.get(name) !== write) return
    this.#writing.delete(name)
    if (isBadRequest(error)) {
      const next = this.#waiting.get(name)
      if (next === undefined) this.#options.drop(write, error)
      else {
        this.coalesced++
        const replaced = replacing(write, next, next.since, next.failures)
        this.#bytes += bytesOf(replaced) - bytesOf(next)
        this.#waiting.set(name, replaced)
      }
      this.#pump()
      return
    }
    const { since, failures } = write
    const later = this.#waiting.get(name)
    const failed = queued(
      write,
      write.before,
      write.maybe,
      since,
      failures + 1,
      isUnsure || write.mayBeApplied,
    )
    const retried = later === undefined ? failed : replacing(failed, later, since, failures + 1)
    this.#bytes += bytesOf(retried) - (later === undefined ? 0 : bytesOf(later))
    if (later !== undefined) this.coalesced++
    this.#waiting.delete(name)
    this.#backingOff.set(name, retried)
    const pause = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failures, MAX_DOUBLINGS), MAX_BACKOFF_MS)
    const wake = (): void => {
      this.#requeue(name, this.#backingOff.get(name))
      this.#pump()
    }
    this.#backoffTimers.set(name, this.#options.timers.after(pause, wake))
    this.#pump()
  }

  #requeue(name: string, write: Queued | undefined): void {
    this.#backoffTimers.get(name)?.()
    this.#backoffTimers.delete(name)
    this.#backingOff.delete(name)
    if (write !== undefined) this.#waiting.set(name, write)
  }
}

const NOTHING: readonly Value[] = []

/** Lists the fields: V8 gives an object literal that starts with a spread slow dictionary properties. */
function queued(
  { key, value, deadline }: Write,
  before: Value | null | undefined,
  maybe: readonly (Value | null)[],
  since: number,
  failures: number,
  mayBeApplied: boolean,
): Queued {
  return { key, value, before, maybe, deadline, since, failures, mayBeApplied }
}

/** A write that replaces an earlier one, which the origin has not accepted but may have applied. */
function replacing(earlier: Queued, write: Write, since: number, failures: number): Queued {
  const { value, mayBeApplied } = earlier
  const maybe = mayBeApplied ? [...earlier.maybe, value] : earlier.maybe
  // A string has no changes of elements.
  const isString = mayBeApplied && value !== null && !(value instanceof Collection)
  if (isString || maybe.length > MAX_MAYBE) return queued(write, undefined, NOTHING, since, failures, false)
  return queued(write, earlier.before, maybe, since, failures, false)
}

function nameOf({ key }: Write): string {
  return key.toString('latin1')
}

/** The bytes of a queued write, including the values that are kept to compute its change. */
function bytesOf({ key, value, before, maybe }: Queued): number {
  let bytes = key.length + (value?.length ?? 0) + (before?.length ?? 0)
  for (const each of maybe) bytes += each?.length ?? 0
  return bytes
}
