// Values of all types and encodings, by the commands that make them.

import fc from 'fast-check'
import { RdbType } from '../../../src/store/rdb/format.ts'
import type { Argument } from '../../support/resp.ts'
import { int64, length, listpack, old, string, uint64 } from './encodings.ts'

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
export const LONG = 'a long element, '.repeat(20)
export const BINARY = Buffer.from(range(256)).toString('latin1')

/** Commands that make one value each of all types, at key `k`, in the encoding named before. */
export const MADE: readonly (readonly [encoding: string, ...commands: (readonly Argument[])[]])[] = [
  ['int', ['SET', 'k', 123]],
  ['int', ['SET', 'k', -40_000]],
  ['int', ['SET', 'k', '9223372036854775807']],
  ['embstr', ['SET', 'k', 'short']],
  ['embstr', ['SET', 'k', '']],
  ['raw', ['SET', 'k', 'abc'.repeat(100)]],
  ['raw', ['SET', 'k', BINARY]],
  ['raw', ['SET', 'k', 'ab'.repeat(20_000)]],
  ['quicklist', ['RPUSH', 'k', 'a', 'b', '1', '-5', '']],
  ['quicklist', ['RPUSH', 'k', LONG, BINARY, 4096, 2 ** 40, '-9223372036854775808']],
  ['quicklist', ['RPUSH', 'k', ...range(3000)]],
  ['quicklist', ['RPUSH', 'k', 'x'.repeat(10_000), 'y', 'z'.repeat(20_000)]],
  ['intset', ['SADD', 'k', 1, 2, -3]],
  ['intset', ['SADD', 'k', 70_000, 1]],
  ['intset', ['SADD', 'k', '9007199254740993', '-9223372036854775808', 0]],
  ['hashtable', ['SADD', 'k', 'a', 'b', 'c', 1, LONG]],
  ['hashtable', ['SADD', 'k', ...range(1000)]],
  ['listpack', ['HSET', 'k', 'f', 'v', 'g', 1, 'h', '']],
  ['hashtable', ['HSET', 'k', 'f', LONG, LONG, 'v']],
  ['hashtable', ['HSET', 'k', ...range(2000)]],
  ['listpack', ['ZADD', 'k', 1, 'a', 2.5, 'b', '-inf', 'c', '1e300', 'd', '+inf', 7]],
  ['skiplist', ['ZADD', 'k', 1, LONG, -0.1, 'b']],
  ['skiplist', ['ZADD', 'k', ...range(1000).flatMap((i) => [i / 7, `m${i}`])]],
  ['stream', ['XADD', 'k', '5-1', 'f', 'v']],
  ['stream', ['XADD', 'k', '5-1', 'f', 'v'], ['XDEL', 'k', '5-1']],
  ['stream', ['XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM']],
  ['stream', ...range(250).map((i) => ['XADD', 'k', `${i}-${i + 1}`, i % 3 === 0 ? 'f' : 'g', i])],
  [
    'stream',
    ...range(20).map((i) => ['XADD', 'k', `7-${i + 1}`, 'a', i, 'b', LONG]),
    ['XADD', 'k', '18446744073709551614-3', 'c', 'd'],
    ['XDEL', 'k', '7-3', '7-4'],
    ['XGROUP', 'CREATE', 'k', 'g', 0],
    ['XGROUP', 'CREATE', 'k', 'none', '7-9'],
    ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', 3, 'STREAMS', 'k', '>'],
    ['XREADGROUP', 'GROUP', 'g', 'two', 'COUNT', 2, 'STREAMS', 'k', '>'],
    ['XGROUP', 'CREATECONSUMER', 'k', 'g', 'idle'],
    ['XACK', 'k', 'g', '7-2'],
  ],
]

const name = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => Buffer.from(text).toString('latin1')),
  fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.integer({ min: -5000, max: 5000 }).map(String),
)
const score = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(-0, 2 ** 53, -(2 ** 63), 1e17, 0.1),
)
const names = { maxLength: 40, minLength: 1 }
const distinct = {
  ...names,
  selector: <T>(item: T | readonly [T, unknown]) => (Array.isArray(item) ? item[0] : item),
}
/** A value of any type but a stream. */
export const plainValue = fc.oneof(
  name.map((value) => ({ type: 'string' as const, value })),
  fc.array(name, names).map((elements) => ({ type: 'list' as const, elements })),
  fc.uniqueArray(name, distinct).map((elements) => ({ type: 'set' as const, elements: elements.sort() })),
  fc.uniqueArray(fc.integer(), distinct).map((integers) => ({
    type: 'set' as const,
    elements: integers.map(String).sort(),
  })),
  fc.uniqueArray(fc.tuple(name, name), distinct).map((fields) => ({
    type: 'hash' as const,
    fields: fields.sort(([a], [b]) => (a < b ? -1 : 1)),
  })),
  fc.uniqueArray(fc.tuple(name, score), distinct).map((members) => ({
    type: 'zset' as const,
    members: members.sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)),
  })),
)

