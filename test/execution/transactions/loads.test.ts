// Transactions in groups with an origin: the keys of a block are loaded before it runs.

import { beforeEach, expect, test } from 'vitest'
import { loaded, type OriginResult } from '../../../src/group/origin.ts'
import { GatedOrigin } from '../../support/gated-origin.ts'
import { Harness, type HarnessClient } from '../../support/harness.ts'
import type { RedisReply } from '../../support/resp.ts'

let asked: string[]
let result: (key: string) => OriginResult | Promise<OriginResult>
let harness: Harness

beforeEach(() => {
  asked = []
  result = () => '1'
  harness = new Harness({
    groups: {
      cache: {
        origin: async (key) => {
          asked.push(key)
          return result(key)
        },
      },
      plain: {},
    },
  })
})

async function block(client: HarnessClient, ...lines: string[]): Promise<RedisReply> {
  await client.call('MULTI')
  for (const line of lines) expect(await client.call(...line.split(' '))).toBe('QUEUED')
  return client.call('EXEC')
}

test('keys of reads and of read-modify-writes are loaded once, together', async () => {
  const replies = await block(
    harness.client,
    'GET a',
    'INCR a',
    'APPEND b 2',
    'MGET a b c',
    'GET c',
    'EXISTS d',
  )
  expect(replies).toEqual(['1', 2, 2, ['2', '12', '1'], '1', 0])
  expect(asked.sort()).toEqual(['a', 'b', 'c'])
  const { hits, misses } = harness.groups[0]
  expect(hits + misses).toBe(5)
})

test('a key that the block sets or removes before is not loaded', async () => {
  expect(
    await block(harness.client, 'SET a 5', 'GET a', 'DEL b', 'GET b', 'INCR b', 'MSET c 1', 'GETDEL c'),
  ).toEqual(['OK', '5', 0, null, 1, 'OK', '1'])
  expect(asked).toEqual([])
})

test('a conditional SET does not spare the load, and finds the loaded key', async () => {
  expect(await block(harness.client, 'SET a 5 XX', 'GET a')).toEqual(['OK', '5'])
  expect(asked).toEqual(['a'])
})

test('keys of several groups', async () => {
  expect(await block(harness.client, 'SELECT plain', 'GET a', 'SELECT cache', 'GET a')).toEqual([
    'OK',
    null,
    'OK',
    '1',
  ])
})

test('a failed load fails EXEC, and nothing runs', async () => {
  result = (key) => {
    if (key === 'b') throw new Error('down')
    return '1'
  }
  expect(String(await block(harness.client, 'SET c 1', 'INCR a', 'INCR b'))).toContain('ORIGIN cache: down')
  expect(await harness.call('EXISTS', 'c')).toBe(0)
  expect(await harness.call('GET', 'a')).toBe('1')
})

test('values with a TTL of 0 and absent keys', async () => {
  result = (key) => (key === 'none' ? null : loaded('1', { ttl: 0 }))
  expect(await block(harness.client, 'GET a', 'INCR b', 'GET b', 'GET none', 'INCR none')).toEqual([
    '1',
    2,
    '2',
    null,
    1,
  ])
  expect(asked.sort()).toEqual(['a', 'b', 'none'])
})

test('a key that is changed or invalidated during its load is loaded again, a bounded number of times', async () => {
  let fences = 2
  result = async (key) => {
    if (fences-- > 0) harness.groups[0].invalidate(Buffer.from(key))
    return '1'
  }
  expect(await block(harness.client, 'INCR a')).toEqual([2])
  expect(asked).toEqual(['a', 'a', 'a'])
  fences = 100
  expect(String(await block(harness.client, 'GET b'))).toContain('the key was changed during each of 8 loads')
})

test('what other clients do meanwhile comes before the block, and nothing comes in between', async () => {
  const origin = new GatedOrigin()
  const node = new Harness({ groups: { cache: { origin } } })
  const other = node.connect()
  await other.call('SET', 'n', '5')
  await node.call('MULTI')
  await node.call('INCR', 'n')
  await node.call('GET', 'Tom')
  await node.call('INCR', 'n')
  const exec = node.call('EXEC')
  await origin.isAskedFor('Tom')
  expect(await other.call('INCRBY', 'n', 100)).toBe(105)
  origin.give('Tom', '630')
  expect(await exec).toEqual([106, '630', 107])
})

test('later commands of the client: those of other keys run, those of the same keys and of another session wait', async () => {
  const origin = new GatedOrigin()
  const node = new Harness({ groups: { cache: { origin }, plain: {} } })
  const order: string[] = []
  const run = (...command: string[]): Promise<unknown> =>
    node.call(...command).then((reply) => order.push(`${command.join(' ')}: ${String(reply)}`))
  await node.call('SET', 'other', '1')
  await node.call('MULTI')
  await node.call('GET', 'Tom')
  await node.call('INCR', 'n')
  const first = [run('EXEC'), run('GET', 'other'), run('GET', 'n')]
  await origin.isAskedFor('Tom')
  await origin.isAskedFor('n')
  expect(order).toEqual(['GET other: 1'])
  origin.give('Tom', '630')
  origin.give('n', '1')
  await Promise.all(first)
  expect(order).toEqual(['GET other: 1', 'EXEC: 630,2', 'GET n: 2'])
  await node.call('DEL', 'Tom')
  await node.call('MULTI')
  await node.call('GET', 'Tom2')
  await node.call('SELECT', 'plain')
  const second = [run('EXEC'), run('GET', 'other')]
  await origin.isAskedFor('Tom2')
  expect(order.length).toBe(3)
  origin.give('Tom2', '630')
  await Promise.all(second)
  expect(order.slice(3)).toEqual(['EXEC: 630,OK', 'GET other: null'])
})

test('a stale value answers reads of a block when the load fails, not its writes', async () => {
  let isDown = false
  const node = new Harness({
    groups: {
      cache: {
        ttlMs: 1000,
        freshness: { staleWhileRevalidateMs: 0, staleIfErrorMs: 5000, refreshAhead: 0 },
        origin: async () => {
          if (isDown) throw new Error('down')
          return '630'
        },
      },
    },
  })
  await node.call('GET', 'Tom')
  isDown = true
  node.clock.advance(1100)
  expect(await block(node.client, 'GET Tom', 'PING')).toEqual(['630', 'PONG'])
  expect(String(await block(node.client, 'GET Tom', 'INCR Tom'))).toContain('ORIGIN cache: down')
})
