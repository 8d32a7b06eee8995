// Writes that go to the origin: before the cache (through), or after it (behind), in order for each key.

import { isUtf8 } from 'node:buffer'
import type { Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import type { Governor } from '../governor.ts'
import { LazyAbortSignal, untilAborted } from '../lazy-abort-signal.ts'
import {
  BadRequest,
  isBadRequest,
  isNotApplied,
  type LoadContext,
  type Origin,
  type StoreContext,
} from '../origin.ts'
import { reasonOf } from '../result.ts'
import { WriteOrder } from './order.ts'
import { type Failure, type Write, WriteQueue } from './queue.ts'

/**
 * What a write of a client does besides changing the cache. `around`: nothing; `through`: the origin is written first;
 * `behind`: the origin is written later; `refuse`: there are no writes.
 */
export const WRITE_MODES = ['around', 'through', 'behind', 'refuse'] as const
export type WriteMode = (typeof WRITE_MODES)[number]

export interface WritePolicy {
  readonly mode: WriteMode
  /** Behind: most keys that wait to be written, and most bytes of these. */
  readonly queue: number
  readonly queueBytes: number
}

export const defaultWrites: WritePolicy = { mode: 'around', queue: 10_000, queueBytes: 64 * 2 ** 20 }

export interface WritesOptions extends WritePolicy {
  readonly group: string
  readonly origin: Origin
  /** A write longer than this fails; 0: no limit. */
  readonly timeoutMs: number
  readonly now: () => number
  readonly timers: Timers
  /** Decides when the origin is called, and whether; by default always. */
  readonly governor?: Governor | undefined
  /**
   * Told of a key of which the origin may hold something else than was written: it has refused a write that waited,
   * for good and for this reason; or, without one, a write that was given up has ended after all.
   */
  readonly failed?: (key: Buffer, reason: string | undefined) => void
}

/** What became of writes that belong together. The origin does not have the others, for certain. */
export interface WriteOutcome {
  /** Those that the origin has. */
  readonly taken: readonly Write[]
  /** Those that it may have, or that something came after: nobody knows what these keys are. */
  readonly unsure: readonly Write[]
  /** Why it does not have all of them. */
  readonly error?: string
  /** What the origin threw or rejected with, if that is the reason. */
  readonly cause?: unknown
}

const NO_WRITES: readonly Write[] = []

/** A class: a literal with a getter costs more than the rest of a write. */
class WriteContext implements StoreContext {
  readonly group: string
  readonly ttl?: number | undefined
  readonly #late: LazyAbortSignal

  constructor(group: string, ttl: number | undefined, late: LazyAbortSignal) {
    this.group = group
    this.ttl = ttl
    this.#late = late
  }

  get signal(): AbortSignal {
    return this.#late.signal
  }
}

/** Behind: the origin is looked at again after so many ms when somebody else tries whether it is well. */
const BREAKER_POLL_MS = 100

/**
 * For so many ms at most, new writes of the keys of a slot wait for those before them to end, so that the slot can go.
 * Not again before the origin has taken something, if that was not enough.
 */
const MAX_PAUSE_MS = 2000

export class Writes {
  /** Writes that the origin has taken, tries that failed, and, behind, writes that it has refused for good. */
  written = 0
  failures = 0
  refused = 0
  readonly mode: WriteMode
  readonly #options: WritesOptions
  readonly #order = new WriteOrder()
  readonly #queue: WriteQueue
  /** Calls of the origin under way. */
  readonly #calls = new Set<LazyAbortSignal>()
  /** Keys, as latin1, that somebody has and that were said meanwhile to have changed at the source. */
  readonly #changed = new Set<string>()
  #mayPause = true
  #isClosing = false

  constructor(options: WritesOptions) {
    this.#options = options
    this.mode = options.mode
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

  resetCounters(): void {
    this.written = 0
    this.failures = 0
    this.refused = 0
    this.#queue.coalesced = 0
  }

  /** Behind: writes that a later one of their key replaced. */
  get coalesced(): number {
    return this.#queue.coalesced
  }

  /** Behind: keys whose last write the origin has not taken yet. */
  get pending(): number {
    return this.#queue.size
  }

  /** Behind: for how many ms the oldest of them has waited. */
  get lagMs(): number {
    return this.#queue.lagMs
  }

  /** Whether somebody has this key alone, or has to wait for it; it is given as latin1. */
  has(name: string): boolean {
    return this.#order.isLocked(name)
  }

  /** Whether somebody has one of these keys, or nobody may have it now. */
  areBusy(writes: readonly Write[]): boolean {
    return this.#order.areBusy(writes)
  }

  /** Runs something while nobody else has one of these keys, in the order of the calls. */
  exclusive<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    return this.#order.exclusive(keys, run)
  }

  /** The source says, or somebody who should know, that a key has changed there: what is being written may be older. */
  noteChange(key: Buffer): void {
    if (this.mode !== 'through') return
    const name = key.toString('latin1')
    if (this.#order.isLocked(name)) this.#changed.add(name)
  }

  /** Any key may have changed there. */
  noteAllChanged(): void {
    if (this.mode === 'through') for (const name of this.#order.names) this.#changed.add(name)
  }

  /**
   * Through: removals only when all values are there, so that what is renamed is never nowhere. Whoever has the keys
   * alone may call it. `conclude` is called at once when it is known what became of them.
   */
  async through<T>(writes: readonly Write[], conclude: (outcome: WriteOutcome) => T): Promise<T> {
    const refused = this.#refusalOf(writes)
    if (refused !== undefined) return conclude({ taken: NO_WRITES, unsure: NO_WRITES, error: refused })
    for (const { key } of this.#changed.size === 0 ? NO_WRITES : writes)
      this.#changed.delete(key.toString('latin1'))
    if (writes.length === 1) {
      const failure = await this.#write(writes[0])
      return conclude(this.#outcomeOf(writes, [failure]))
    }
    const stores = writes.filter(({ value }) => value !== null)
    const removals = writes.filter(({ value }) => value === null)
    const failures = await Promise.all(stores.map((write) => this.#write(write)))
    if (!failures.some((failure) => failure !== undefined))
      failures.push(...(await Promise.all(removals.map((write) => this.#write(write)))))
    return conclude(this.#outcomeOf([...stores, ...removals], failures))
  }

  /** Behind: why these writes cannot be remembered, and none is; `undefined`: they are. */
  enqueue(writes: readonly Write[]): string | undefined {
    return this.#refusalOf(writes) ?? this.#queue.add(writes)
  }

  /** What a load has to give for a key that the origin does not know yet; `undefined`: ask the origin. */
  pendingResult(key: Buffer): Write | undefined {
    return this.mode === 'behind' ? this.#queue.get(key.toString('latin1')) : undefined
  }

  // Where slots change hands: nobody else may own one while writes of its keys are on their way from here.

  /** The slots of the keys that are being written, or wait for it. */
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

  /** Somebody else is to own these slots as soon as their keys are written: new writes of these wait for that. */
  pauseWrites(slots: readonly number[]): void {
    if (!this.#mayPause) return
    this.#order.pause(slots, MAX_PAUSE_MS, this.#options.timers)
    // An origin that is down must not keep clients waiting again and again.
    this.#mayPause = false
  }

  /** Somebody else owns these slots. Returns how many keys will not be written that should have been. */
  slotsLost(slots: ReadonlySet<number>): number {
    const forgotten = this.#queue.drop(slots)
    this.#order.unpause([...slots])
    return forgotten
  }

  /** While it is not certain that this node owns what it writes, nothing that waits is written. */
  setPaused(isHeld: boolean): void {
    this.#queue.setPaused(isHeld)
  }

  /**
   * Writes what waits for so many ms at most, whatever the breaker says. Resolves to how many keys are lost: the origin
   * may have taken some.
   */
  async close(ms: number): Promise<number> {
    this.#isClosing = true
    const lost = await this.#queue.close(ms)
    for (const call of this.#calls) call.abort(new Error('the node is closing'))
    return lost
  }

  /** Why the origin is not to be told of these. */
  #refusalOf(writes: readonly Write[]): string | undefined {
    const { origin } = this.#options
    for (const { key } of writes) {
      if (!isUtf8(key)) return KEY_NOT_UTF8
      if (origin.knows?.(key.toString('utf8')) === false) return NO_SUCH_KEY
    }
    return undefined
  }

  /** Of so many of the writes as there are failures: the others were not tried. */
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

  /** Resolves to why the origin has not taken it. */
  async #write({ key, value, deadline }: Write): Promise<Failure | undefined> {
    const { origin, group, timeoutMs, timers, governor, now, failed } = this.#options
    const late = new LazyAbortSignal()
    const ttl = deadline === undefined ? undefined : Math.max(1, deadline - now())
    const context = new WriteContext(group, ttl, late)
    const asked: { was: boolean; ends?: Promise<void> | void } = { was: false }
    const call = (): Promise<void> | void => {
      asked.was = true
      asked.ends = write(origin, key.toString('utf8'), value, context)
      return asked.ends
    }
    const expire = (): void => late.abort(new Error(`timed out after ${timeoutMs} ms`))
    const cancel = timeoutMs === 0 ? undefined : timers.after(timeoutMs, expire)
    this.#calls.add(late)
    const isFree = governor === undefined || (this.#isClosing && this.mode === 'behind')
    try {
      await (isFree ? untilAborted(late, call) : governor.run(late, false, call, 'write'))
      this.written++
      this.#mayPause = true
      return undefined
    } catch (error) {
      this.failures++
      // Since it was given up, somebody may have loaded what was there before.
      if (late.isAborted)
        asked.ends?.then(
          () => failed?.(key, undefined),
          () => undefined,
        )
      const isFromOrigin = asked.was && !late.isAborted
      return { error, isFromOrigin, isUnsure: asked.was && !isBadRequest(error) && !isNotApplied(error) }
    } finally {
      cancel?.()
      this.#calls.delete(late)
    }
  }

  #waitMs(): number {
    const { governor } = this.#options
    return governor?.isOpen === true ? Math.max(governor.openForMs, BREAKER_POLL_MS) : 0
  }
}

/** An origin knows keys as text: what is none would be written under another one. */
const KEY_NOT_UTF8 = 'a key that is not UTF-8 cannot be written to the origin'
const NO_SUCH_KEY = 'there are no such keys'

function write(
  origin: Origin,
  key: string,
  value: Buffer | null,
  context: LoadContext,
): Promise<void> | void {
  if (value !== null) {
    if (origin.store === undefined) throw new BadRequest('the origin cannot store')
    return origin.store(key, value, context)
  }
  if (origin.remove === undefined) throw new BadRequest('the origin cannot remove')
  return origin.remove(key, context)
}
