// Three reads of a key that the origin does not have were three misses, though only one of them asked the origin.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

async function info(harness: Harness): Promise<Map<string, string>> {
  const text = String(await harness.call('INFO', 'stats'))
  return new Map(text.split('\r\n').map((line) => line.split(':') as [string, string]))
}

test('a key that is known to be absent is a negative hit', async () => {
  const harness = new Harness({ groups: { users: { origin: () => null, negativeTtlMs: 5000 } } })
  for (let i = 0; i < 3; i++) expect(await harness.call('GET', 'nobody')).toBe(null)
  const { hits, negativeHits, misses, flights } = harness.group('users')
  expect({ hits, negativeHits, misses, loads: flights?.loads }).toEqual({
    hits: 0,
    negativeHits: 2,
    misses: 1,
    loads: 1,
  })
  const stats = await info(harness)
  // For Redis's clients, a nil is a miss.
  expect([stats.get('keyspace_hits'), stats.get('keyspace_misses')]).toEqual(['0', '3'])
  expect(stats.get('total_negative_hits')).toBe('2')
  await harness.call('CONFIG', 'RESETSTAT')
  expect(harness.group('users').negativeHits).toBe(0)
})

test('without an origin there are no negative hits', async () => {
  const harness = new Harness({ groups: { cache: {} } })
  await harness.call('GET', 'a')
  await harness.call('MGET', 'a', 'b')
  const { hits, negativeHits, misses } = harness.group('cache')
  expect([hits, negativeHits, misses]).toEqual([0, 0, 3])
})

const KEYS = ['a', 'b', 'c', 'absent', 'failing'] as const
const key = fc.constantFrom(...KEYS)
/** A command, and how many keys it reads. */
const step = fc.oneof(
  key.map((k) => ({ command: ['GET', k], reads: 1 })),
  fc
    .array(key, { minLength: 1, maxLength: 4 })
    .map((keys) => ({ command: ['MGET', ...keys], reads: keys.length })),
  key.map((k) => ({ command: ['STRLEN', k], reads: 1 })),
  key.map((k) => ({ command: ['GETRANGE', k, '0', '1'], reads: 1 })),
  key.map((k) => ({ command: ['SET', k, 'v'], reads: 0 })),
  key.map((k) => ({ command: ['DEL', k], reads: 0 })),
  key.map((k) => ({ command: ['EXISTS', k], reads: 0 })),
  key.map((k) => ({ command: ['INVALIDATE', k], reads: 0 })),
  fc.integer({ min: 1, max: 4000 }).map((ms) => ({ ms })),
)

test('each read is a hit, a negative hit or a miss; each miss starts a load or joins one', async () => {
  const origin = (name: string): string | null => {
    if (name === 'failing') throw new Error('fails')
    return name === 'absent' ? null : 'value'
  }
  const freshness = { staleWhileRevalidateMs: 1000, staleIfErrorMs: 1000, refreshAhead: 1 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 20 }),
      async (batches) => {
        const harness = new Harness({
          groups: { users: { origin, ttlMs: 2000, negativeTtlMs: 1500, freshness } },
        })
        let reads = 0
        for (const steps of batches) {
          // The commands of a batch are sent together: they wait for each other's loads.
          const replies: Promise<unknown>[] = []
          for (const each of steps) {
            if ('ms' in each) {
              // A key that expires while its command waits for another one is counted as found, and loaded.
              await Promise.all(replies.splice(0))
              harness.clock.advance(each.ms)
            } else {
              reads += each.reads
              replies.push(harness.raw(...each.command))
            }
          }
          await Promise.all(replies)
        }
        await harness.settle()
        const { hits, negativeHits, misses, staleHits, rescued, flights } = harness.group('users')
        expect(hits + negativeHits + misses).toBe(reads)
        expect(staleHits).toBeLessThanOrEqual(hits)
        expect(rescued).toBeLessThanOrEqual(misses)
        const { loads = 0, joined = 0, refreshes = 0 } = flights ?? {}
        // A command that names a missing key twice waits for one load.
        expect(loads - refreshes + joined).toBeLessThanOrEqual(misses)
        expect(loads - refreshes > 0).toBe(misses - joined > 0)
      },
    ),
  )
})
