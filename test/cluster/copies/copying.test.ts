// The age that an owner grants to a hot copy: at most the remaining TTL of the value.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { HotCopies } from '../../../src/cluster/copies/copying.ts'
import { fetchValue } from '../../../src/group/calls.ts'
import { Group } from '../../../src/group/group.ts'

test('a copy expires with its value, and a stale value is not copied', async () => {
  const clock = new ManualClock()
  const instant = new Instant(clock)
  const hasher = new Hasher({ low: 1, high: 2 })
  const group = new Group(
    {
      name: 'scores',
      maxBytes: 1_000_000,
      origin: { kind: 'test', load: () => '630' },
      ttlMs: 1000,
      jitter: 0,
      negativeTtlMs: 0,
      originTimeoutMs: 0,
      freshness: { staleWhileRevalidateMs: 5000, staleIfErrorMs: 5000, refreshAhead: 0 },
    },
    { instant, hasher, timers: clock, random: () => 0 },
  )
  const copying = new HotCopies({
    groups: [group],
    instant,
    hasher,
    timers: clock,
    fraction: 0.125,
    maxAgeMs: 600,
    fetch: () => Promise.resolve(null),
  })
  const key = Buffer.from('Tom')
  const grantedMs = (): number | undefined =>
    copying.grant({ push: () => undefined, outputBufferBytes: 0 }, group, key, 0, key.length)?.remainingMs
  await fetchValue(group, key)
  expect(grantedMs()).toBe(600)
  clock.advance(900)
  instant.refresh()
  expect(grantedMs()).toBe(100)
  clock.advance(101)
  instant.refresh()
  expect(grantedMs()).toBeUndefined()
})
