// An owner and a holder of copies, with messages delayed, reordered and lost, and clocks skewed, at random.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { writeValue } from '../../../src/group/calls.ts'
import type { Copies } from '../../../src/group/copies/copies.ts'
import { CopyDirectory } from '../../../src/group/copies/directory.ts'
import type { PendingFetch } from '../../../src/group/copies/fetches.ts'
import { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { EXPIRES, ValueType } from '../../../src/store/record.ts'

const OWNER = 'owner:1'
const MAX_AGE = 1000
const BUDGET = 64 * 1024

/** The messages between the two nodes. Order is kept only within each list. */
class Link {
  readonly requests: (() => void)[] = []
  readonly replies: (() => void)[] = []
  readonly calls: { readonly key: string | undefined; readonly run: () => void }[] = []
}

type Queue = 'requests' | 'replies' | 'calls'

class Simulation {
  /** Real time in fractional ms, and by how much the clock of the holder is ahead of it. */
  #time = 0
  #skew: number
  readonly #timers = new ManualClock(0)
  readonly #ownerInstant: Instant
  readonly #holderInstant: Instant
  readonly owner: Group
  readonly holder: Group
  readonly copies: Copies
  readonly #holders: CopyDirectory<Link>
  #link = new Link()
  /** The link is broken, and the holder has not noticed yet. */
  #isCut = false
  #version = 0
  /** What the owner does once the writes of its callback are done. */
  #soon: (() => void)[] = []
  /** By key: the time when the last fetch that gave a copy began. A copy that is served may not be older, updated or not. */
  readonly #fetchedAt = new Map<string, number>()
  served = 0
  updated = 0
  /** How many updates the holder asks for with a fetch. */
  readonly #updates: number

  constructor(skew: number, maxKeys: number, updates: number) {
    this.#updates = updates
    this.#skew = skew
    this.#ownerInstant = new Instant({ now: () => Math.floor(1e12 + this.#time) })
    this.#holderInstant = new Instant({ now: () => Math.floor(1e12 + this.#time + this.#skew) })
    const hasher = new Hasher({ low: 3, high: 4 })
    const policy = { name: 'g', maxBytes: BUDGET, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }
    const environment = { hasher, timers: this.#timers, random: () => 0.5 }
    this.owner = new Group(policy, { ...environment, instant: this.#ownerInstant })
    this.holder = new Group(policy, { ...environment, instant: this.#holderInstant })
    this.holder.enableCopies({ share: 1 / 8, maxAgeMs: MAX_AGE, maxFetches: 2 })
    this.copies = this.holder.copies as Copies
    this.#holders = new CopyDirectory(this.owner, {
      maxAgeMs: MAX_AGE,
      hasher,
      timers: this.#timers,
      maxKeys,
      notify: (link, _, bytes, version) => {
        const key = bytes?.toString()
        const run = (): void => {
          if (bytes === undefined) this.copies.dropAll()
          else if (version === undefined) this.copies.drop(bytes, 0, bytes.length)
          else this.copies.invalidate(bytes, version)
        }
        link.calls.push({ key, run })
      },
      updates: {
        soon: (run) => this.#soon.push(run),
        // The value, its version and its key travel as one message: here as text.
        encode: (_, bytes, version) => {
          const key = bytes.toString()
          const value = this.#valueAtOwner(key)
          const left = this.#remainingAtOwner(key)
          const isShort = left !== undefined && left < MAX_AGE
          return value === undefined || isShort ? undefined : Buffer.from(`${key}|${version}|${value}`)
        },
        send: (link, update) => {
          if (link.calls.length > 20) return false
          const [key, version, value] = update.toString().split('|')
          const run = (): void => {
            if (this.copies.update(Buffer.from(key), Buffer.from(value), Number(version))) this.updated++
          }
          link.calls.push({ key, run })
          return true
        },
      },
    })
  }

  /** The callback of the owner ends. */
  endCallback(): void {
    const due = this.#soon
    this.#soon = []
    for (const run of due) run()
  }

  advance(ms: number): void {
    this.#time += ms
    this.#timers.advance(ms)
    this.refresh()
  }

  refresh(): void {
    this.#ownerInstant.refresh()
    this.#holderInstant.refresh()
  }

  setClockBack(ms: number): void {
    this.#skew -= ms
    this.refresh()
  }

  write(key: string, ttlMs: number, size: number): void {
    const value = Buffer.from(`${++this.#version} `.padEnd(size, 'x'))
    writeValue(this.owner, Buffer.from(key), value, ttlMs)
  }

  expire(key: string, ms: number): void {
    const bytes = Buffer.from(key)
    if (this.owner.isWatched) this.owner.fence(bytes, 0, bytes.length)
    const { store } = this.owner
    const ref = store.peek(bytes, 0, bytes.length)
    if (ref === NULL_REF) return
    store.deadline[0] = ms === 0 ? 0 : this.#ownerInstant.now + ms
    store.expire(ref)
  }

  /** Reads the key at the holder, which starts a fetch if it has no copy. */
  read(key: string): void {
    const bytes = Buffer.from(key)
    const ref = this.copies.find(bytes, 0, bytes.length)
    const { store } = this.copies
    if (ref === NULL_REF || store === undefined) {
      const pending = this.copies.begin(bytes, 0, bytes.length, OWNER)
      if (pending !== undefined) this.#fetch(key, pending)
      return
    }
    this.served++
    const isAbsent = store.records.type(ref) === ValueType.ABSENT
    const value = isAbsent ? undefined : store.copyValue(ref).toString()
    expect(this.#time - (this.#fetchedAt.get(key) ?? Number.NaN)).toBeLessThan(MAX_AGE)
    const isNoticeInFlight = this.#link.calls.some((call) => call.key === undefined || call.key === key)
    if (!this.#isCut && !isNoticeInFlight) expect(value).toBe(this.#valueAtOwner(key))
  }

  #fetch(key: string, pending: PendingFetch): void {
    const link = this.#link
    const startedAt = this.#time
    link.requests.push(() => {
      const bytes = Buffer.from(key)
      const lease = this.#holders.add(bytes, 0, bytes.length, link, this.#updates)
      const value = this.#valueAtOwner(key)
      const { version } = this.#holders
      const remaining = Math.min(lease, this.#remainingAtOwner(key) ?? lease)
      link.replies.push(() => {
        if (lease === 0) return this.copies.cancel(pending)
        if (this.copies.install(pending, value === undefined ? null : Buffer.from(value), remaining, version))
          this.#fetchedAt.set(key, startedAt)
      })
    })
  }

  /** The TTL of a key at the owner; `undefined`: it has none. */
  #remainingAtOwner(key: string): number | undefined {
    const { store } = this.owner
    const ref = store.peek(Buffer.from(key), 0, key.length)
    if (ref === NULL_REF || (store.records.flags(ref) & EXPIRES) === 0) return undefined
    const deadline = store.records.deadline(ref)
    return deadline === 0 ? undefined : deadline - this.#ownerInstant.now
  }

  #valueAtOwner(key: string): string | undefined {
    const bytes = Buffer.from(key)
    const ref = this.owner.store.peek(bytes, 0, bytes.length)
    return ref === NULL_REF ? undefined : this.owner.store.copyValue(ref).toString()
  }

  deliver(queue: Queue): void {
    if (this.#isCut) return
    const next = this.#link[queue].shift()
    if (typeof next === 'function') next()
    else next?.run()
  }

  /** Delivers all messages, requests first; none while the link is broken. */
  deliverAll(): void {
    this.endCallback()
    for (const queue of ['calls', 'requests', 'replies', 'calls'] as const)
      while (!this.#isCut && this.#link[queue].length > 0) this.deliver(queue)
  }

  /** A slow fetch, and a read when its copy expires, or just before. */
  readAtExpiry(key: string, ttlMs: number, there: number, back: number, early: number): void {
    this.deliverAll()
    if (ttlMs !== 0) this.write(key, ttlMs, 10)
    this.deliverAll()
    const end = this.#time + (ttlMs === 0 ? MAX_AGE : ttlMs)
    this.read(key)
    this.advance(there)
    this.deliver('requests')
    this.advance(back)
    this.deliver('replies')
    this.advance(Math.max(0, end - this.#time - early))
    this.read(key)
  }

  /** A client of the holder writes: the copy is dropped, and the request is forwarded to the owner. */
  forward(key: string): void {
    this.copies.drop(Buffer.from(key), 0, key.length)
    this.#link.requests.push(() => this.write(key, 0, 10))
  }

  break(): void {
    this.#isCut = true
    this.#holders.connectionClosed(this.#link)
  }

  /** The holder notices the broken link, and opens another. */
  reconnect(): void {
    if (!this.#isCut) return
    this.copies.dropOwner(OWNER)
    const { replies } = this.#link
    this.#link = new Link()
    // Replies that arrived before may still be unprocessed.
    this.#link.replies.push(...replies)
    this.#isCut = false
  }

  check(): void {
    const { store } = this.holder
    expect(store.maxBytes + this.copies.reserved).toBe(BUDGET)
    expect(store.usedBytes + this.copies.bytes).toBeLessThanOrEqual(BUDGET)
    expect(this.owner.isWatched).toBe(this.#holders.size !== 0)
  }

  /** After a while without reads, no copies and no holders are left. */
  settle(): void {
    this.endCallback()
    this.advance(3 * MAX_AGE)
    this.copies.sweep(1000)
    expect([this.#holders.size, this.owner.isWatched, this.#timers.pending]).toEqual([0, false, 0])
    expect([this.copies.entries, this.copies.store, this.holder.store.maxBytes]).toEqual([
      0,
      undefined,
      BUDGET,
    ])
  }
}

type Step = (simulation: Simulation) => void

const key = fc.constantFrom('a', 'b', 'c')
const ttl = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 60 }) },
)
const size = fc.oneof(
  { weight: 4, arbitrary: fc.constant(10) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 9000 }) },
)
const short = fc.double({ min: 0, max: 5, noNaN: true })
const long = fc.double({ min: 0, max: 700, noNaN: true })

/** Random steps with these weights. */
function steps(kinds: readonly (readonly [number, fc.Arbitrary<Step>])[]): fc.Arbitrary<Step[]> {
  const step = fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.array(step, { minLength: 20, maxLength: 120, size: 'max' })
}

const read = key.map(
  (key): Step =>
    (simulation) =>
      simulation.read(key),
)
/** A fetch without delay, so that there are copies to check. */
const fetch = key.map(
  (key): Step =>
    (simulation) => {
      simulation.read(key)
      simulation.deliverAll()
      simulation.read(key)
    },
)
/** A write of a key that the holder has a copy of; messages about it may wait. */
const rewrite = fc.tuple(key, fc.boolean()).map(
  ([key, isDelivered]): Step =>
    (simulation) => {
      simulation.read(key)
      simulation.deliverAll()
      simulation.write(key, 0, 10)
      if (isDelivered) simulation.deliverAll()
      simulation.read(key)
    },
)
const write = fc.tuple(key, ttl, size).map(
  ([key, ttl, size]): Step =>
    (simulation) =>
      simulation.write(key, ttl, size),
)
const readAtExpiry = fc.tuple(key, ttl, short, short, fc.double({ min: 0, max: 2, noNaN: true })).map(
  ([key, ttl, there, back, early]): Step =>
    (simulation) =>
      simulation.readAtExpiry(key, ttl, there, back, early),
)
const passShort = short.map(
  (ms): Step =>
    (simulation) =>
      simulation.advance(ms),
)
const passLong = long.map(
  (ms): Step =>
    (simulation) =>
      simulation.advance(ms),
)

/** All kinds of events. */
const faulty = steps([
  [10, read],
  [
    8,
    fc.constantFrom<Queue>('requests', 'replies').map(
      (queue): Step =>
        (simulation) =>
          simulation.deliver(queue),
    ),
  ],
  [4, fc.constant<Step>((simulation) => simulation.deliver('calls'))],
  [6, fc.constant<Step>((simulation) => simulation.endCallback())],
  [6, fetch],
  [4, rewrite],
  [2, readAtExpiry],
  [3, write],
  [
    1,
    fc.tuple(key, ttl).map(
      ([key, ttl]): Step =>
        (simulation) =>
          simulation.expire(key, ttl),
    ),
  ],
  [
    1,
    key.map(
      (key): Step =>
        (simulation) =>
          simulation.owner.remove(Buffer.from(key)),
    ),
  ],
  [
    1,
    key.map(
      (key): Step =>
        (simulation) =>
          simulation.forward(key),
    ),
  ],
  [1, fc.constant<Step>((simulation) => simulation.owner.clear())],
  [4, passShort],
  [2, passLong],
  [1, fc.constant<Step>((simulation) => simulation.break())],
  [2, fc.constant<Step>((simulation) => simulation.reconnect())],
  [
    1,
    fc.integer({ min: 1, max: 2000 }).map(
      (ms): Step =>
        (simulation) =>
          simulation.setClockBack(ms),
    ),
  ],
  [1, fc.constant<Step>((simulation) => simulation.copies.sweep(64))],
  [
    1,
    size.map(
      (size): Step =>
        (simulation) =>
          writeValue(simulation.holder, Buffer.from(`own${size}`), Buffer.alloc(size), 0),
    ),
  ],
])

/** Mostly time passes, with few writes: checks what the owner must remember for long. */
const quiet = steps([
  [6, fetch],
  [4, read],
  [
    2,
    key.map(
      (key): Step =>
        (simulation) =>
          simulation.write(key, 0, 10),
    ),
  ],
  [4, passLong],
  [1, passShort],
  [1, fc.constant<Step>((simulation) => simulation.endCallback())],
])

test.each([
  ['a faulty', faulty],
  ['a quiet', quiet],
])('in %s run no copy outlives its maximum age, its deadline, or the notice of a write', (_, arbitrary) => {
  let served = 0
  let updated = 0
  fc.assert(
    fc.property(
      arbitrary,
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(1, 2, 100),
      fc.constantFrom(0, 1, 1000),
      (steps, skew, maxKeys, updates) => {
        const simulation = new Simulation(skew, maxKeys, updates)
        for (const run of steps) {
          run(simulation)
          simulation.check()
        }
        simulation.settle()
        served += simulation.served
        updated += simulation.updated
      },
    ),
    { numRuns: 500 },
  )
  // Otherwise the test would prove little.
  expect(served).toBeGreaterThan(1000)
  expect(updated).toBeGreaterThan(300)
})
