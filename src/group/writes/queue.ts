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
  readonly restMs: () => number
  readonly now: () => number
  readonly timers: Timers
}

/** Writes at once. */
const AT_ONCE = 8
/** Before a key is tried again, ms; twice as long each time. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 30_000
const MOST_DOUBLINGS = 9

interface Queued extends Write {
  /** When the oldest of the writes that it stands for came. */
  readonly since: number
  /** How often the origin has refused it, or one that it has replaced. */
  readonly refusals: number
}

/** Keys are latin1 here. One may be written and wait at once: then what waits is newer. */
export class WriteQueue {
  /** Writes that a later one of their key replaced. */
  coalesced = 0
  readonly #options: WriteQueueOptions
  readonly #waiting = new Map<string, Queued>()
  readonly #writing = new Map<string, Queued>()
  /** Refused a moment ago: they wait, then they are tried again. */
  readonly #resting = new Map<string, Queued>()
  readonly #rests = new Map<string, CancelTimer>()
  /** Of what waits or rests. */
  #bytes = 0
  #cancelRest: CancelTimer | undefined
  #isHeld = false
  #isClosing = false
  #isPumpDue = false
  #tellEmpty = (): void => undefined

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /** Keys whose last write the origin has not taken yet. */
  get size(): number {
    let both = 0
    for (const name of this.#writing.keys()) if (this.#next(name) !== undefined) both++
    return this.#waiting.size + this.#resting.size + this.#writing.size - both
  }

  /** For how many ms the oldest of them has waited. */
  get lagMs(): number {
    let since = Number.POSITIVE_INFINITY
    for (const writes of [this.#writing, this.#resting, this.#waiting])
      for (const write of writes.values()) since = Math.min(since, write.since)
    return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#options.now() - since)
  }

  /** Their names; one may come twice. */
  *names(): Iterable<string> {
    for (const writes of [this.#writing, this.#resting, this.#waiting]) yield* writes.keys()
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
    const isFull = keys > 0 && this.#waiting.size + this.#resting.size + keys > queue
    if (isFull || (bytes > 0 && this.#bytes + bytes > queueBytes)) return 'too many writes wait for it'
    this.#bytes += bytes
    for (const write of writes) {
      const name = nameOf(write)
      const earlier = this.#next(name)
      if (earlier !== undefined) this.coalesced++
      const rests = this.#resting.has(name)
      const { since, refusals } = earlier ?? { since: now(), refusals: 0 }
      ;(rests ? this.#resting : this.#waiting).set(name, queued(write, since, refusals))
    }
    this.#pumpSoon()
    return undefined
  }

  /** What a key is, if the origin does not know it yet. */
  get(name: string): Write | undefined {
    return this.#next(name) ?? this.#writing.get(name)
  }

  /** While held, nothing is begun. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#pump()
  }

  /** Others own these slots and write their keys: what is not written yet never is. Returns how many keys that concerns. */
  forget(slots: ReadonlySet<number>): number {
    let forgotten = 0
    for (const name of new Set(this.names())) {
      const key = Buffer.from(name, 'latin1')
      if (!slots.has(keySlot(key, 0, key.length))) continue
      const next = this.#next(name)
      if (next !== undefined) this.#bytes -= bytesOf(next)
      this.#rests.get(name)?.()
      for (const map of [this.#waiting, this.#writing, this.#resting, this.#rests]) map.delete(name)
      forgotten++
    }
    this.#pump()
    return forgotten
  }

  /** Goes on for so many ms at most, takes nothing more, and then forgets what is left: so many keys. */
  async close(ms: number): Promise<number> {
    this.#isClosing = true
    this.#cancelRest?.()
    this.#cancelRest = undefined
    for (const [name, write] of [...this.#resting]) this.#wake(name, queued(write, write.since, 0))
    this.#pump()
    if (this.size > 0 && ms > 0 && !this.#isHeld) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.timers.after(ms, resolve)
        this.#tellEmpty = () => {
          cancel()
          resolve()
        }
      })
    }
    const lost = this.size
    for (const cancel of this.#rests.values()) cancel()
    for (const map of [this.#waiting, this.#writing, this.#resting, this.#rests]) map.clear()
    this.#bytes = 0
    this.#tellEmpty()
    return lost
  }

  #next(name: string): Queued | undefined {
    return this.#waiting.get(name) ?? this.#resting.get(name)
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
    if (this.#isHeld || this.#cancelRest !== undefined) return
    for (const [name, write] of this.#waiting) {
      if (this.#writing.size >= AT_ONCE) return
      // The one before it of the same key comes first.
      if (this.#writing.has(name)) continue
      // See `Writes.close`.
      const ms = this.#isClosing ? 0 : this.#options.restMs()
      if (ms > 0) {
        this.#rest(ms)
        return
      }
      this.#waiting.delete(name)
      this.#bytes -= bytesOf(write)
      this.#writing.set(name, write)
      void this.#options.write(write).then((failure) => {
        if (failure === undefined) this.#taken(name, write)
        else this.#refused(name, write, failure)
      })
    }
    if (this.#isClosing && this.size === 0) this.#tellEmpty()
  }

  #rest(ms: number): void {
    this.#cancelRest = this.#options.timers.after(ms, () => {
      this.#cancelRest = undefined
      this.#pump()
    })
  }

  #taken(name: string, write: Queued): void {
    if (this.#writing.get(name) === write) this.#writing.delete(name)
    this.#pump()
  }

  /** It is tried again, unless that is of no use, or the one that takes its place is. */
  #refused(name: string, write: Queued, { error }: Failure): void {
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
    const { since, refusals } = write
    this.#resting.set(name, queued(later ?? write, since, refusals + 1))
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(refusals, MOST_DOUBLINGS), LONGEST_PAUSE)
    const wake = (): void => {
      this.#wake(name, this.#resting.get(name))
      this.#pump()
    }
    this.#rests.set(name, this.#options.timers.after(pause, wake))
    this.#pump()
  }

  #wake(name: string, write: Queued | undefined): void {
    this.#rests.get(name)?.()
    this.#rests.delete(name)
    this.#resting.delete(name)
    if (write !== undefined) this.#waiting.set(name, write)
  }
}

/** Spelt out, and without what else came with the write: an object that begins with a spread one is a dictionary. */
function queued({ key, value, deadline }: Write, since: number, refusals: number): Queued {
  return { key, value, deadline, since, refusals }
}

function nameOf({ key }: Write): string {
  return key.toString('latin1')
}

function bytesOf({ key, value }: Write): number {
  return key.length + (value?.length ?? 0)
}
