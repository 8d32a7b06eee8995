// Single flight: at most one load under way per key, shared by everyone who misses it meanwhile.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { LoadContext, Origin, OriginValue } from './origin.ts'

/** How a load ended. */
export interface Landing {
  /** The value; `null`: the origin has no such key. */
  readonly value: Buffer | null
  /** Why there is no answer, in words; then `value` means nothing. */
  readonly error?: string
  /** Whether a write of the key happened meanwhile: the waiters get the value, the store does not. */
  readonly fenced: boolean
  /** How long the origin took, in milliseconds. */
  readonly ms: number
}

/** Called once, never synchronously with `join`. */
export type Waiter = (landing: Landing) => void

/** An origin is not asked for longer keys, of which several copies would be made for each load. */
export const MAX_KEY_BYTES = 2 ** 20

const CLOSING = 'the node is closing'

/** One load under way. */
export class Flight {
  readonly key: Buffer
  readonly waiters: Waiter[] = []
  readonly startedAt: number
  fenced = false
  landed = false
  cancelTimer: CancelTimer | undefined

  #abort: AbortController | undefined
  #abortReason: Error | undefined

  constructor(key: Buffer, startedAt: number) {
    this.key = key
    this.startedAt = startedAt
  }

  /** Made when the origin asks for it: most do not, and it costs as much as the rest of a flight. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason)
    }
    return this.#abort.signal
  }

  /** Tells the origin that its answer is no longer wanted. */
  abort(reason: Error): void {
    this.#abortReason = reason
    this.#abort?.abort(reason)
  }
}

export interface FlightOptions {
  readonly group: string
  readonly origin: Origin
  /** A load longer than this fails for its waiters; 0: no limit. */
  readonly timeoutMs: number
  readonly now: () => number
  readonly timers: Timers
  /** Called before the waiters, with every landing that has no error; keeps its value unless it was fenced. May return an error. */
  readonly store: (key: Buffer, landing: Landing) => string | undefined
  /** Told what `store` or a waiter threw: a fault of the node, not of the origin. */
  readonly reportFault: (error: unknown) => void
}

export class Flights {
  /** Loads started, loads that failed, misses that joined a flight under way, flights fenced. */
  loads = 0
  failures = 0
  joined = 0
  fenced = 0
  readonly #flights = new Map<string, Flight>()
  /** Flights that nobody can join any more, because a write fenced them. */
  readonly #adrift = new Set<Flight>()
  #closed = false
  readonly #options: FlightOptions

  constructor(options: FlightOptions) {
    this.#options = options
  }

  /** Loads under way that a new miss would join. */
  get size(): number {
    return this.#flights.size
  }

  get(key: Buffer): Flight | undefined {
    return key.length > MAX_KEY_BYTES ? undefined : this.#flights.get(key.toString('latin1'))
  }

  /** Waits for the load of `key`, starting it if none is under way. The bytes of `key` must not change. */
  join(key: Buffer, waiter: Waiter): void {
    if (key.length > MAX_KEY_BYTES) {
      const error = `a key of ${key.length} bytes is not asked for, the longest has ${MAX_KEY_BYTES}`
      queueMicrotask(() => this.#tell(waiter, { value: null, error, fenced: false, ms: 0 }))
      return
    }
    const name = key.toString('latin1')
    const under = this.#flights.get(name)
    if (under !== undefined) {
      this.joined++
      under.waiters.push(waiter)
      return
    }
    const flight = new Flight(key, this.#options.now())
    flight.waiters.push(waiter)
    this.#flights.set(name, flight)
    this.loads++
    const { timeoutMs, timers } = this.#options
    if (timeoutMs > 0) {
      flight.cancelTimer = timers.after(timeoutMs, () => {
        this.#land(flight, null, `timed out after ${timeoutMs} ms`)
      })
    }
    void this.#fly(flight)
  }

  /** A write of `bytes[start, end)` happened: the load under way for it must not be stored, nor joined any more. */
  fence(bytes: Buffer, start: number, end: number): void {
    if (this.#flights.size === 0 || end - start > MAX_KEY_BYTES) return
    const name = bytes.toString('latin1', start, end)
    const flight = this.#flights.get(name)
    if (flight === undefined) return
    this.#cast(flight)
    this.#flights.delete(name)
  }

  fenceAll(): void {
    this.fenceThose(() => true)
  }

  /** Fences the loads of keys that a test picks. */
  fenceThose(isMeant: (key: Buffer) => boolean): void {
    for (const [name, flight] of this.#flights) {
      if (!isMeant(flight.key)) continue
      this.#cast(flight)
      this.#flights.delete(name)
    }
  }

  /** Ends every flight with an error, and tells the origin that the answers are no longer wanted. It is not asked again. */
  close(): void {
    this.#closed = true
    for (const flight of [...this.#flights.values(), ...this.#adrift]) this.#land(flight, null, CLOSING)
  }

  #cast(flight: Flight): void {
    flight.fenced = true
    this.fenced++
    this.#adrift.add(flight)
  }

  async #fly(flight: Flight): Promise<void> {
    const { origin, group } = this.#options
    const context: LoadContext = {
      group,
      get signal() {
        return flight.signal
      },
    }
    let value: Buffer | null = null
    let error: string | undefined
    try {
      // The origin's own code runs after this turn: a loader that throws at once still fails as a load.
      await undefined
      if (this.#closed) error = CLOSING
      else value = toBuffer(await origin.load(flight.key.toString('utf8'), context))
    } catch (thrown) {
      error = reasonOf(thrown)
    }
    this.#land(flight, value, error)
  }

  #land(flight: Flight, value: Buffer | null, error: string | undefined): void {
    if (flight.landed) return
    flight.landed = true
    flight.cancelTimer?.()
    // Released first: whatever the waiters do, a later miss starts anew.
    const name = flight.key.toString('latin1')
    if (this.#flights.get(name) === flight) this.#flights.delete(name)
    this.#adrift.delete(flight)
    if (error !== undefined) flight.abort(new Error(error))
    const ms = Math.max(0, Math.round(this.#options.now() - flight.startedAt))
    let landing: Landing = { value, error, fenced: flight.fenced, ms }
    if (error === undefined) {
      const refused = this.#store(flight.key, landing)
      if (refused !== undefined) landing = { ...landing, error: refused }
    }
    if (landing.error !== undefined) this.failures++
    for (const waiter of flight.waiters) this.#tell(waiter, landing)
  }

  /** A waiter that throws does not keep the others from their answer. */
  #tell(waiter: Waiter, landing: Landing): void {
    try {
      waiter(landing)
    } catch (error) {
      this.#options.reportFault(error)
    }
  }

  /** Whoever waits is told, also when the machine has no memory for the value. */
  #store(key: Buffer, landing: Landing): string | undefined {
    try {
      return this.#options.store(key, landing)
    } catch (error) {
      this.#options.reportFault(error)
      return reasonOf(error)
    }
  }
}

function toBuffer(value: OriginValue): Buffer | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new TypeError(`the origin gave ${describe(value)}, not a string, bytes or null`)
}

function describe(value: unknown): string {
  if (typeof value !== 'object') return `a ${typeof value}`
  return Array.isArray(value) ? 'an array' : 'an object'
}

/** One line, short enough for an error reply. */
function reasonOf(error: unknown): string {
  const line = textOf(error).replace(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line || 'failed'
}

/** Anything can be thrown, also what throws when it is looked at. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message || error.name : error)
  } catch {
    return 'failed with an error that has no text'
  }
}
