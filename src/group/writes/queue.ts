// What waits to be written to an origin: the last write of each key, the oldest first, tried until the origin takes it.

import type { CancelTimer, Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import { isBadRequest } from '../origin.ts'

/** What a key has become: its value, or nothing. */
export interface Write {
  readonly key: Buffer
  readonly value: Buffer | null
  /** When the value ends, if whoever wrote it said so: milliseconds since the epoch. */
  readonly deadline?: number | undefined
}

/** Why an origin has not taken a write. */
export interface Failure {
  readonly error: unknown
  /** Whether the origin itself threw it. */
  readonly isFromOrigin: boolean
  /** It may have taken it all the same. */
  readonly isUnsure: boolean
}

export interface WriteQueueOptions {
  /** Most keys that wait, and most bytes of these. */
  readonly queue: number
  readonly queueBytes: number
  /** Resolves when the origin has taken it, or to why it has not. */
  readonly write: (write: Write) => Promise<Failure | undefined>
  /** Told of one that is not tried again: the origin would never take it. */
  readonly drop: (write: Write, error: unknown) => void
  /** For how many ms the origin is to be left alone; 0: not at all. */
  readonly waitMs: () => number
  readonly now: () => number
  readonly timers: Timers
}

/** Writes at once. */
const MAX_CONCURRENT = 8
/** Before a key is tried again, ms; twice as long each time. */
const FIRST_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 30_000
const MAX_DOUBLINGS = 9

interface Queued extends Write {
  /** When the oldest of the writes that it stands for came. */
  readonly since: number
  /** How often the origin has refused it, or one that it has replaced. */
  readonly failures: number
}

/** Keys are latin1 here. One may be written and wait at once: then what waits is newer. */
export class WriteQueue {
  /** Writes that a later one of their key replaced. */
  coalesced = 0
  readonly #options: WriteQueueOptions
  readonly #waiting = new Map<string, Queued>()
  readonly #writing = new Map<string, Queued>()
  /** Refused a moment ago: they wait, then they are tried again. */
  readonly #backingOff = new Map<string, Queued>()
  readonly #backoffTimers = new Map<string, CancelTimer>()
  /** Of what waits or rests. */
  #bytes = 0
  #cancelWait: CancelTimer | undefined
  #isPaused = false
  #isClosing = false
  #isPumpDue = false
  #notifyEmpty = (): void => undefined

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /** Keys whose last write the origin has not taken yet. */
  get size(): number {
    let both = 0
    for (const name of this.#writing.keys()) if (this.#next(name) !== undefined) both++
    return this.#waiting.size + this.#backingOff.size + this.#writing.size - both
  }

  /** For how many ms the oldest of them has waited. */
  get lagMs(): number {
    let since = Number.POSITIVE_INFINITY
    for (const writes of [this.#writing, this.#backingOff, this.#waiting])
      for (const write of writes.values()) since = Math.min(since, write.since)
    return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#options.now() - since)
  }

  /** Their names; one may come twice. */
  *names(): Iterable<string> {
    for (const writes of [this.#writing, this.#backingOff, this.#waiting]) yield* writes.keys()
  }

  /** Why these writes cannot be remembered, and none is; `undefined`: they are. */
  add(writes: readonly Write[]): string | undefined {
    const { queue, queueBytes, now } = this.#options
    if (this.#isClosing) return 'the node is closing'
    let keys = 0
    let bytes = 0
    for (const write of writes) {
      const earlier = this.#next(nameOf(write))
      if (earlier === undefined) keys++
      bytes += bytesOf(write) - (earlier === undefined ? 0 : bytesOf(earlier))
    }
    const isFull = keys > 0 && this.#waiting.size + this.#backingOff.size + keys > queue
    if (isFull || (bytes > 0 && this.#bytes + bytes > queueBytes)) return 'too many writes wait for it'
    this.#bytes += bytes
    for (const write of writes) {
      const name = nameOf(write)
      const earlier = this.#next(name)
      if (earlier !== undefined) this.coalesced++
      const rests = this.#backingOff.has(name)
      const { since, failures } = earlier ?? { since: now(), failures: 0 }
      ;(rests ? this.#backingOff : this.#waiting).set(name, queued(write, since, failures))
    }
    this.#pumpSoon()
    return undefined
  }

  /** What a key is, if the origin does not know it yet. */
  get(name: string): Write | undefined {
    return this.#next(name) ?? this.#writing.get(name)
  }

  /** While held, nothing is begun. */
  setPaused(isHeld: boolean): void {
    this.#isPaused = isHeld
    this.#pump()
  }

  /** Others own these slots and write their keys: what is not written yet never is. Returns how many keys that concerns. */
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

  /** Goes on for so many ms at most, takes nothing more, and then forgets what is left: so many keys. */
  async close(ms: number): Promise<number> {
    this.#isClosing = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const [name, write] of [...this.#backingOff]) this.#requeue(name, queued(write, write.since, 0))
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

  /** The origin's own code does not run within a command: it may send commands itself. */
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
      // The one before it of the same key comes first.
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

  /** It is tried again, unless that is of no use, or the one that takes its place is. */
  #failed(name: string, write: Queued, { error }: Failure): void {
    // It was forgotten meanwhile.
    if (this.#writing.get(name) !== write) return
    this.#writing.delete(name)
    if (isBadRequest(error)) {
      if (this.#waiting.has(name)) this.coalesced++
      else this.#options.drop(write, error)
      this.#pump()
      return
    }
    const later = this.#waiting.get(name)
    if (later === undefined) this.#bytes += bytesOf(write)
    else this.coalesced++
    this.#waiting.delete(name)
    const { since, failures } = write
    this.#backingOff.set(name, queued(later ?? write, since, failures + 1))
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

/** Spelt out, and without what else came with the write: an object that begins with a spread one is a dictionary. */
function queued({ key, value, deadline }: Write, since: number, failures: number): Queued {
  return { key, value, deadline, since, failures }
}

function nameOf({ key }: Write): string {
  return key.toString('latin1')
}

function bytesOf({ key, value }: Write): number {
  return key.length + (value?.length ?? 0)
}
