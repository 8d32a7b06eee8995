// Transactions in groups that write to their origin: what it gets, and what the replies hold when it fails.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BadRequest, type Origin } from '../../../src/group/origin.ts'
import { defaultWrites, type WriteMode } from '../../../src/group/writes/writes.ts'
import { Harness, type HarnessClient } from '../../support/harness.ts'
import { poll } from '../../support/poll.ts'
import type { RedisReply } from '../../support/resp.ts'

/** An origin in memory, which refuses to store or remove the keys in `refused`. */
class Source implements Origin {
  readonly kind = 'test'
  readonly values = new Map<string, string>()
  readonly calls: string[] = []
  readonly refused = new Set<string>()
  /** What a write waits for. */
  gate: Promise<void> = Promise.resolve()

  load(key: string): string | null {
    this.calls.push(`load ${key}`)
    return this.values.get(key) ?? null
  }

  async store(key: string, value: Buffer, { ttl }: { ttl?: number }): Promise<void> {
    this.calls.push(`store ${key} ${value.toString()}${ttl === undefined ? '' : ` for ${ttl}`}`)
    await this.#pass(key)
    this.values.set(key, value.toString())
  }

  async remove(key: string): Promise<void> {
    this.calls.push(`remove ${key}`)
    await this.#pass(key)
    this.values.delete(key)
  }

  async #pass(key: string): Promise<void> {
    await this.gate
    if (this.refused.has(key)) throw new BadRequest('no')
  }
}

function node(mode: WriteMode, source = new Source()): { harness: Harness; source: Source; second: Source } {
  const second = new Source()
  const writes = { ...defaultWrites, mode }
  const harness = new Harness({
    groups: { users: { origin: source, writes }, plain: {}, second: { origin: second, writes } },
  })
  return { harness, source, second }
}

async function block(client: HarnessClient, ...lines: string[]): Promise<RedisReply> {
  await client.call('MULTI')
  for (const line of lines) expect(await client.call(...line.split(' '))).toBe('QUEUED')
  return client.call('EXEC')
}

/** Errors as text. */
function shown(reply: RedisReply): unknown {
  return Array.isArray(reply)
    ? reply.map((each) => (each instanceof Error ? each.message : each))
    : String(reply)
}

