// The reads of a key since its last fetch.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { Hash } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { ReadCounts } from '../../../src/group/copies/read-counts.ts'

const TOM = 17 as Hash
const JACK = -5 as Hash

test('reads are extrapolated from the time since the last restart', () => {
  const clock = new ManualClock()
  const instant = new Instant(clock)
  const counts = new ReadCounts(instant)
  const read = (hash: Hash, times: number): void => {
    for (let i = 0; i < times; i++) counts.count(hash)
  }
  const pass = (ms: number): void => {
    clock.advance(ms)
    instant.refresh()
  }
  read(TOM, 50)
  // It is not known since when.
  expect(counts.restart(TOM, 1000)).toBe(0)
  read(TOM, 30)
  read(JACK, 7)
  expect([counts.of(TOM), counts.of(JACK)]).toEqual([30, 7])
  counts.countWrite(TOM)
  expect([counts.writesOf(TOM), counts.writesOf(JACK)]).toEqual([1, 0])
  pass(500)
  expect(counts.restart(TOM, 1000)).toBe(60)
  expect([counts.of(TOM), counts.writesOf(TOM)]).toEqual([0, 0])
  read(TOM, 5)
  // Too short a time says little.
  expect(counts.restart(TOM, 1000)).toBe(500)
  pass(4001)
  read(TOM, 5)
  expect(counts.restart(TOM, 1000)).toBe(0)
  read(TOM, 5)
  clock.set(clock.now() - 10_000)
  instant.refresh()
  expect(counts.restart(TOM, 1000)).toBe(0)
})
