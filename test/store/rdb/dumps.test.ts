// Dumps in both directions between the codec and a redis-server, in all encodings, and what damaged dumps do.

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { RdbType } from '../../../src/store/rdb/format.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import type { Argument } from '../../support/resp.ts'
import { length, listpack, old, string } from './encodings.ts'
import {
  BINARY,
  damaged,
  extremeNumbers,
  LONG,
  MADE,
  MANY,
  numberedStream,
  OLD,
  plainValue,
  range,
} from './made.ts'
import { decode, decodeBody, encode, positive, valueAt, withFooter } from './values.ts'

describe('a dump is refused', () => {
  const dump = withFooter(Buffer.from([RdbType.STRING]), string('abc'))

  test('if a byte of it was changed', () => {
    expect(decode(dump)).toEqual({ type: 'string', value: 'abc' })
    for (const i of dump.keys()) {
      const damaged = Buffer.from(dump)
      damaged[i] ^= 1
      expect(decode(damaged)).toBeUndefined()
    }
  })

  test('if it is cut off', () => {
    for (const i of dump.keys()) expect(decode(dump.subarray(0, i))).toBeUndefined()
  })

  test.each<[string, Buffer]>([
    ['is empty', Buffer.alloc(0)],
    ['has an unknown type', Buffer.from([8, 0])],
    ['is of a module', Buffer.from([7, 0])],
    ['is an empty list', old.list([])],
    ['is a list of empty nodes', old.quicklist([[], []])],
    ['is an empty set', Buffer.from([RdbType.SET, 0])],
    ['is an empty hash', old.ziplistHash([])],
    ['is an empty zipmap', old.zipmapHash([])],
    ['is an empty sorted set', old.ziplistSortedSet([])],
    [
      'has a field without a value',
      Buffer.concat([Buffer.from([RdbType.HASH_LISTPACK]), string(listpack(['f']))]),
    ],
    ['has the same member twice', old.listpackSet(['a', 'b', 'a'])],
    [
      'has the same field twice',
      old.zipmapHash([
        ['f', '1'],
        ['f', '2'],
      ]),
    ],
    ['has a score that is not a number', old.textSortedSet([['a', Number.NaN]])],
    ['has a packed score that is not a number', old.listpackSortedSet([['a', Number.NaN]])],
    [
      'claims more elements than it has bytes',
      Buffer.from([RdbType.LIST, 0x80, 0xff, 0xff, 0xff, 0xff, 1, 0x61]),
    ],
    ['claims 2^63 elements', Buffer.from([RdbType.HASH, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0x61])],
    [
      'claims a string of 4 GB',
      Buffer.from([RdbType.STRING, 0xc3, 5, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0x61, 0xe0, 0xff, 0]),
    ],
  ])('if its value %s', (_, body) => {
    expect(decodeBody(body)).toBeUndefined()
  })

  test('or ends without a failure, whatever its bytes', () => {
    const type = fc.constantFrom(...Object.values(RdbType))
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 60 }), fc.boolean(), (first, bytes, isPacked) => {
        decodeBody(Buffer.concat([Buffer.from([first]), isPacked ? string(bytes) : bytes]))
      }),
      { numRuns: 3000 },
    )
  })
})

test('fields with deadlines, as Redis 7.4 writes them', () => {
  const first = Buffer.alloc(8)
  first.writeBigInt64LE(1_000_000n)
  const fields = [
    ['a', '1'],
    ['b', '2', '1000000'],
    ['c', '3', '1000500'],
  ]
  const halves = (field: string, value: string): Buffer[] => [string(field), string(value)]
  const table = [
    length(3),
    length(1),
    ...halves('b', '2'),
    length(0),
    ...halves('a', '1'),
    length(501),
    ...halves('c', '3'),
  ]
  expect(decodeBody(Buffer.concat([Buffer.from([RdbType.HASH_METADATA]), first, ...table]))).toEqual({
    type: 'hash',
    fields,
  })
  const packed = string(listpack(['b', '2', '1000000', 'c', '3', '1000500', 'a', '1', '0']))
  expect(decodeBody(Buffer.concat([Buffer.from([RdbType.HASH_LISTPACK_EX]), first, packed]))).toEqual({
    type: 'hash',
    fields,
  })
  for (const deadline of ['-1', 'x', String(2 ** 48)]) {
    const wrong = string(listpack(['b', '2', deadline]))
    expect(decodeBody(Buffer.concat([Buffer.from([RdbType.HASH_LISTPACK_EX]), first, wrong]))).toBeUndefined()
  }
})

