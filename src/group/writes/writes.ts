// Writes to the origin: before the cache (write-through) or after it (write-behind), in order for each key.

import { isUtf8 } from 'node:buffer'
import { keySlot } from '../../bytes/crc16.ts'
import { activeContext, type Context } from '../../telemetry/tracing.ts'
import { unknownKey } from '../origin.ts'
import { reasonOf } from '../result.ts'
import { WriteCalls, type WrittenOrigin } from './calls.ts'
import { WriteOrder } from './order.ts'
import { type Failure, type Write, WriteQueue } from './queue.ts'

/**
 * What a client's write does besides changing the cache. `around`: nothing; `through`: it writes to the origin first;
 * `behind`: it writes to the origin later; `refuse`: it is rejected.
 */
export const WRITE_MODES = ['around', 'through', 'behind', 'refuse'] as const
export type WriteMode = (typeof WRITE_MODES)[number]

export interface WritePolicy {
  readonly mode: WriteMode
  /** Write-behind queue limits: keys, and bytes of these. */
  readonly queue: number
  readonly queueBytes: number
}

export const defaultWrites: WritePolicy = { mode: 'around', queue: 10_000, queueBytes: 64 * 2 ** 20 }

export interface WritesOptions extends WritePolicy, WrittenOrigin {
  /**
   * Called when the origin may have another value of the key than the cache: it has rejected a queued write for good,
   * for this reason; or, without a reason, it has applied a write after its timeout.
   */
  readonly failed?: (key: Buffer, reason: string | undefined) => void
}

/** The outcome of a group of writes. Writes in neither list were certainly not applied. */
export interface WriteOutcome {
  /** Applied by the origin. */
  readonly taken: readonly Write[]
  /** Possibly applied, or followed by another change: the values of these keys are unknown. */
  readonly unsure: readonly Write[]
  /** The first error, if not all were applied. */
  readonly error?: string
  /** What the origin threw or rejected with, if that is the reason. */
  readonly cause?: unknown
}

const NO_WRITES: readonly Write[] = []

/** Write-behind: the interval at which a half-open circuit breaker is checked while another call is its trial, ms. */
const BREAKER_POLL_MS = 100

/**
 * For how long at most new writes in a slot wait for earlier ones to end, so that the slot can be released, ms. There
 * is no second pause before the origin has accepted a write.
 */
const MAX_PAUSE_MS = 2000

export class Writes {
  /** Write-behind: writes that the origin rejected for good. */
  refused = 0
  /** The mode of writes that begin now. */
  mode: WriteMode
  #options: WritesOptions
  readonly #order = new WriteOrder()
  readonly #queue: WriteQueue
  readonly #calls: WriteCalls
  /** Keys, as latin1, that were reported as changed at the source while a write of them was pending. */
  readonly #changed = new Set<string>()
  #mayPause = true
  #isClosing = false
  #isRetired = false