describe('write through', () => {
  test('the origin gets the last value of each key, once, and before the reply', async () => {
    const { harness, source } = node('through')
    source.values.set('n', '5')
    const replies = await block(
      harness.client,
      'SET a 1',
      'INCR a',
      'INCR n',
      'GET n',
      'SET b x',
      'DEL b',
      'DEL none',
      'GET a',
    )
    expect(replies).toEqual(['OK', 2, 6, '6', 'OK', 1, 0, '2'])
    expect(source.calls.slice(0, 1)).toEqual(['load n'])
    expect(source.calls.slice(1).sort()).toEqual(['remove b', 'remove none', 'store a 2', 'store n 6'])
    expect(await harness.call('MGET', 'a', 'n')).toEqual(['2', '6'])
  })

  test('commands whose key the origin refuses reply with its error; the others have happened', async () => {
    const { harness, source } = node('through')
    source.refused.add('bad')
    const replies = shown(
      await block(harness.client, 'SET a 1', 'SET bad 1', 'GET bad', 'MSET b 1 bad 2', 'INCR a', 'PING'),
    )
    const error = 'ORIGIN users: no'
    expect(replies).toEqual(['OK', error, error, error, 2, 'PONG'])
    expect([...source.values]).toEqual([
      ['a', '2'],
      ['b', '1'],
    ])
    expect(await harness.call('MGET', 'a', 'b', 'bad')).toEqual(['2', '1', null])
  })

  test('TTLs: those given with a value go to the origin, EXPIRE changes the cache only', async () => {
    const { harness, source } = node('through')
    await harness.call('SET', 'b', '1')
    source.calls.length = 0
    expect(
      await block(harness.client, 'SET a 1 EX 100', 'EXPIRE b 50', 'SET c 1', 'EXPIRE c 20', 'TTL c'),
    ).toEqual(['OK', 1, 'OK', 1, 20])
    expect(source.calls.map((call) => call.split(' ').slice(0, 3).join(' ')).sort()).toEqual([
      'store a 1',
      'store c 1',
    ])
    expect(await Promise.all(['a', 'b', 'c'].map((key) => harness.call('TTL', key)))).toEqual([100, 50, 20])
  })

  test('blocks over several groups: nothing is visible before the origins have accepted it', async () => {
    const { harness, source, second } = node('through')
    let open = (): void => {}
    source.gate = new Promise((resolve) => {
      open = resolve
    })
    const lines = [
      'SET a 1',
      'SELECT plain',
      'SET a 2',
      'SELECT second',
      'SET a 3',
      'GET a',
      'SELECT users',
      'GET a',
    ]
    const exec = block(harness.client, ...lines)
    while (source.calls.length === 0) await harness.settle()
    const other = harness.connect()
    await other.call('SELECT', 'plain')
    expect(await other.call('GET', 'a')).toBeNull()
    open()
    expect(await exec).toEqual(['OK', 'OK', 'OK', 'OK', 'OK', '3', 'OK', '1'])
    expect(await other.call('GET', 'a')).toBe('2')
    expect([source.values.get('a'), second.values.get('a')]).toEqual(['1', '3'])
  })

  test('other writes of its keys wait, and the order at the origin is that of the replies', async () => {
    const { harness, source } = node('through')
    let open = (): void => {}
    source.gate = new Promise((resolve) => {
      open = resolve
    })
    const exec = block(harness.client, 'SET a 1', 'SET b 1')
    while (source.calls.length < 2) await harness.settle()
    const later = harness.connect().call('APPEND', 'a', '2')
    await harness.settle()
    expect(source.calls.length).toBe(2)
    open()
    expect([await exec, await later]).toEqual([['OK', 'OK'], 2])
    expect(source.values.get('a')).toBe('12')
  })

  test('a watched key that changes before: nil, and nothing is written', async () => {
    const { harness, source } = node('through')
    await harness.call('WATCH', 'a')
    await harness.connect().call('SET', 'a', '1')
    source.calls.length = 0
    expect(await block(harness.client, 'SET b 1')).toBeNull()
    expect(source.calls).toEqual([])
    await harness.call('WATCH', 'a')
    expect(await block(harness.client, 'SET a 2', 'SET b 2')).toEqual(['OK', 'OK'])
  })

  test('the origin gets the collections that have changed', async () => {
    const stored = new Map<string, unknown>()
    const source = new Source()
    source.store = async (key: string, value: unknown) => void stored.set(key, value)
    const { harness } = node('through', source)
    const lines = ['HSET hash a 1', 'RPUSH list x', 'SADD set m', 'ZADD sorted 1 m', 'DEL set']
    expect(await block(harness.client, ...lines)).toEqual([1, 1, 1, 1, 1])
    expect(stored.get('hash')).toEqual(new Map([['a', Buffer.from('1')]]))
    expect(stored.get('list')).toEqual([Buffer.from('x')])
    expect([...stored.keys()]).toEqual(['hash', 'list', 'sorted'])
    expect(source.calls).toContain('remove set')
  })

  test('a collection that the origin does not take: its command answers the error', async () => {
    const { harness, source } = node('through')
    source.refused.add('hash')
    expect(shown(await block(harness.client, 'HSET hash a 1', 'PING'))).toEqual(['ORIGIN users: no', 'PONG'])
    expect(await harness.call('HGET', 'hash', 'a')).toBeNull()
  })

  test('SORT cannot store', async () => {
    const { harness } = node('through')
    expect(shown(await block(harness.client, 'SORT a', 'SORT a STORE b'))).toEqual([
      [],
      'ERR group users writes to its origin: SORT is not possible there',
    ])
  })

  test('commands that are not possible reply with an error', async () => {
    const { harness } = node('through')
    const replies = shown(await block(harness.client, 'SET a 1', 'COPY a b', 'FLUSHALL', 'GET a'))
    expect(replies).toEqual([
      'OK',
      'ERR group users writes to its origin: COPY is not possible there',
      'ERR group users writes to its origin: FLUSHALL is not possible in a transaction that writes there',
      '1',
    ])
  })

  test('a failed load fails EXEC, and nothing is written', async () => {
    const { harness, source } = node('through')
    source.load = () => {
      throw new Error('down')
    }
    expect(shown(await block(harness.client, 'SET a 1', 'INCR n'))).toContain('ORIGIN users: down')
    expect(source.calls).toEqual([])
  })

  test('an entry larger than the budget fails EXEC, and nothing is written', async () => {
    const { harness, source } = node('through')
    harness.groups[0].maxBytes = 64 * 1024
    expect(shown(await block(harness.client, 'SET b 1', `SET a ${'x'.repeat(100_000)}`))).toContain('OOM')
    expect(source.calls).toEqual([])
  })
})

