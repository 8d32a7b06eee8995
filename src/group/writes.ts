// Writes that go to the origin: before the cache (through), or after it (behind), in order for each key.

import { isUtf8 } from 'node:buffer'
import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { LoadContext, Origin, OriginResult } from './origin.ts'
import { reasonOf } from './result.ts'

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

/** What a key has become: its value, or nothing. */
export interface Write {
  readonly key: Buffer
  readonly value: Buffer | null
}

export interface WritesOptions extends WritePolicy {
  readonly group: string
  readonly origin: Origin
  /** A write longer than this fails; 0: no limit. */
  readonly timeoutMs: number
  readonly now: () => number
  readonly timers: Timers
}

/** Behind: calls of the origin at once, and pauses between tries, in ms. */
const AT_ONCE = 8
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 30_000

interface Pending extends Write {
  /** When the oldest of the writes that it stands for came. */
  readonly since: number
}

export class Writes {
  /** Writes that the origin has taken, tries that failed, and writes that a later one of their key replaced. */
  written = 0
  failures = 0
  coalesced = 0
  readonly mode: WriteMode
  readonly #options: WritesOptions
  /** By key: ends when the last of those that want it alone has had it. */
  readonly #turns = new Map<string, Promise<void>>()
  /** Behind: what waits and what is being written, by key, the oldest first. */
  readonly #pending = new Map<string, Pending>()
  readonly #writing = new Map<string, Pending>()
  #bytes = 0
  #pause = FIRST_PAUSE
  #cancelPause: CancelTimer | undefined
  #isClosing = false
  #idle: (() => void)[] = []

  constructor(options: WritesOptions) {
    this.#options = options
    this.mode = options.mode
  }