test('the encodings of Redis 7.2', () => {
  const set = { type: 'set', elements: [...new Set(MANY)].sort() }
  expect(decodeBody(old.listpackSet(MANY))).toEqual(set)
})

describeWithRedis(
  'with a redis-server',
  (redis) => {
    const dumps: Buffer[] = []

    async function restore(server: RedisServer, dump: Buffer): Promise<unknown> {
      return server.call('RESTORE', 'k', 0, dump, 'REPLACE')
    }

    beforeAll(async () => {
      for (const [, ...commands] of MADE) dumps.push(await make(redis(), commands))
      for (const [, body] of OLD) dumps.push(withFooter(body))
    })

    async function make(server: RedisServer, commands: readonly (readonly Argument[])[]): Promise<Buffer> {
      await server.call('DEL', 'k')
      for (const reply of await server.pipeline(commands)) expect(reply).not.toBeInstanceOf(Error)
      return Buffer.from((await server.call('DUMP', 'k')) as string, 'latin1')
    }

    test.each(MADE)('the codec reads its dump: %s, %#', async (encoding, ...rest) => {
      const commands = rest as (readonly Argument[])[]
      const dump = await make(redis(), commands)
      expect(await redis().call('OBJECT', 'ENCODING', 'k')).toBe(encoding)
      expect(decode(dump)).toEqual(await valueAt(redis(), 'k'))
    })

    test.each(OLD)('the codec reads the old encodings that it reads: %s', async (_, body) => {
      expect(await restore(redis(), withFooter(body))).toBe('OK')
      expect(decodeBody(body)).toEqual(await valueAt(redis(), 'k'))
    })

    test('it reads what the codec writes', async () => {
      const property = fc.asyncProperty(plainValue, fc.boolean(), async (value, isSmall) => {
        const dump = encode(value, isSmall)
        expect(decode(dump)).toEqual(value)
        expect(await restore(redis(), dump)).toBe('OK')
        expect(await valueAt(redis(), 'k')).toEqual(positive(value))
      })
      await fc.assert(property, { numRuns: 300 })
    })

    test('large values and lists of many nodes', async () => {
      const elements = range(20_000).map((i) => (i % 100 === 0 ? LONG.repeat(i % 40) : String(i * i)))
      const large: Parameters<typeof encode>[0][] = [
        { type: 'string', value: BINARY.repeat(1000) },
        { type: 'list', elements },
        { type: 'list', elements: ['x'.repeat(100_000), 'y', BINARY.repeat(400)] },
        { type: 'set', elements: range(3000).map(String).sort() },
      ]
      for (const value of large) {
        expect(await restore(redis(), encode(value, false))).toBe('OK')
        expect(await valueAt(redis(), 'k')).toEqual(value)
        expect(decode(encode(value, false))).toEqual(value)
      }
    })

    test.each([-1n, 2n ** 63n - 1n, -(2n ** 63n)])(
      'it counts the entries of a stream as the codec: %i',
      async (n) => {
        const counters = { entriesAdded: n, entriesRead: n, deliveries: n, deliveredAt: n, seenAt: n }
        const body = numberedStream(counters)
        expect(await restore(redis(), withFooter(body))).toBe('OK')
        expect(decodeBody(body)).toEqual(await valueAt(redis(), 'k'))
      },
    )

    test('it reads the numbers of a stream as the codec', async () => {
      const property = fc.asyncProperty(extremeNumbers, async (each) => {
        const body = numberedStream(each)
        expect(await restore(redis(), withFooter(body))).toBe('OK')
        expect(decodeBody(body)).toEqual(await valueAt(redis(), 'k'))
      })
      await fc.assert(property, {
        numRuns: 200,
        examples: [
          [
            {
              entriesAdded: 0n,
              entriesRead: 2n ** 53n,
              deliveries: 5486386653934999400n,
              deliveredAt: 0n,
              seenAt: 0n,
            },
          ],
        ],
      })
    })

    test('what the codec accepts of damaged dumps, it reads the same way', async () => {
      const bodies = dumps
        .map((dump) => dump.subarray(0, dump.length - 10))
        .filter((body) => body.length < 4000)
      const property = fc.asyncProperty(damaged(bodies), async (body) => {
        const value = decodeBody(body)
        // The server does not know the types after this one.
        if (value === undefined || body[0] > RdbType.STREAM_LISTPACKS_2) return
        expect(await restore(redis(), withFooter(body))).toBe('OK')
        expect(await valueAt(redis(), 'k')).toEqual(positive(value))
      })
      await fc.assert(property, { numRuns: 3000 })
    })
  },
  '--sanitize-dump-payload',
  'yes',
  '--enable-debug-command',
  'yes',
)
