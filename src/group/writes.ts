// Writes that go to the origin: before the cache (through), or after it (behind), in order for each key.

import { isUtf8 } from 'node:buffer'
import type { Timers } from '../bytes/clock.ts'
import { keySlot } from '../bytes/crc16.ts'
import { type Governor, untilAborted } from './governor.ts'
import { LateSignal } from './late-signal.ts'
import type { LoadContext, Origin } from './origin.ts'
import { reasonOf } from './result.ts'
import { Turns } from './turns.ts'
import { type Write, WriteQueue } from './write-queue.ts'

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
}

/** What became of writes that belong together. */
export interface Outcome {
  /** Those that the origin has. */
  readonly taken: readonly Write[]
  /** Why it does not have all of them. */
  readonly error?: string
}

/** Behind: the origin is looked at again after so many ms when somebody else tries whether it is well. */
const LOOK_AGAIN = 100

/**
 * For so many ms at most, new writes of the keys of a slot wait for those before them to end, so that the slot can go.
 * Not again before the origin has taken something, if that was not enough.
 */
const GIVE_WAY = 2000

export class Writes {
  /** Writes that the origin has taken, and tries that failed. */
  written = 0
  failures = 0
  readonly mode: WriteMode
  readonly #options: WritesOptions
  readonly #turns = new Turns()
  readonly #queue: WriteQueue
  /** Calls of the origin under way. */
  readonly #calls = new Set<LateSignal>()
  #givesWay = true
  #isClosing = false

  constructor(options: WritesOptions) {
    this.#options = options
    this.mode = options.mode
    this.#queue = new WriteQueue({
      ...options,
      write: (write) => this.#write(write),
      restMs: () => this.#restMs(),
    })
  }

  resetCounters(): void {
    this.written = 0
    this.failures = 0
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

  /** Whether somebody has this key alone; it is given as latin1. */
  has(name: string): boolean {
    return this.#turns.has(name)
  }

  /** Runs something while nobody else has one of these keys, in the order of the calls. */
  alone<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    return this.#turns.alone(keys, run)
  }

  /** Through: removals only when all values are there, so that what is renamed is never nowhere. Never rejects. */
  async through(writes: readonly Write[]): Promise<Outcome> {
    const bad = writes.find(({ key }) => !isUtf8(key))
    if (bad !== undefined) return { taken: [], error: NOT_TEXT }
    if (writes.length === 1) {
      const error = await this.#write(writes[0]).catch(reasonOf)
      return error === undefined ? { taken: writes } : { taken: [], error }
    }
    const stored = await this.#writeAll(writes.filter(({ value }) => value !== null))
    if (stored.error !== undefined) return stored
    const removed = await this.#writeAll(writes.filter(({ value }) => value === null))
    return { ...removed, taken: [...stored.taken, ...removed.taken] }
  }

  /** Behind: why these writes cannot be remembered, and none is; `undefined`: they are. */
  enqueue(writes: readonly Write[]): string | undefined {
    const isBad = writes.some(({ key }) => !isUtf8(key))
    return isBad ? NOT_TEXT : this.#queue.add(writes)
  }

  /** What a load has to give for a key that the origin does not know yet; `undefined`: ask the origin. */
  unwritten(key: Buffer): Write | undefined {
    return this.mode === 'behind' ? this.#queue.get(key.toString('latin1')) : undefined
  }

  // Where slots change hands: nobody else may own one while writes of its keys are on their way from here.

  /** The slots of the keys that are being written, or wait for it. */
  slots(): ReadonlySet<number> {
    const slots = new Set<number>()
    for (const names of [this.#turns.names, this.#queue.names()]) {
      for (const name of names) {
        const key = Buffer.from(name, 'latin1')
        slots.add(keySlot(key, 0, key.length))
      }
    }
    return slots
  }

  /** Somebody else is to own these slots as soon as their keys are written: new writes of these wait for that. */
  giveWay(slots: readonly number[]): void {
    if (!this.#givesWay) return
    this.#turns.shut(slots, GIVE_WAY, this.#options.timers)
    // An origin that is down must not keep clients waiting again and again.
    this.#givesWay = false
  }

  /** Somebody else owns these slots. Returns how many keys will not be written that should have been. */
  lost(slots: ReadonlySet<number>): number {
    const forgotten = this.#queue.forget(slots)
    this.#turns.open([...slots])
    return forgotten
  }

  /** While it is not certain that this node owns what it writes, nothing that waits is written. */
  hold(isHeld: boolean): void {
    this.#queue.hold(isHeld)
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

  async #writeAll(writes: readonly Write[]): Promise<Outcome> {
    const errors = await Promise.all(writes.map((write) => this.#write(write).catch(reasonOf)))
    const taken = writes.filter((_, i) => errors[i] === undefined)
    const error = errors.find((each) => each !== undefined)
    return error === undefined ? { taken } : { taken, error }
  }

  async #write({ key, value, deadline }: Write): Promise<undefined> {
    const { origin, group, timeoutMs, timers, governor, now } = this.#options
    const late = new LateSignal()
    const context = {
      group,
      ...(deadline === undefined ? undefined : { ttl: Math.max(1, deadline - now()) }),
      get signal() {
        return late.signal
      },
    }
    const call = (): Promise<void> | void => write(origin, key.toString('utf8'), value, context)
    const expire = (): void => late.abort(new Error(`timed out after ${timeoutMs} ms`))
    const cancel = timeoutMs === 0 ? undefined : timers.after(timeoutMs, expire)
    this.#calls.add(late)
    const isFree = governor === undefined || (this.#isClosing && this.mode === 'behind')
    try {
      await (isFree ? untilAborted(late, call) : governor.run(late, false, call, 'write'))
      this.written++
      this.#givesWay = true
    } catch (error) {
      this.failures++
      throw error
    } finally {
      cancel?.()
      this.#calls.delete(late)
    }
  }

  #restMs(): number {
    const { governor } = this.#options
    return governor?.isOpen === true ? Math.max(governor.restMs, LOOK_AGAIN) : 0
  }
}

/** An origin knows keys as text: what is none would be written under another one. */
const NOT_TEXT = 'a key that is not UTF-8 cannot be written to the origin'

function write(
  origin: Origin,
  key: string,
  value: Buffer | null,
  context: LoadContext,
): Promise<void> | void {
  if (value !== null) {
    if (origin.store === undefined) throw new Error('the origin cannot store')
    return origin.store(key, value, context)
  }
  if (origin.remove === undefined) throw new Error('the origin cannot remove')
  return origin.remove(key, context)
}
