// Groups that write to their origin: which calls it gets, in which order, and what clients see when it fails.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { BadRequest, type Origin } from '../../../src/group/origin.ts'
import { defaultWrites, type WriteMode, Writes } from '../../../src/group/writes/writes.ts'
import { Harness } from '../../support/harness.ts'

/** An origin in memory; it fails while `error` is set. */
class Source implements Origin {
  readonly kind = 'test'
  readonly values = new Map<string, string>()
  readonly calls: string[] = []
  error: string | undefined
  /** Whether its errors state that the write was not applied. */
  refuses = false

  load(key: string): string | null {
    return this.values.get(key) ?? null
  }

  async store(key: string, value: Buffer): Promise<void> {
    this.#call(`store ${key} ${value.toString()}`)
    this.values.set(key, value.toString())
  }

  async remove(key: string): Promise<void> {
    this.#call(`remove ${key}`)
    this.values.delete(key)
  }

  #call(what: string): void {
    this.calls.push(what)
    if (this.error !== undefined) throw this.refuses ? new BadRequest(this.error) : new Error(this.error)
  }
}

function writing(mode: WriteMode, queue = 100): { harness: Harness; source: Source } {
  const source = new Source()
  const writes = { ...defaultWrites, mode, queue }
  const harness = new Harness({ groups: { users: { origin: source, writes }, other: {} } })
  return { harness, source }
}

describe('write through', () => {
  test.each<[string[], string[][], string[]]>([
    ['set', [['SET', 'a', '1']], ['store a 1']],
    ['set with a TTL', [['SET', 'a', '1', 'EX', '9']], ['store a 1']],
    ['mset', [['MSET', 'a', '1', 'b', '2']], ['store a 1', 'store b 2']],
    ['msetnx', [['MSETNX', 'a', '1', 'b', '2']], ['store a 1', 'store b 2']],
    [
      'setnx',
      [
        ['SETNX', 'a', '1'],
        ['SETNX', 'a', '2'],
      ],
      ['store a 1'],
    ],
    [
      'the same value',
      [
        ['SET', 'a', '1'],
        ['SET', 'a', '1'],
      ],
      ['store a 1', 'store a 1'],
    ],
    ['getset', [['GETSET', 'a', '1']], ['store a 1']],
    [
      'getdel',
      [
        ['SET', 'a', '1'],
        ['GETDEL', 'a'],
        ['GETDEL', 'a'],
      ],
      ['store a 1', 'remove a'],
    ],
    ['del', [['DEL', 'a', 'b']], ['remove a', 'remove b']],
    [
      'counters',
      [
        ['INCR', 'a'],
        ['INCRBY', 'a', '4'],
        ['DECR', 'a'],
      ],
      ['store a 1', 'store a 5', 'store a 4'],
    ],
    [
      'append',
      [
        ['APPEND', 'a', 'x'],
        ['APPEND', 'a', 'y'],
      ],
      ['store a x', 'store a xy'],
    ],
    ['setrange', [['SETRANGE', 'a', '0', 'xy']], ['store a xy']],
    [
      'rename',
      [
        ['SET', 'a', '1'],
        ['RENAME', 'a', 'b'],
      ],
      ['store a 1', 'store b 1', 'remove a'],
    ],
    ['lifetimes', [['EXPIRE', 'a', '9'], ['PERSIST', 'a'], ['INVALIDATE', 'a'], ['FLUSHDB']], []],
    [
      'errors',
      [
        ['SET', 'a', 'x'],
        ['INCR', 'a'],
        ['SET', 'a', '1', 'NO'],
      ],
      ['store a x'],
    ],
  ] as never)('%s', async (_, commands, wanted) => {
    const { harness, source } = writing('through')
    for (const command of commands) await harness.call(...command)
    expect(source.calls).toEqual(wanted)
  })

  test('if the origin rejects a write, the command fails and the cache is unchanged', async () => {
    const { harness, source } = writing('through')
    await harness.call('SET', 'a', '1', 'EX', 50)
    source.error = 'too\r\nlong'
    source.refuses = true
    for (const command of [
      ['SET', 'a', '2'],
      ['DEL', 'a'],
      ['INCR', 'a'],
      ['MSET', 'b', '1', 'a', '3'],
    ])
      expect(await harness.raw(...command)).toBe('-ORIGIN users: too long\r\n')
    expect(await harness.call('GET', 'a')).toBe('1')
    expect(await harness.call('TTL', 'a')).toBe(50)
    expect(await harness.call('EXISTS', 'b')).toBe(0)
  })

  test('a value whose failed write may have been applied is dropped', async () => {
    const { harness, source } = writing('through')
    await harness.call('MSET', 'a', '1', 'b', '1')
    source.error = 'the connection broke'
    expect(await harness.raw('SET', 'a', '2')).toBe('-ORIGIN users: the connection broke\r\n')
    source.values.set('a', '2')
    expect(await harness.call('EXISTS', 'a', 'b')).toBe(1)
    expect(await harness.call('GET', 'a')).toBe('2')
  })

  test('a counter continues from the value of the origin, and keeps its TTL', async () => {
    const { harness, source } = writing('through')
    source.values.set('a', '41')
    expect(await harness.call('INCR', 'a')).toBe(42)
    await harness.call('EXPIRE', 'a', 70)
    expect(await harness.call('INCR', 'a')).toBe(43)
    expect(await harness.call('TTL', 'a')).toBe(70)
    expect(source.values.get('a')).toBe('43')
  })

  test('writes of many clients to one key run one after another', async () => {
    const { harness, source } = writing('through')
    const clients = Array.from({ length: 20 }, () => harness.connect())
    const replies = await Promise.all(clients.map((client) => client.call('INCR', 'n')))
    expect(replies).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(source.values.get('n')).toBe('20')
  })

  test('MOVE to another group is refused', async () => {
    const { harness } = writing('through')
    expect(await harness.raw('MOVE', 'a', '1')).toMatch(/^-ERR group users writes to its origin: MOVE/)
  })

  test('after any sequence of commands cache and origin agree', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const value = fc.constantFrom('1', '22', 'x')
    const command = fc.oneof(
      fc.tuple(fc.constantFrom('SET', 'APPEND', 'GETSET', 'SETNX'), key, value),
      fc.tuple(fc.constantFrom('INCR', 'DEL', 'GETDEL', 'GET', 'INVALIDATE'), key),
      fc.tuple(fc.constant('RENAME'), key, key),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(command, fc.boolean()), { maxLength: 30 }), async (steps) => {
        const { harness, source } = writing('through')
        const other = harness.connect()
        await Promise.all(steps.map(([each, second]) => (second ? other : harness.client).call(...each)))
        for (const name of ['a', 'b', 'c'])
          expect(await harness.call('GET', name)).toBe(source.values.get(name) ?? null)
        harness.group('users').store.verify()
      }),
      { numRuns: 60 },
    )
  })
})