  /** Keys whose last write the origin has not taken yet. */
  get pending(): number {
    let both = 0
    for (const name of this.#writing.keys()) if (this.#pending.has(name)) both++
    return this.#pending.size + this.#writing.size - both
  }

  /** For how many ms the oldest of them has waited. */
  get lagMs(): number {
    let since = Number.POSITIVE_INFINITY
    for (const queue of [this.#writing, this.#pending])
      for (const write of queue.values()) since = Math.min(since, write.since)
    return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#options.now() - since)
  }

  /** Runs something while nobody else has one of these keys, in the order of the calls. */
  async alone<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    const names = new Set(keys.map((key) => key.toString('latin1')))
    const before = [...names].map((name) => this.#turns.get(name))
    let end = (): void => undefined
    const turn = new Promise<void>((resolve) => {
      end = resolve
    })
    for (const name of names) this.#turns.set(name, turn)
    try {
      await Promise.all(before)
      return await run()
    } finally {
      for (const name of names) if (this.#turns.get(name) === turn) this.#turns.delete(name)
      end()
    }
  }

  /** Through: resolves when the origin has taken all. Rejects when it refused one: others may have been taken. */
  async through(writes: readonly Write[]): Promise<void> {
    for (const write of writes) checkKey(write.key)
    const ends = await Promise.allSettled(writes.map((write) => this.#write(write)))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Behind: whether these writes could be remembered; if not, none is. */
  enqueue(writes: readonly Write[]): boolean {
    const { queue, queueBytes, now } = this.#options
    for (const write of writes) checkKey(write.key)
    const added = writes.filter(({ key }) => !this.#pending.has(key.toString('latin1')))
    const bytes = writes.reduce((sum, write) => sum + bytesOf(write), 0)
    const isFull = this.#pending.size + added.length > queue || this.#bytes + bytes > queueBytes
    if (this.#isClosing || (isFull && writes.length > 0)) return false
    for (const write of writes) {
      const name = write.key.toString('latin1')
      const earlier = this.#pending.get(name)
      if (earlier !== undefined) {
        this.coalesced++
        this.#bytes -= bytesOf(earlier)
      }
      this.#pending.set(name, { ...write, since: earlier?.since ?? now() })
      this.#bytes += bytesOf(write)
    }
    this.#pump()
    return true
  }

  /** What a load has to give for a key that the origin does not have yet; `undefined`: ask the origin. */
  unwritten(key: string): Write | undefined {
    const name = Buffer.from(key, 'utf8').toString('latin1')
    return this.#pending.get(name) ?? this.#writing.get(name)
  }

  /** Writes what waits, each at most once more. Resolves to how many keys are lost. */
  async close(): Promise<number> {
    this.#isClosing = true
    this.#cancelPause?.()
    this.#cancelPause = undefined
    this.#pump()
    if (this.pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
    return this.#lost
  }

  #lost = 0

  #pump(): void {
    if (this.#cancelPause !== undefined) return
    for (const [name, write] of this.#pending) {
      if (this.#writing.size >= AT_ONCE) return
      // The one before it of the same key comes first.
      if (this.#writing.has(name)) continue
      this.#pending.delete(name)
      this.#bytes -= bytesOf(write)
      this.#writing.set(name, write)
      void this.#write(write).then(
        () => this.#taken(name),
        () => this.#refused(name, write),
      )
    }
    if (this.pending === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #taken(name: string): void {
    this.#writing.delete(name)
    this.#pause = FIRST_PAUSE
    this.#pump()
  }

  /** It is tried again, unless a later write of the key takes its place. */
  #refused(name: string, write: Pending): void {
    this.#writing.delete(name)
    const later = this.#pending.get(name)
    if (this.#isClosing && later === undefined) this.#lost++
    else if (later !== undefined) {
      this.coalesced++
      this.#pending.set(name, { ...later, since: write.since })
    } else {
      this.#pending.set(name, write)
      this.#bytes += bytesOf(write)
    }
    if (this.#isClosing || this.#cancelPause !== undefined) {
      this.#pump()
      return
    }
    this.#cancelPause = this.#options.timers.after(this.#pause, () => {
      this.#cancelPause = undefined
      this.#pump()
    })
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }

  async #write({ key, value }: Write): Promise<void> {
    const { origin, group, timeoutMs, timers } = this.#options
    const controller = new AbortController()
    const context: LoadContext = { group, signal: controller.signal }
    let cancel: CancelTimer = () => undefined
    const late = new Promise<never>((_, reject) => {
      if (timeoutMs === 0) return
      cancel = timers.after(timeoutMs, () => {
        const error = new Error(`timed out after ${timeoutMs} ms`)
        controller.abort(error)
        reject(error)
      })
    })
    try {
      await Promise.race([call(origin, key.toString('utf8'), value, context), late])
      this.written++
    } catch (error) {
      this.failures++
      throw new Error(reasonOf(error), { cause: error })
    } finally {
      cancel()
    }
  }
}

/** An origin whose loads see what is still to be written to it. */
export function seeingWrites(origin: Origin, writes: Writes): Origin {
  const ask = async (key: string, context: LoadContext): Promise<OriginResult> => {
    const write = writes.unwritten(key)
    return write === undefined ? origin.load(key, context) : write.value
  }
  if (origin.loadMany === undefined) return { kind: origin.kind, load: ask }
  return {
    kind: origin.kind,
    load: ask,
    async loadMany(keys, context) {
      const asked = keys.filter((key) => writes.unwritten(key) === undefined)
      const unwritten = new Map(keys.map((key) => [key, writes.unwritten(key)?.value]))
      const results = asked.length === 0 ? [] : await origin.loadMany?.(asked, context)
      if (asked.length === keys.length) return results ?? []
      const found =
        results instanceof Map ? results : new Map(asked.map((key, i) => [key, (results as [])[i]]))
      return new Map(keys.map((key) => [key, found.has(key) ? found.get(key) : unwritten.get(key)]))
    },
  }
}

async function call(origin: Origin, key: string, value: Buffer | null, context: LoadContext): Promise<void> {
  if (value !== null) {
    if (origin.store === undefined) throw new Error('the origin cannot store')
    await origin.store(key, value, context)
    return
  }
  if (origin.remove === undefined) throw new Error('the origin cannot remove')
  await origin.remove(key, context)
}

/** An origin knows keys as text: what is none would be written under another one. */
function checkKey(key: Buffer): void {
  if (!isUtf8(key)) throw new Error('a key that is not UTF-8 cannot be written to the origin')
}

function bytesOf({ key, value }: Write): number {
  return key.length + (value?.length ?? 0)
}
