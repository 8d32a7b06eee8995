import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { writeValue } from '../../src/group/calls.ts'
import { defaultCopyPolicy } from '../../src/group/copies/copies.ts'
import { Group } from '../../src/group/group.ts'
import { ExpiryCycle } from '../../src/server/expiry.ts'
import { NodeStats } from '../../src/telemetry/node-stats.ts'

const clock = new ManualClock()
const instant = new Instant(clock)
const hasher = new Hasher({ low: 1, high: 2 })

/** A group of `keys` keys, the first `expiring` of which expire within a second. */
function groupOf(keys: number, expiring: number): Group {
  const policy = { ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }
  const group = new Group(
    { ...policy, name: 'cache', maxBytes: 1 << 28 },
    { instant, hasher, timers: clock, random: () => 0.5 },
  )
  for (let i = 0; i < keys; i++) {
    const key = Buffer.from(`key:${i}`)
    writeValue(group, key, key, i < expiring ? 1000 : 1_000_000)
  }
  return group
}

function statsOf(): NodeStats {
  return new NodeStats({ version: '0', runId: '', startedAt: 0, configFile: '' })
}

function advance(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

test('a round continues while it finds many expired keys, and ends when it finds few', () => {
  const group = groupOf(50_000, 25_000)
  const stats = statsOf()
  const cycle = new ExpiryCycle([group], stats, () => 0)
  cycle.run(25_000)
  expect(group.store.expired).toBe(0)
  advance(2000)
  cycle.run(25_000)
  expect(group.store.expired).toBe(25_000)
  expect(group.store.size).toBe(25_000)
  expect(stats.stalePercent).toBeGreaterThan(0)
  group.store.verify()
})

test('a round ends when its time is up, and the next one continues from there', () => {
  const groups = [groupOf(20_000, 20_000), groupOf(20_000, 20_000), groupOf(10, 0)]
  const stats = statsOf()
  // Every reading of the clock finds it 100 µs later.
  let micros = 0
  const cycle = new ExpiryCycle(groups, stats, () => {
    micros += 100
    return micros
  })
  advance(2000)
  let rounds = 0
  const expired = () => groups.reduce((sum, { store }) => sum + store.expired, 0)
  for (; expired() < 40_000; rounds++) {
    const before = expired()
    expect(cycle.run(1000)).toBeLessThanOrEqual(1500)
    expect(expired()).toBeGreaterThan(before)
  }
  expect(rounds).toBeGreaterThan(1)
  expect(stats.expiryTimeouts).toBeGreaterThan(0)
  expect(stats.expiryMs).toBeCloseTo(micros / 1000, -1)
})

test('steps become shorter when they take long', () => {
  const group = groupOf(200_000, 200_000)
  let micros = 0
  let sweeps = 0
  const { store } = group
  const sweep = store.sweep.bind(store)
  const swept: number[] = []
  store.sweep = (slots) => {
    swept.push(slots)
    sweeps++
    micros += slots
    return sweep(slots)
  }
  advance(2000)
  const cycle = new ExpiryCycle([group], statsOf(), () => micros)
  expect(cycle.run(25_000)).toBeLessThan(26_000)
  expect(sweeps).toBeGreaterThan(20)
  expect(Math.max(...swept.slice(3))).toBeLessThanOrEqual(512)
})

test('a group without expiring keys is not swept', () => {
  const group = groupOf(10, 0)
  group.clear()
  group.store.sweep = () => {
    throw new Error('swept')
  }
  expect(new ExpiryCycle([group], statsOf(), () => 0).run(25_000)).toBe(0)
})

test('expired hot copies are reclaimed too', () => {
  const group = groupOf(10, 0)
  group.enableCopies(defaultCopyPolicy)
  const cycle = new ExpiryCycle([groupOf(10, 0), group], statsOf(), () => 0)
  const key = Buffer.from('Tom')
  const ticket = group.copies?.begin(key, 0, key.length, 'peer:1')
  if (ticket !== undefined) group.copies?.install(ticket, key, 500)
  cycle.run(25_000)
  expect(group.copies?.entries).toBe(1)
  advance(500)
  cycle.run(25_000)
  expect([group.copies?.entries, group.copies?.expired]).toEqual([0, 1])
})