test('refuse: a write of a collection answers the error', async () => {
  const { harness } = node('refuse')
  expect(String(shown(await block(harness.client, 'HSET hash a 1')))).toContain('group users refuses writes')
})

test('write behind: the writes are queued, and the reply does not wait', async () => {
  const { harness, source } = node('behind')
  source.gate = new Promise(() => {})
  expect(await block(harness.client, 'SET a 1', 'INCR a', 'SET b 1', 'DEL b')).toEqual(['OK', 2, 'OK', 1])
  expect(harness.groups[0].writes?.pending).toBe(2)
  expect(await harness.call('MGET', 'a', 'b')).toEqual(['2', null])
})

test('a group that refuses writes: each write replies with the error', async () => {
  const { harness, source } = node('refuse')
  source.values.set('a', '1')
  const replies = shown(await block(harness.client, 'SET a 2', 'GET a')) as string[]
  expect(replies[0]).toMatch(/^ERR group users refuses writes/)
  expect(replies[1]).toBe('1')
})

describe.each<WriteMode>(['through', 'behind'])('write: %s', (mode) => {
  test.each([
    [['SET a 7', 'GETDEL a'], ['OK', '7'], 'nothing'],
    [['SET a 7', 'RENAME a b', 'DEL b'], ['OK', 'OK', 1], 'nothing'],
    [['MSET a 7 b 8', 'GETDEL a', 'GETDEL b'], ['OK', '7', '8'], 'nothing'],
    [['SET a 7', 'EXPIRE a -1', 'GET a'], ['OK', 1, null], '7'],
    [['SET a 7 EX 100', 'PEXPIREAT a 1', 'SET b 1'], ['OK', 1, 'OK'], '7'],
    [['SET a 7', 'EXPIRE a -1', 'DEL a'], ['OK', 1, 0], 'nothing'],
    [['SET a 7', 'EXPIRE a -1', 'SET a 8'], ['OK', 1, 'OK'], '8'],
    [['GET a', 'EXPIRE a -1', 'SET b 1'], ['5', 1, 'OK'], '5'],
    [['INCR a', 'EXPIRE a -1', 'SET b 1'], [6, 1, 'OK'], '6'],
  ])('a block on keys that are not cached: %j', async (lines, replies, left) => {
    const { harness, source } = node(mode)
    source.values.set('a', '5')
    expect(await block(harness.client, ...lines)).toEqual(replies)
    await Promise.all(harness.groups.map((group) => group.close(1000)))
    expect(source.values.get('a') ?? 'nothing').toBe(left)
  })
})

