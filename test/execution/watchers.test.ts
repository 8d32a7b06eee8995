// The watchers of a group are notified of every key of a write, before it runs, and of no read.

import { beforeEach, describe, expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'
import type { Argument } from '../support/resp.ts'

let harness: Harness
let notified: string[]

beforeEach(async () => {
  harness = new Harness({ groups: { cache: {}, other: {}, loaded: { origin: () => '7' } } })
  notified = []
  for (const key of ['Tom', 'Jack']) await harness.call('SET', key, '1')
  for (const group of harness.groups) {
    group.watch({
      written: ({ name }, bytes, start, end) =>
        notified.push(`${name} ${bytes.toString('latin1', start, end)}`),
      flushed: ({ name, store }) => notified.push(`${name} *${store.size}`),
    })
  }
})

const TOM = ['cache Tom']
const BOTH = ['cache Tom', 'cache Jack']

const WRITES: readonly (readonly [Argument[], string[]])[] = [
  [['SET', 'Tom', '2'], TOM],
  [['SET', 'Tom', '2', 'NX'], TOM],
  [['SETNX', 'Tom', '2'], TOM],
  [['SETEX', 'Tom', 10, '2'], TOM],
  [['PSETEX', 'Tom', 10, '2'], TOM],
  [['GETSET', 'Tom', '2'], TOM],
  [['GETDEL', 'Tom'], TOM],
  [['GETEX', 'Tom', 'EX', 10], TOM],
  [['APPEND', 'Tom', '2'], TOM],
  [['SETRANGE', 'Tom', 0, '2'], TOM],
  [['INCR', 'Tom'], TOM],
  [['DECRBY', 'Tom', 2], TOM],
  [['INCRBYFLOAT', 'Tom', 2], TOM],
  [['EXPIRE', 'Tom', 10], TOM],
  [['PEXPIREAT', 'Tom', 10], TOM],
  [['PERSIST', 'Tom'], TOM],
  [['MSET', 'Tom', 2, 'Jack', 3], BOTH],
  [['MSETNX', 'Tom', 2, 'Jack', 3], BOTH],
  [['DEL', 'Tom', 'Jack'], BOTH],
  [['UNLINK', 'Tom', 'Jack'], BOTH],
  [['RENAME', 'Tom', 'Jack'], BOTH],
  [
    ['RENAMENX', 'Tom', 'Sam'],
    ['cache Tom', 'cache Sam'],
  ],
  [
    ['COPY', 'Tom', 'Sam'],
    ['cache Tom', 'cache Sam'],
  ],
  [
    ['COPY', 'Tom', 'Sam', 'DB', 1],
    ['cache Tom', 'cache Sam', 'other Sam'],
  ],
  [
    ['MOVE', 'Tom', 1],
    ['cache Tom', 'other Tom'],
  ],
  [
    ['SWAPDB', 0, 1],
    ['cache *2', 'other *0'],
  ],
  [['FLUSHDB'], ['cache *2']],
  [['FLUSHALL'], ['cache *2', 'other *0', 'loaded *0']],
  [
    ['DEBUG', 'POPULATE', 2, 'k'],
    ['cache k:0', 'cache k:1'],
  ],
]

test.each(WRITES)('%j', async (command, expected) => {
  await harness.call(...command)
  expect(notified).toEqual(expected)
})

const READS: readonly Argument[][] = [
  ['GET', 'Tom'],
  ['MGET', 'Tom', 'Sam'],
  ['STRLEN', 'Tom'],
  ['GETRANGE', 'Tom', 0, 1],
  ['EXISTS', 'Tom'],
  ['TTL', 'Tom'],
  ['TYPE', 'Tom'],
  ['TOUCH', 'Tom'],
  ['SCAN', 0],
  ['KEYS', '*'],
]

test.each(READS)('%s %s notifies no watcher', async (...command) => {
  await harness.call(...command)
  expect(notified).toEqual([])
})

describe('in a group with an origin', () => {
  beforeEach(async () => {
    await harness.call('SELECT', 'loaded')
  })

  test('a load is not a write', async () => {
    expect(await harness.call('GET', 'Tom')).toBe('7')
    expect(notified).toEqual([])
  })

  test('a write that loads first notifies once, when the value is loaded', async () => {
    const reply = harness.call('INCR', 'Tom')
    expect(notified).toEqual([])
    expect(await reply).toBe(8)
    expect(notified).toEqual(['loaded Tom'])
  })
})