describe('write behind', () => {
  test('the cache changes at once, and the origin later, each key in order', async () => {
    const { harness, source } = writing('behind')
    source.error = 'down'
    await harness.call('SET', 'a', '1')
    await harness.settle()
    for (const value of ['2', '3', '4']) await harness.call('SET', 'a', value)
    await harness.call('SET', 'b', '1')
    await harness.call('DEL', 'b')
    expect(await harness.call('MGET', 'a', 'b')).toEqual(['4', null])
    const { writes } = harness.group('users')
    harness.clock.advance(50)
    harness.instant.refresh()
    expect([writes?.pending, writes?.lagMs]).toEqual([2, 50])
    // A pending write is read from the queue, not loaded, even after the cache was flushed.
    await harness.call('GROUP', 'FLUSH')
    expect(await harness.call('MGET', 'a', 'b')).toEqual(['4', null])
    source.error = undefined
    source.calls.length = 0
    harness.clock.advance(100)
    await harness.settle()
    expect(source.calls.sort()).toEqual(['remove b', 'store a 4'])
    expect([writes?.pending, writes?.lagMs]).toEqual([0, 0])
  })

  test('a full queue rejects a write, and nothing changes', async () => {
    const { harness, source } = writing('behind', 1)
    source.error = 'down'
    await harness.call('SET', 'a', '1')
    await harness.settle()
    expect(await harness.raw('MSET', 'b', '1', 'c', '2')).toBe(
      '-ORIGIN users: too many writes wait for it\r\n',
    )
    expect(await harness.call('EXISTS', 'b', 'c')).toBe(0)
    expect(await harness.call('SET', 'a', '2')).toBe('OK')
  })

  test('closing writes what is pending, and reports how many writes were lost', async () => {
    for (const [error, lost] of [
      [undefined, 0],
      ['down', 2],
    ] as const) {
      const { harness, source } = writing('behind')
      source.error = 'down'
      await harness.call('MSET', 'a', '1', 'b', '2')
      await harness.settle()
      source.error = error
      const closing = harness.group('users').writes?.close(1000)
      await harness.settle()
      harness.clock.advance(1000)
      expect(await closing).toBe(lost)
      expect(source.values.size).toBe(2 - lost)
      expect(await harness.raw('SET', 'c', '1')).toBe('-ORIGIN users: the node is closing\r\n')
      expect(harness.clock.pending).toBe(0)
    }
  })

  test('whichever calls fail, the origin ends with the last write of each key', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b'),
      value: fc.option(fc.stringMatching(/^[a-z]{1,3}$/)),
      fails: fc.boolean(),
      passes: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const clock = new ManualClock(1)
        const source = new Source()
        const options = {
          ...defaultWrites,
          mode: 'behind',
          group: 'users',
          origin: source,
          timeoutMs: 0,
        } as const
        const writes = new Writes({ ...options, now: () => clock.now(), timers: clock })
        const last = new Map<string, string>()
        for (const { key, value, fails, passes } of steps) {
          source.error = fails ? 'down' : undefined
          expect(
            writes.enqueue([{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) }]),
          ).toBeUndefined()
          if (value === null) last.delete(key)
          else last.set(key, value)
          if (passes) clock.advance(200)
          await new Promise(setImmediate)
        }
        source.error = undefined
        expect(await writes.close(1000)).toBe(0)
        expect(source.values).toEqual(last)
      }),
      { numRuns: 60 },
    )
  })
})

test('a group with write: refuse rejects writes, and serves reads', async () => {
  const { harness, source } = writing('refuse')
  source.values.set('a', '1')
  for (const command of [
    ['SET', 'a', '2'],
    ['DEL', 'a'],
    ['INCR', 'a'],
    ['MSET', 'a', '2'],
  ])
    expect(await harness.raw(...command)).toBe(
      '-ERR group users refuses writes: change its source instead, or set `write` of the group to `around`\r\n',
    )
  expect(await harness.call('GET', 'a')).toBe('1')
  expect(await harness.call('EXPIRE', 'a', 10)).toBe(1)
  expect(await harness.call('INVALIDATE', 'a')).toBe(1)
})
