// Values of all types and encodings, by the commands that make them.

import type { Argument } from '../../support/resp.ts'

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
