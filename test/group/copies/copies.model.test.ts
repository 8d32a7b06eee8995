// Two nodes, an owner and a holder of copies, and everything between them delayed, reordered, cut and skewed at random.

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

/** One connection between the two, or several: what goes one way keeps its order only within each list. */
class Link {
  readonly requests: (() => void)[] = []
  readonly replies: (() => void)[] = []
  readonly calls: { readonly key: string | undefined; readonly run: () => void }[] = []
}

type Queue = 'requests' | 'replies' | 'calls'

class World {
  /** Real time in ms, with fractions; what the clocks of the nodes are ahead of it. */
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
  /** The link is cut, and the holder has not noticed. */
  #isCut = false
  #version = 0
  /** When the fetch of each version by key began: what is served may not be older. */
  readonly #begun = new Map<string, number>()
  served = 0

  constructor(skew: number, maxKeys: number) {
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
      notify: (link, _, bytes) => {
        const key = bytes?.toString()
        const run = (): void => {
          if (bytes === undefined) this.copies.dropAll()
          else this.copies.drop(bytes, 0, bytes.length)
        }
        link.calls.push({ key, run })
      },
    })
  }

  pass(ms: number): void {
    this.#time += ms
    this.#timers.advance(ms)
    this.refresh()
  }

  refresh(): void {
    this.#ownerInstant.refresh()
    this.#holderInstant.refresh()
  }

  turnBack(ms: number): void {
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

  /** The holder is asked for the key; if it holds no copy, it begins to fetch one. */
  read(key: string): void {
    const bytes = Buffer.from(key)
    const ref = this.copies.find(bytes, 0, bytes.length)
    const { store } = this.copies
    if (ref === NULL_REF || store === undefined) {
      const ticket = this.copies.begin(bytes, 0, bytes.length, OWNER)
      if (ticket !== undefined) this.#fetch(key, ticket)
      return
    }
    this.served++
    const isAbsent = store.records.type(ref) === ValueType.ABSENT
    const value = isAbsent ? undefined : store.copyValue(ref).toString()
    expect(this.#time - (this.#begun.get(`${key} ${value}`) ?? Number.NaN)).toBeLessThan(MAX_AGE)
    const isOnItsWay = this.#link.calls.some((call) => call.key === undefined || call.key === key)
    if (!this.#isCut && !isOnItsWay) expect(value).toBe(this.#truth(key))
  }

  #fetch(key: string, ticket: PendingFetch): void {
    const link = this.#link
    const begunAt = this.#time
    link.requests.push(() => {
      const { store } = this.owner
      const bytes = Buffer.from(key)
      const lease = this.#holders.add(bytes, 0, bytes.length, link)
      const value = this.#truth(key)
      let remaining = lease
      const ref = store.peek(bytes, 0, bytes.length)
      if (ref !== NULL_REF && (store.records.flags(ref) & EXPIRES) !== 0 && store.records.deadline(ref) !== 0)
        remaining = Math.min(lease, store.records.deadline(ref) - this.#ownerInstant.now)
      link.replies.push(() => {
        if (lease === 0) return this.copies.cancel(ticket)
        const type = value === undefined ? ValueType.ABSENT : ValueType.STRING
        if (this.copies.install(ticket, Buffer.from(value ?? ''), remaining, type))
          this.#begun.set(`${key} ${value}`, begunAt)
      })
    })
  }

  #truth(key: string): string | undefined {
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

  /** All that is on its way arrives, requests first: nothing when the link is cut. */
  arrive(): void {
    for (const queue of ['calls', 'requests', 'replies', 'calls'] as const)
      while (!this.#isCut && this.#link[queue].length > 0) this.deliver(queue)
  }

  /** A fetch that takes its time, and a read at the moment when its copy should have died, or just before. */
  brink(key: string, ttlMs: number, there: number, back: number, early: number): void {
    this.arrive()
    if (ttlMs !== 0) this.write(key, ttlMs, 10)
    this.arrive()
    const end = this.#time + (ttlMs === 0 ? MAX_AGE : ttlMs)
    this.read(key)
    this.pass(there)
    this.deliver('requests')
    this.pass(back)
    this.deliver('replies')
    this.pass(Math.max(0, end - this.#time - early))
    this.read(key)
  }

  /** A client of the holder writes: the request goes to the owner, the copy goes before. */
  forward(key: string): void {
    this.copies.drop(Buffer.from(key), 0, key.length)
    this.#link.requests.push(() => this.write(key, 0, 10))
  }

  cut(): void {
    this.#isCut = true
    this.#holders.connectionClosed(this.#link)
  }

  /** The holder notices that the link is cut, and makes another. */
  mend(): void {
    if (!this.#isCut) return
    this.copies.dropOwner(OWNER)
    const { replies } = this.#link
    this.#link = new Link()
    // What had come before the cut may still be waiting to be looked at.
    this.#link.replies.push(...replies)
    this.#isCut = false
  }

  check(): void {
    const { store } = this.holder
    expect(store.maxBytes + this.copies.reserved).toBe(BUDGET)
    expect(store.usedBytes + this.copies.bytes).toBeLessThanOrEqual(BUDGET)
    expect(this.owner.isWatched).toBe(this.#holders.size !== 0)
  }

  /** When nothing was asked for a while, nobody remembers anything. */
  settle(): void {
    this.pass(3 * MAX_AGE)
    this.copies.sweep(1000)
    expect([this.#holders.size, this.owner.isWatched, this.#timers.pending]).toEqual([0, false, 0])
    expect([this.copies.entries, this.copies.store, this.holder.store.maxBytes]).toEqual([
      0,
      undefined,
      BUDGET,
    ])
  }
}

type Step = (world: World) => void

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

/** The steps of one kind of world, each as often as its number among them says. */
function steps(kinds: readonly (readonly [number, fc.Arbitrary<Step>])[]): fc.Arbitrary<Step[]> {
  const step = fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })))
  return fc.array(step, { minLength: 20, maxLength: 120, size: 'max' })
}

const read = key.map(
  (key): Step =>
    (world) =>
      world.read(key),
)
/** A fetch without delay, so that copies are there to be wrong. */
const fetch = key.map(
  (key): Step =>
    (world) => {
      world.read(key)
      world.arrive()
      world.read(key)
    },
)
const write = fc.tuple(key, ttl, size).map(
  ([key, ttl, size]): Step =>
    (world) =>
      world.write(key, ttl, size),
)
const brink = fc.tuple(key, ttl, short, short, fc.double({ min: 0, max: 2, noNaN: true })).map(
  ([key, ttl, there, back, early]): Step =>
    (world) =>
      world.brink(key, ttl, there, back, early),
)
const passShort = short.map(
  (ms): Step =>
    (world) =>
      world.pass(ms),
)
const passLong = long.map(
  (ms): Step =>
    (world) =>
      world.pass(ms),
)

/** Whatever can happen. */
const wild = steps([
  [10, read],
  [
    8,
    fc.constantFrom<Queue>('requests', 'replies').map(
      (queue): Step =>
        (world) =>
          world.deliver(queue),
    ),
  ],
  [4, fc.constant<Step>((world) => world.deliver('calls'))],
  [6, fetch],
  [2, brink],
  [3, write],
  [
    1,
    fc.tuple(key, ttl).map(
      ([key, ttl]): Step =>
        (world) =>
          world.expire(key, ttl),
    ),
  ],
  [
    1,
    key.map(
      (key): Step =>
        (world) =>
          world.owner.remove(Buffer.from(key)),
    ),
  ],
  [
    1,
    key.map(
      (key): Step =>
        (world) =>
          world.forward(key),
    ),
  ],
  [1, fc.constant<Step>((world) => world.owner.clear())],
  [4, passShort],
  [2, passLong],
  [1, fc.constant<Step>((world) => world.cut())],
  [2, fc.constant<Step>((world) => world.mend())],
  [
    1,
    fc.integer({ min: 1, max: 2000 }).map(
      (ms): Step =>
        (world) =>
          world.turnBack(ms),
    ),
  ],
  [1, fc.constant<Step>((world) => world.copies.sweep(64))],
  [
    1,
    size.map(
      (size): Step =>
        (world) =>
          writeValue(world.holder, Buffer.from(`own${size}`), Buffer.alloc(size), 0),
    ),
  ],
])

/** Time passes, and now and then something is written: what must be remembered for long is put to the proof. */
const calm = steps([
  [6, fetch],
  [4, read],
  [
    2,
    key.map(
      (key): Step =>
        (world) =>
          world.write(key, 0, 10),
    ),
  ],
  [4, passLong],
  [1, passShort],
])

test.each([
  ['a wild', wild],
  ['a calm', calm],
])('in %s world no copy outlives its age, its deadline, or the word of a write', (_, arbitrary) => {
  let served = 0
  fc.assert(
    fc.property(
      arbitrary,
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(1, 2, 100),
      (steps, skew, maxKeys) => {
        const world = new World(skew, maxKeys)
        for (const run of steps) {
          run(world)
          world.check()
        }
        world.settle()
        served += world.served
      },
    ),
    { numRuns: 500 },
  )
  // Else it would prove little.
  expect(served).toBeGreaterThan(1000)
})
