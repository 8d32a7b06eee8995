// A store and a plain model of it: both execute the same operations, and are compared after every step.

import { expect } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../src/store/arena.ts'
import { Lru } from '../../src/store/eviction/lru.ts'
import type { EvictionPolicyFactory } from '../../src/store/eviction/policy.ts'
import { EXPIRES, LOADED, ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'

interface Entry {
  value: Buffer
  /** Milliseconds since the epoch; 0: none. */
  deadline: number
  /** Load epoch and duration of the load, ms. */
  loaded: readonly [at: number, ms: number] | undefined
  absent: boolean
  raw: boolean
  second: number
  /** Bytes that it occupied according to the store when it was written. */
  bytes: number
}

export interface PutOptions {
  /** Milliseconds from now. */
  readonly ttl?: number
  readonly loadMs?: number
  readonly absent?: boolean
}

const NO_ENTRY: Entry = {
  value: Buffer.alloc(0),
  deadline: 0,
  loaded: undefined,
  absent: false,
  raw: false,
  second: 0,
  bytes: 0,
}

/** As `expect(actual).toBe(expected)`, which takes a hundred times as long: steps are many. */
function same(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) expect(actual).toBe(expected)
}

/** Keys are texts of one byte per character. */
export class Twin {
  readonly clock = new ManualClock()
  readonly instant = new Instant(this.clock)
  readonly store: Store
  /** In order of access, the least recently used first. */
  readonly model = new Map<string, Entry>()
  evictions = 0
  readonly #hasher: Hasher
  /** Bytes that the eviction policy has freed. */
  #freed = 0
  /** Entries of the model. */
  #absent = 0
  #expiring = 0
  #cursor = 0
  #scanned = new Set<string>()
  /** Keys present since the scan began. */
  #owed = new Set<string>()