const ELEMENTS = ['', 'a', '7', '12', '13', '-1', '-129', '4096', '-40000', '9000000', '-9223372036854775808']
export const MANY = [
  ...ELEMENTS,
  'x'.repeat(62),
  'y'.repeat(63),
  'z'.repeat(64),
  'w'.repeat(300),
  'v'.repeat(17_000),
  '1.5',
]
const FIELDS = MANY.map((element, i) => [`f${element}`, MANY.at(-i) ?? ''] as const)
const SCORES = [
  ['m', 1.5],
  ['', -1e300],
  ['n', 0],
  ['12', 7],
  [LONG, 3],
] as const
const INFINITE = [...SCORES, ['i', Number.POSITIVE_INFINITY], ['j', Number.NEGATIVE_INFINITY]] as const

/** Types and values without a footer. */
export const OLD: readonly (readonly [string, Buffer])[] = [
  ['list', old.list(MANY)],
  ['list of ziplist', old.ziplistList(MANY)],
  ['quicklist', old.quicklist([MANY, ['b'], [], MANY])],
  ['quicklist with plain nodes', old.quicklist2(['plain', MANY, [], 'second'])],
  ['zipmap', old.zipmapHash(FIELDS)],
  ['zipmap with unused bytes', old.zipmapHash(FIELDS, 3)],
  ['hash of ziplist', old.ziplistHash(FIELDS)],
  ['sorted set of ziplist', old.ziplistSortedSet(SCORES)],
  ['sorted set with text scores', old.textSortedSet(INFINITE)],
  ['stream without counts', Buffer.concat([Buffer.from([RdbType.STREAM_LISTPACKS]), oldStream()])],
]

/** A stream of Redis 5: two entries and two groups. */
function oldStream(): Buffer {
  const node = Buffer.from('0000000000000005' + '0000000000000001', 'hex')
  const elements = [2, 0, 1, 'f', 0, 2, 0, 0, 'v', 4, 0, 3, -1, 1, 'g', 'w', 6].map(String)
  const pending = Buffer.concat([node, Buffer.alloc(8, 1), length(1)])
  const time = Buffer.alloc(8, 1)
  return Buffer.concat([
    ...[length(1), string(node), string(listpack(elements)), length(2), length(8), length(0), length(2)],
    ...[string('g'), length(5), length(1), length(1), pending],
    ...[length(2), string('c'), time, length(1), node, string('d'), time, length(0)],
    ...[string('h'), length(6), length(0), length(0), length(0)],
  ])
}

/** What is counted in a stream, and its times: 64 bits each. */
export interface StreamNumbers {
  readonly entriesAdded: bigint
  readonly entriesRead: bigint
  readonly deliveries: bigint
  readonly deliveredAt: bigint
  readonly seenAt: bigint
}

/** A stream of the entries 5-1 and 5-2, and a group `g` of which consumer `c` owns the first one. */
export function numberedStream(numbers: StreamNumbers): Buffer {
  const { entriesAdded, entriesRead, deliveries, deliveredAt, seenAt } = numbers
  const id = (sequence: number): Buffer =>
    Buffer.from(`${'5'.padStart(16, '0')}${`${sequence}`.padStart(16, '0')}`, 'hex')
  const elements = [2, 0, 1, 'f', 0, 2, 0, 0, 'v', 4, 2, 0, 1, 'w', 4].map(String)
  return Buffer.concat([
    ...[
      Buffer.from([RdbType.STREAM_LISTPACKS_2]),
      length(1),
      string(id(1)),
      string(listpack(elements)),
      length(2),
    ],
    ...[length(5), length(2), length(5), length(1), length(0), length(0), uint64(entriesAdded)],
    ...[length(1), string('g'), length(5), length(1), uint64(entriesRead)],
    ...[length(1), id(1), int64(deliveredAt), uint64(deliveries)],
    ...[length(1), string('c'), int64(seenAt), length(1), id(1)],
  ])
}

const SIGNED_MAX = 2n ** 63n - 1n
/** Numbers at which 64 bits, or a double, overflow. */
export const extreme: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, -1n, -2n, SIGNED_MAX, SIGNED_MAX - 1n, -SIGNED_MAX, -SIGNED_MAX - 1n),
  fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), 2n ** 32n, 2n ** 31n),
  fc.bigInt({ min: -SIGNED_MAX - 1n, max: SIGNED_MAX }),
)

const change = fc.tuple(
  fc.nat(),
  fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xc3, 0xf1, 0xfe, 0xff)),
)

/** One of the bodies (types and values without a footer) with a few bytes changed, and perhaps cut off. */
export function damaged(bodies: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      fc.constantFrom(...bodies),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      fc.option(fc.nat(), { freq: 4 }),
    )
    .map(([original, changes, cut]) => {
      const body = Buffer.from(original.subarray(0, cut === null ? undefined : 1 + (cut % original.length)))
      for (const [at, byte] of changes) body[at % body.length] = byte
      return body
    })
}

/** Numbers of a stream at the limits of 64 bits. */
export const extremeNumbers: fc.Arbitrary<StreamNumbers> = fc.record({
  entriesAdded: extreme,
  entriesRead: extreme,
  deliveries: extreme,
  deliveredAt: extreme,
  seenAt: extreme,
})
