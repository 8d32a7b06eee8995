// Bytes that the executor allocates for commands that are answered from memory.

import { beforeAll, expect, test } from 'vitest'
import { bytesPerCall } from '../../bench/micro/measure.ts'
import { argsOf, Harness } from '../support/harness.ts'
import type { Argument } from '../support/resp.ts'

const OPERATIONS = 1000

/** Bytes per operation by which measuring the heap itself varies. */
const NOISE = 0.25

/** The start time of a command whose duration is measured. */
const BOXED_NUMBER = 16

const CASES: readonly { name: string; command: (i: number) => Argument[]; most?: number }[] = [
  { name: 'SET', command: (i) => ['SET', `key:${i}`, 'x'.repeat(i & 63)] },
  { name: 'GET', command: (i) => ['GET', `key:${i}`] },
  { name: 'SET with EX', command: (i) => ['SET', `key:${i}`, 'value', 'EX', 100 + i] },
  { name: 'INCR and DECRBY', command: (i) => (i % 2 === 0 ? ['INCR', 'n'] : ['DECRBY', 'n', i]) },
  { name: 'SETBIT within the value', command: (i) => ['SETBIT', 'bits', i * 7, i & 1] },
  { name: 'GETBIT', command: (i) => ['GETBIT', 'bits', i * 7] },
  { name: 'BITCOUNT', command: () => ['BITCOUNT', 'key:63', 1, -1], most: BOXED_NUMBER },
  { name: 'HGET', command: (i) => ['HGET', 'hash', `field:${i % 5}`] },
  { name: 'HGET of a large hash', command: (i) => ['HGET', 'large hash', `field:${i}`] },
  { name: 'HSET of an existing field', command: (i) => ['HSET', 'hash', `field:${i % 5}`, 'other'] },
  {
    name: 'HSET of an existing field of a large hash',
    command: (i) => ['HSET', 'large hash', `field:${i}`, 'other'],
  },
  { name: 'SISMEMBER', command: (i) => ['SISMEMBER', 'set', `member:${i % 7}`] },
  { name: 'SISMEMBER of a large set', command: (i) => ['SISMEMBER', 'large set', `member:${i * 2}`] },
  { name: 'ZSCORE', command: (i) => ['ZSCORE', 'scores', `member:${i % 5}`] },
  { name: 'ZSCORE of a large sorted set', command: (i) => ['ZSCORE', 'large scores', `member:${i}`] },
  { name: 'ZADD of a member that exists', command: (i) => ['ZADD', 'large scores', i % 7, `member:${i}`] },
  { name: 'LINDEX', command: (i) => ['LINDEX', 'list', i % 5] },
  { name: 'LINDEX of a large list', command: (i) => ['LINDEX', 'large list', i] },
  { name: 'MGET', command: (i) => ['MGET', `key:${i}`, 'key:1', 'none'], most: BOXED_NUMBER },
]

/** Has what the commands read and write. */
const harness = new Harness()

beforeAll(async () => {
  const { client } = harness
  for (let i = 0; i < OPERATIONS; i++) await client.call('SET', `key:${i}`, 'x'.repeat(i & 63))
  await client.call('SETBIT', 'bits', OPERATIONS * 7, 1)
  for (let i = 0; i < OPERATIONS; i++) {
    for (const of of i < 5 ? ['', 'large '] : ['large ']) {
      await client.call('HSET', `${of}hash`, `field:${i}`, 'value')
      await client.call('SADD', `${of}set`, `member:${i}`)
      await client.call('ZADD', `${of}scores`, i, `member:${i}`)
      await client.call('RPUSH', `${of}list`, `element:${i}`)
    }
  }
})

/** Bytes that each of these commands allocates. */
function allocated({ executor, client, reply }: Harness, command: (i: number) => Argument[]): number {
  const requests = Array.from({ length: OPERATIONS }, (_, i) => argsOf(command(i)))
  const run = () => {
    for (const request of requests) executor.execute(client, request)
    if (reply.size < OPERATIONS * 4) throw new Error('there are fewer replies than commands')
    reply.rewind(0)
  }
  return bytesPerCall(run, OPERATIONS) / OPERATIONS
}

for (const { name, command, most = 0 } of CASES) {
  test(`${name} allocates ${most === 0 ? 'nothing' : `at most ${most} bytes`}`, () => {
    expect(allocated(harness, command)).toBeLessThan(most + NOISE)
  })
}

test.each([
  { name: 'is fresh', hadGap: false },
  { name: 'was loaded after a gap in the change notifications', hadGap: true },
])(
  'GET of a value that may be served stale or refreshed ahead, and $name, allocates nothing',
  async ({ hadGap }) => {
    const harness = new Harness({
      groups: {
        scores: {
          ttlMs: 60_000,
          freshness: { staleWhileRevalidateMs: 1000, staleIfErrorMs: 1000, refreshAhead: 1 },
          origin: (key) => key,
        },
      },
    })
    const { client, groups } = harness
    await client.call('GET', 'first')
    if (hadGap) groups[0].invalidateLoaded()
    for (let i = 0; i < OPERATIONS; i++) await client.call('GET', `key:${i}`)
    expect(allocated(harness, (i) => ['GET', `key:${i}`])).toBeLessThan(NOISE)
    expect(groups[0].flights?.loads).toBe(OPERATIONS + 1)
  },
)