test('any block: replies, cache and origin are those of the commands one by one', async () => {
  const key = fc.constantFrom('a', 'b')
  const command = fc.oneof(
    fc.tuple(fc.constantFrom('SET', 'APPEND', 'SETNX', 'GETSET'), key, fc.constantFrom('1', 'x')),
    fc.tuple(fc.constantFrom('INCR', 'DEL', 'GET', 'GETDEL', 'PERSIST', 'TTL'), key),
    fc.tuple(fc.constant('EXPIRE'), key, fc.constantFrom('100', '200')),
    fc.tuple(fc.constant('SET'), key, fc.constant('5'), fc.constant('EX'), fc.constant('50')),
    fc.tuple(fc.constantFrom('RENAME', 'RENAMENX'), key, key),
    fc.tuple(fc.constantFrom('MSET', 'MSETNX'), key, fc.constant('7'), key, fc.constant('8')),
  )
  const lines = fc
    .array(command, { minLength: 1, maxLength: 8 })
    .map((all) => all.map((each) => each.join(' ')))
  const before = fc.option(fc.constantFrom('1', 'y'), { nil: undefined })
  await fc.assert(
    fc.asyncProperty(
      lines,
      before,
      fc.constantFrom<WriteMode>('through', 'behind'),
      async (all, value, mode) => {
        const one = node(mode)
        const other = node(mode)
        for (const { source, harness } of [one, other]) {
          if (value !== undefined) source.values.set('a', value)
          // A block loads all its keys at first: commands that see only what is cached then see more.
          await harness.call('MGET', 'a', 'b')
        }
        const wanted: unknown[] = []
        for (const line of all) wanted.push(shown([await one.harness.call(...line.split(' '))]))
        const given = (shown(await block(other.harness.client, ...all)) as unknown[]).map((each) => [each])
        expect(given).toEqual(wanted)
        for (const k of ['a', 'b']) {
          const reads = [one, other].map(({ harness }) =>
            Promise.all([harness.call('GET', k), harness.call('TTL', k)]),
          )
          expect(await reads[1]).toEqual(await reads[0])
        }
        for (const { harness } of [one, other])
          await Promise.all(harness.groups.map((group) => group.close(1000)))
        expect([...other.source.values].sort()).toEqual([...one.source.values].sort())
      },
    ),
    { numRuns: 300 },
  )
})

describe('a key of another group expires while the origin is written to', () => {
  /** A group that writes to its origin beside one that does not, whose values are 41, with this TTL. */
  function beside(
    ttlMs: number,
    load: () => string | null = () => '41',
  ): { harness: Harness; source: Source } {
    const source = new Source()
    const harness = new Harness({
      groups: {
        users: { origin: source, writes: { ...defaultWrites, mode: 'through' } },
        other: { origin: load, ttlMs, jitter: 0 },
      },
    })
    return { harness, source }
  }

  async function slowBlock(harness: Harness, source: Source, ms: number): Promise<RedisReply> {
    let open = (): void => undefined
    source.gate = new Promise((pass) => {
      open = pass
    })
    const replies = block(harness.client, 'SET a 1', 'SELECT other', 'INCR n', 'GET n', 'SELECT users')
    await poll(() => source.calls.some((call) => call.startsWith('store')), 'the write')
    harness.clock.advance(ms)
    open()
    return replies
  }

  test('it is loaded again', async () => {
    const { harness, source } = beside(50)
    expect(await slowBlock(harness, source, 100)).toEqual(['OK', 'OK', 42, '42', 'OK'])
  })

  test('if that fails, its commands reply with the error, and the write has happened', async () => {
    let loads = 0
    const { harness, source } = beside(50, () => {
      if (loads++ > 0) throw new BadRequest('no')
      return '41'
    })
    const error = 'ORIGIN other: no'
    expect(shown(await slowBlock(harness, source, 100))).toEqual(['OK', 'OK', error, error, 'OK'])
    expect(await harness.call('GET', 'a')).toBe('1')
  })
})