  constructor(options: WritesOptions) {
    this.#options = options
    this.mode = options.mode
    this.#calls = new WriteCalls({
      ...options,
      accepted: () => {
        this.#mayPause = true
      },
      appliedLate: (key) => options.failed?.(key, undefined),
    })
    this.#queue = new WriteQueue({
      ...options,
      write: (write) => this.#write(write),
      waitMs: () => this.#waitMs(),
      drop: ({ key }, error) => {
        this.refused++
        options.failed?.(key, reasonOf(error))
      },
    })
  }

  /**
   * Takes over another policy or origin. Running calls end as they began; queued writes go to the new origin. Not to be
   * called with another source, or for another mode than `behind`, while writes are queued.
   */
  reconfigure(options: Partial<WritesOptions>): void {
    if (options.mode !== undefined && options.mode !== this.mode) this.noteAllChanged()
    this.#options = { ...this.#options, ...options }
    const { mode, queue, queueBytes, group, origin, timeoutMs, governor, calls } = this.#options
    this.mode = mode
    this.#calls.reconfigure({ group, origin, timeoutMs, governor, calls })
    this.#queue.reconfigure({ queue, queueBytes })
  }

  /** The group is removed: writes of commands that are still running are refused. */
  retire(): void {
    this.#isRetired = true
  }

  /** Resolves when the calls of the origin that run now have ended; later ones may run. */
  whenEnded(): Promise<void> {
    return this.#calls.whenEnded()
  }

  resetCounters(): void {
    this.#calls.written = 0
    this.#calls.failures = 0
    this.refused = 0
    this.#queue.coalesced = 0
  }

  /** Writes that the origin accepted. */
  get written(): number {
    return this.#calls.written
  }

  /** Attempts to write that failed. */
  get failures(): number {
    return this.#calls.failures
  }

  /** Write-behind: writes that a later one of their key replaced. */
  get coalesced(): number {
    return this.#queue.coalesced
  }

  /** Write-behind: keys whose last write the origin has not accepted yet. */
  get pending(): number {
    return this.#queue.size
  }

  /** Write-behind: the age of the oldest of them in ms. */
  get lagMs(): number {
    return this.#queue.lagMs
  }

  /** Whether a write of the key, given as latin1, runs or is queued. */
  has(name: string): boolean {
    return this.#order.isLocked(name)
  }

  /** Whether a write of one of these keys would have to wait. */
  areBusy(writes: readonly Write[]): boolean {
    return this.#order.areBusy(writes)
  }

  /** Runs a function while no other write of these keys runs, in the order of the calls. */
  exclusive<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    return this.#order.exclusive(keys, run)
  }

  /** A key was reported as changed at the source: a write in progress may be older than that change. */
  noteChange(key: Buffer): void {
    if (this.mode !== 'through') return
    const name = key.toString('latin1')
    if (this.#order.isLocked(name)) this.#changed.add(name)
  }

  /** Any key may have changed at the source. */
  noteAllChanged(): void {
    if (this.mode === 'through') for (const name of this.#order.names) this.#changed.add(name)
  }

  /**
   * Write-through. Removals start only after all values are stored, so that a renamed value always exists somewhere.
   * Call it within `exclusive` for these keys. `conclude` is called synchronously once the outcome is known.
   */
  async through<T>(writes: readonly Write[], conclude: (outcome: WriteOutcome) => T): Promise<T> {
    const refused = this.#refusalOf(writes)
    if (refused !== undefined) return conclude({ taken: NO_WRITES, unsure: NO_WRITES, error: refused })
    for (const { key } of this.#changed.size === 0 ? NO_WRITES : writes)
      this.#changed.delete(key.toString('latin1'))
    const trace = activeContext()
    if (writes.length === 1) {
      const failure = await this.#write(writes[0], trace)
      return conclude(this.#outcomeOf(writes, [failure]))
    }
    const stores = writes.filter(({ value }) => value !== null)
    const removals = writes.filter(({ value }) => value === null)
    const failures = await Promise.all(stores.map((write) => this.#write(write, trace)))
    if (!failures.some((failure) => failure !== undefined))
      failures.push(...(await Promise.all(removals.map((write) => this.#write(write, trace)))))
    return conclude(this.#outcomeOf([...stores, ...removals], failures))
  }

  /** Write-behind: queues all of these writes, or none: then returns why. */
  enqueue(writes: readonly Write[]): string | undefined {
    return this.#refusalOf(writes) ?? this.#queue.add(writes)
  }

  /** The pending write that a load must return instead of asking the origin; `undefined`: there is none. */
  pendingResult(key: Buffer): Write | undefined {
    return this.mode === 'behind' ? this.#queue.get(key.toString('latin1')) : undefined
  }

  // Release of slots: a slot must not be released while writes of its keys are pending here.

  /** The slots with pending writes. */
  slots(): ReadonlySet<number> {
    const slots = new Set<number>()
    for (const names of [this.#order.names, this.#queue.names()]) {
      for (const name of names) {
        const key = Buffer.from(name, 'latin1')
        slots.add(keySlot(key, 0, key.length))
      }
    }
    return slots
  }

  /** These slots are to be released once their pending writes have ended: new writes wait. */
  pauseWrites(slots: readonly number[]): void {
    if (!this.#mayPause) return
    this.#order.pause(slots, MAX_PAUSE_MS, this.#options.timers)
    // A second pause must not follow while the origin is down: clients would wait again and again.
    this.#mayPause = false
  }

  /** Other nodes own these slots now. Returns the number of keys whose queued writes were dropped. */
  slotsLost(slots: ReadonlySet<number>): number {
    const forgotten = this.#queue.drop(slots)
    this.#order.unpause([...slots])
    return forgotten
  }

  /** No queued write starts while this node does not know whether it still owns its slots. */
  setPaused(isPaused: boolean): void {
    this.#queue.setPaused(isPaused)
  }

  /**
   * Flushes the queue for `ms` at most, ignoring the circuit breaker. Resolves to the number of keys whose writes are
   * lost; the origin may have applied some of them.
   */
  async close(ms: number): Promise<number> {
    this.#isClosing = true
    const lost = await this.#queue.close(ms)
    this.#calls.abort(new Error('the node is closing'))
    return lost
  }

  /** The reason why these writes must not be sent to the origin; `undefined`: they may. */
  #refusalOf(writes: readonly Write[]): string | undefined {
    const { origin } = this.#options
    if (this.#isRetired) return GROUP_REMOVED
    for (const { key } of writes) {
      if (!isUtf8(key)) return KEY_NOT_UTF8
      if (origin.knows?.(key.toString('utf8')) === false) return unknownKey(origin)
    }
    return undefined
  }

  /** `failures` may be shorter than `writes`: the remaining ones were not attempted. */
  #outcomeOf(writes: readonly Write[], failures: readonly (Failure | undefined)[]): WriteOutcome {
    const taken: Write[] = []
    const unsure: Write[] = []
    let error: string | undefined
    let cause: unknown
    for (const [i, failure] of failures.entries()) {
      const { key } = writes[i]
      const isOld = this.#changed.size > 0 && this.#changed.delete(key.toString('latin1'))
      if (isOld || failure?.isUnsure === true) unsure.push(writes[i])
      else if (failure === undefined) taken.push(writes[i])
      if (failure === undefined || error !== undefined) continue
      error = reasonOf(failure.error)
      if (failure.isFromOrigin) cause = failure.error
    }
    return error === undefined ? { taken, unsure } : { taken, unsure, error, cause }
  }

  /** Resolves to the failure, or `undefined`. */
  #write(write: Write, trace?: Context): Promise<Failure | undefined> {
    return this.#calls.run(write, this.#isClosing && this.mode === 'behind', trace)
  }

  #waitMs(): number {
    const { governor } = this.#options
    return governor?.isOpen === true ? Math.max(governor.openForMs, BREAKER_POLL_MS) : 0
  }
}

/** The error of loads and writes of a removed group. */
export const GROUP_REMOVED = 'the group was removed from the configuration'

/** Origins get keys as text: other bytes would be written under another key. */
const KEY_NOT_UTF8 =
  'a key that is not UTF-8 cannot be written to the origin: encode it as text, or select a group whose `write` is `around`'