  constructor(maxBytes: number, seed = 1) {
    this.#hasher = new Hasher({ low: seed, high: ~seed })
    const eviction: EvictionPolicyFactory = (context) =>
      new Lru({ ...context, memory: this.#watched(context.memory) }, seed % 2 === 0 ? undefined : 0)
    this.store = new Store({ maxBytes, hasher: this.#hasher, instant: this.instant, eviction })
  }

  /** Returns whether it was stored. */
  put(name: string, value: Buffer, options: PutOptions = {}): boolean {
    const { store } = this
    const key = Buffer.from(name, 'latin1')
    let flags = 0
    if (options.ttl !== undefined) {
      flags |= EXPIRES
      store.deadline[0] = this.instant.now + options.ttl
    }
    if (options.loadMs !== undefined) {
      flags |= LOADED
      store.loadedAt[0] = this.instant.now
      store.loadMs = options.loadMs
    }
    const type = options.absent === true ? ValueType.ABSENT : ValueType.STRING
    // Inside larger buffers, as the arguments of a request are.
    const inKey = Buffer.concat([Buffer.from('>'), key, Buffer.from('<')])
    const inValue = Buffer.concat([Buffer.from('<<'), value, Buffer.from('>')])
    const write = (): Ref => store.put(inKey, 1, 1 + key.length, inValue, 2, 2 + value.length, type, flags)
    const entry: Entry = {
      ...NO_ENTRY,
      value: Buffer.from(value),
      deadline: options.ttl === undefined ? 0 : this.instant.now + options.ttl,
      loaded: options.loadMs === undefined ? undefined : [this.instant.now, options.loadMs],
      absent: options.absent === true,
    }
    return this.#write(name, write, entry, store.fits(key.length, value.length, flags))
  }

  /** Changes the length of a value. False: no such key, or rejected. */
  resize(name: string, length: number): boolean {
    const entry = this.#live(name)
    const ref = this.#peek(name)
    if (entry === undefined) return false
    const { value } = entry
    const changed = { ...entry, value: Buffer.alloc(length) }
    value.copy(changed.value, 0, 0, Math.min(value.length, length))
    // In place, a value may grow even if its block and one unit more would not fit the budget.
    return this.#write(name, () => this.store.resize(ref, length), changed, undefined)
  }

  /** Sets the deadline of a key to `ms` from now; `undefined`: removes it. */
  expire(name: string, ttl: number | undefined): boolean {
    const entry = this.#live(name)
    const ref = this.#peek(name)
    if (entry === undefined) return false
    const deadline = ttl === undefined ? 0 : this.instant.now + ttl
    this.store.deadline[0] = deadline
    return this.#write(name, () => this.store.expire(ref), { ...entry, deadline }, undefined)
  }

  markRaw(name: string): void {
    const entry = this.#live(name)
    const ref = this.#peek(name)
    if (entry === undefined) return
    this.store.records.markRaw(ref)
    entry.raw = true
  }

  /** Prefetches as for a batch of requests, and hints at one of them. Any operation may follow. */
  warm(names: readonly string[], hinted: number): void {
    const hashes = Int32Array.from(names, (name) => {
      const key = Buffer.from(name, 'latin1')
      return this.#hasher.hash(key, 0, key.length)
    })
    this.store.prefetcher.prefetch(hashes, 0, hashes.length)
    this.store.prefetcher.hint(hinted % hashes.length)
  }

  get(name: string): void {
    const key = Buffer.from(name, 'latin1')
    const entry = this.#live(name)
    const ref = this.store.get(key, 0, key.length)
    if (entry === undefined) {
      same(ref, NULL_REF)
    } else {
      this.#makeNewest(name, entry)
      this.#compare(ref, name, entry)
    }
    this.#checkCounts()
  }

  peek(name: string): void {
    const entry = this.#live(name)
    const ref = this.#peek(name)
    if (entry !== undefined) this.#compare(ref, name, entry)
    this.#checkCounts()
  }

  remove(name: string): void {
    const entry = this.#live(name)
    const ref = this.#peek(name)
    if (entry === undefined) return
    this.store.remove(ref)
    this.#forget(name)
    this.#checkCounts()
  }

  evict(): void {
    const { evicted } = this.store
    same(this.store.evict(), this.model.size !== 0)
    for (let i = this.store.evicted - evicted; i > 0; i--) {
      const oldest = this.#oldest() as string
      this.#forget(oldest)
      this.#expectGone(oldest)
    }
    this.#checkCounts()
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }

  sweep(slots: number): void {
    const expired = [...this.model].filter(([, entry]) => this.#isExpired(entry))
    const found = this.store.sweep(slots)
    let gone = 0
    for (const [name] of expired) {
      const key = Buffer.from(name, 'latin1')
      const before = this.store.expired
      this.store.peek(key, 0, key.length)
      // Lookups find and count the expired records that the sweep left.
      if (this.store.expired === before) gone++
      this.#forget(name)
    }
    same(gone, found)
    this.#checkCounts()
  }

  /** One call of a scan, from the cursor of the last one. */
  scan(limit: number): void {
    if (this.#cursor === 0) {
      this.#scanned = new Set()
      this.#owed = new Set()
      for (const [name, entry] of this.model)
        if (!this.#isExpired(entry) && !entry.absent) this.#owed.add(name)
    }
    this.#cursor = this.store.keyspace.scan(this.#cursor, limit, (ref) => {
      const name = this.store.copyKey(ref).toString('latin1')
      const entry = this.model.get(name)
      if (entry === undefined || entry.absent || this.#isExpired(entry))
        expect.fail(`a scan returned ${name}, which is not there`)
      this.#scanned.add(name)
    })
    if (this.#cursor !== 0) return
    for (const name of this.#owed) {
      const entry = this.model.get(name)
      if (entry === undefined || this.#isExpired(entry)) continue
      if (!this.#scanned.has(name)) expect.fail(`a scan missed ${name}, which was there throughout`)
    }
  }

  setMaxBytes(bytes: number): void {
    const { evicted, indexBytes } = this.store
    this.#freed = 0
    this.store.maxBytes = bytes
    this.#evictFromModel(this.store.evicted - evicted, indexBytes - this.store.indexBytes + this.#freed)
    this.#checkCounts()
  }

  removeAbsent(): void {
    this.store.removeAbsent()
    for (const [name, entry] of this.model) if (entry.absent) this.#forget(name)
    this.#checkCounts()
  }

  clear(): void {
    this.store.clear()
    for (const name of this.model.keys()) this.#forget(name)
    this.#owed.clear()
    this.#checkCounts()
    same(this.store.arenaBytes, 0)
  }

  /** Compares everything, and runs the integrity check of the store. */
  check(): void {
    this.store.verify()
    const names = new Set<string>()
    let cursor = 0
    do {
      cursor = this.store.keyspace.scan(cursor, 100, (ref) => {
        const name = this.store.copyKey(ref).toString('latin1')
        const entry = this.model.get(name)
        if (entry === undefined) expect.fail(`the store still has ${name}`)
        this.#compare(ref, name, entry)
        if (names.has(name)) expect.fail(`the store has ${name} twice`)
        names.add(name)
      })
    } while (cursor !== 0)
    for (const [name, entry] of this.model) {
      if (entry.absent || this.#isExpired(entry) || names.has(name)) continue
      expect.fail(`the store lost ${name}`)
    }
    const entries = [...this.model.values()]
    same(entries.filter(({ absent }) => absent).length, this.#absent)
    same(entries.filter(({ deadline }) => deadline !== 0).length, this.#expiring)
    this.#checkCounts()
  }

  /** Evicts everything, and compares the order with that of the model. */
  drain(): void {
    this.check()
    while (this.model.size > 0) this.evict()
    this.evict()
    expect(this.store.arenaBytes + this.store.indexBytes).toBeLessThan(this.store.indexBytes + 2 ** 22)
    this.check()
  }

  #write(name: string, write: () => Ref, entry: Entry, fits: boolean | undefined): boolean {
    const { store } = this
    const evicted = store.evicted
    const { indexBytes } = store
    const before = this.#usage()
    this.#freed = 0
    const ref = write()
    if (ref === NULL_REF) {
      if (fits === true) expect.fail('refused, although it fits')
      for (const [i, each] of this.#usage().entries()) same(each, before[i])
      this.peek(name)
      return false
    }
    if (fits === false) expect.fail('taken, although it does not fit')
    const had = this.model.get(name)
    if (had !== undefined && this.#isExpired(had)) this.#owed.delete(name)
    if (entry.absent) this.#owed.delete(name)
    this.#drop(name)
    const slack = 8 + Math.max(0, indexBytes - store.indexBytes) + this.#freed
    this.#evictFromModel(store.evicted - evicted, slack)
    entry.second = this.instant.second
    entry.bytes = store.bytesOf(ref)
    this.#add(name, entry)
    this.#compare(ref, name, entry)
    same(this.#peek(name), ref)
    this.#checkCounts()
    return true
  }

  #watched(memory: { bytes: number }): { bytes: number } {
    const freed = (bytes: number): void => {
      this.#freed += bytes
    }
    return {
      get bytes() {
        return memory.bytes
      },
      set bytes(bytes) {
        freed(Math.max(0, memory.bytes - bytes))
        memory.bytes = bytes
      },
    }
  }

  #usage(): number[] {
    const { usedBytes, size, absent, expiring, evicted, arenaBytes } = this.store
    return [usedBytes, size, absent, expiring, evicted, arenaBytes]
  }

  /**
   * The store says it evicted so many: they must be the oldest, and without the last of them the budget must have
   * been exceeded (but for `slack`).
   */
  #evictFromModel(count: number, slack: number): void {
    this.evictions += count
    for (let i = 1; i <= count; i++) {
      const oldest = this.#oldest()
      if (oldest === undefined) expect.fail('evicted more than there was')
      const { bytes } = this.model.get(oldest) as Entry
      this.#forget(oldest)
      this.#expectGone(oldest)
      if (i === count && this.store.usedBytes + bytes + slack <= this.store.maxBytes)
        expect.fail(`evicted ${oldest} of ${bytes} bytes without need: ${this.store.usedBytes} used`)
    }
  }

  #expectGone(name: string): void {
    const key = Buffer.from(name, 'latin1')
    const before = this.store.expired
    if (this.store.peek(key, 0, key.length) !== NULL_REF || this.store.expired !== before)
      expect.fail(`${name} was the oldest, but another was evicted`)
  }

  #oldest(): string | undefined {
    return this.model.keys().next().value
  }

  /** The model's entry of a key, if it has not expired; the store must notice an expired one now. */
  #live(name: string): Entry | undefined {
    const entry = this.model.get(name)
    if (entry === undefined || !this.#isExpired(entry)) return entry
    const before = this.store.expired
    same(this.#peek(name), NULL_REF)
    same(this.store.expired, before + 1)
    this.#forget(name)
    return undefined
  }

  #peek(name: string): Ref {
    const key = Buffer.from(name, 'latin1')
    const ref = this.store.peek(key, 0, key.length)
    if (!this.model.has(name)) same(ref, NULL_REF)
    return ref
  }

  #add(name: string, entry: Entry): void {
    this.model.set(name, entry)
    if (entry.absent) this.#absent++
    if (entry.deadline !== 0) this.#expiring++
  }

  #drop(name: string): void {
    const entry = this.model.get(name)
    if (entry === undefined) return
    this.model.delete(name)
    if (entry.absent) this.#absent--
    if (entry.deadline !== 0) this.#expiring--
  }

  #forget(name: string): void {
    this.#drop(name)
    this.#owed.delete(name)
  }

  #makeNewest(name: string, entry: Entry): void {
    this.model.delete(name)
    this.model.set(name, entry)
    entry.second = this.instant.second
  }

  #isExpired(entry: Entry): boolean {
    return entry.deadline !== 0 && this.instant.now > entry.deadline
  }

  #compare(ref: Ref, name: string, entry: Entry): void {
    const { store } = this
    const { records } = store
    if (ref === NULL_REF) expect.fail(`the store lost ${name}`)
    if (store.copyKey(ref).toString('latin1') !== name) expect.fail(`the key of ${name} changed`)
    if (store.valueLength(ref) !== entry.value.length || !store.copyValue(ref).equals(entry.value))
      expect.fail(`the value of ${name} changed`)
    const [at, ms] = entry.loaded ?? [0, 0]
    same(records.deadline(ref), entry.deadline)
    same(records.loadedAt(ref), at)
    same(records.loadMs(ref), ms)
    same(records.isRaw(ref), entry.raw)
    same(records.type(ref), entry.absent ? ValueType.ABSENT : ValueType.STRING)
    same(store.idleSeconds(ref), this.instant.second - entry.second)
  }

  #checkCounts(): void {
    const { store } = this
    // The index of an empty store is small.
    if (store.usedBytes > Math.max(store.maxBytes, 1024)) expect.fail(`${store.usedBytes} bytes used`)
    same(store.size, this.model.size - this.#absent)
    same(store.absent, this.#absent)
    same(store.expiring, this.#expiring)
  }
}
