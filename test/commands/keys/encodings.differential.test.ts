// OBJECT ENCODING compared with redis-server after every command of random sequences, with limits so low that collections
// often grow above them, shrink, and are copied, moved and combined.

import fc from 'fast-check'
import { test } from 'vitest'
import {
  type Command,
  describeComparison,
  testEdges,
  withSortedElements,
} from '../../support/differential.ts'

const KEYS = ['a', 'b', 'c', 'd']
const LIMITS = {
  'hash-max-listpack-entries': [512, 3],
  'hash-max-listpack-value': [64, 5],
  'set-max-intset-entries': [512, 3],
  'zset-max-listpack-entries': [128, 3],
  'zset-max-listpack-value': [64, 5],
}
const LOW: Command[] = Object.entries(LIMITS).map(([name, [, low]]) => ['CONFIG', 'SET', name, String(low)])
const DEFAULTS: Command[] = Object.entries(LIMITS).map(([name, [high]]) => [
  'CONFIG',
  'SET',
  name,
  String(high),
])

const key = fc.constantFrom(...KEYS)
const member = fc.constantFrom('1', '2', '3', '4', '-5', 'x', 'y', 'longer than five', '')
const members = fc.array(member, { minLength: 1, maxLength: 5 })
const number = fc.constantFrom('0', '-0', '1', '-1', '2.5', '1e3', '3', '-0.5', '0.5', '70000')
const text = fc.constantFrom(
  '',
  '0',
  '1',
  '-7',
  '007',
  'text',
  '3.0',
  '10000000000',
  'x'.repeat(44),
  'x'.repeat(45),
)
const offset = fc.constantFrom('0', '1', '3', '7', '50')

function of(name: string, ...rest: fc.Arbitrary<string | string[]>[]): fc.Arbitrary<Command> {
  return fc.tuple(...rest).map((words) => [...name.split(' '), ...words.flat()])
}

function pairs(first: fc.Arbitrary<string>, second: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  return fc.array(fc.tuple(first, second), { minLength: 1, maxLength: 5 }).map((list) => list.flat())
}

/** More than a packed collection holds. */
const MANY = Array.from({ length: 200 }, (_, i) => String(i))
const SCORED = MANY.flatMap((each) => [each, each])
const two = fc.tuple(key, key).map((each) => ['2', ...each])
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: of('SET', key, text) },
  of('GETSET', key, text),
  of('GETDEL', key),
  of('GETEX', key),
  of('SETNX', key, text),
  of('MSET', pairs(key, text)),
  { weight: 2, arbitrary: of('APPEND', key, text) },
  { weight: 2, arbitrary: of('SETRANGE', key, offset, text) },
  of('SETBIT', key, offset, fc.constantFrom('0', '1')),
  of(
    'BITFIELD',
    key,
    fc.constantFrom(['SET', 'u8', '0', '49'], ['GET', 'u8', '0'], ['INCRBY', 'i8', '8', '1']),
  ),
  of('BITOP', fc.constantFrom('AND', 'OR', 'XOR'), key, key, key),
  of('INCR', key),
  of('INCRBY', key, number),
  of('DECRBY', key, number),
  of('PFADD', key, members),
  of('PFMERGE', key, key),
  { weight: 4, arbitrary: of('HSET', key, pairs(member, text)) },
  { weight: 2, arbitrary: of('HDEL', key, members) },
  of('HINCRBY', key, member, number),
  of('HINCRBYFLOAT', key, member, number),
  { weight: 3, arbitrary: of('RPUSH', key, members) },
  of('LPUSHX', key, members),
  of('LPOP', key),
  of('LTRIM', key, fc.constant('0'), fc.constantFrom('0', '2')),
  of('LSET', key, fc.constantFrom('0', '-1'), text),
  of('LREM', key, fc.constant('0'), member),
  of('LMOVE', key, key, fc.constantFrom('LEFT', 'RIGHT'), fc.constantFrom('LEFT', 'RIGHT')),
  { weight: 4, arbitrary: of('SADD', key, members) },
  { weight: 3, arbitrary: of('SREM', key, members) },
  of('SMOVE', key, key, member),
  of('SINTERSTORE', key, key, key),
  of('SUNIONSTORE', key, key, key),
  of('SDIFFSTORE', key, key, key),
  { weight: 4, arbitrary: of('ZADD', key, pairs(number, member)) },
  { weight: 3, arbitrary: of('ZREM', key, members) },
  of('ZINCRBY', key, number, member),
  of('ZPOPMIN', key, fc.constantFrom('1', '3')),
  of('ZREMRANGEBYRANK', key, fc.constantFrom('0', '1'), fc.constantFrom('0', '-1')),
  of('ZUNIONSTORE', key, two),
  of('ZINTERSTORE', key, two),
  of('ZDIFFSTORE', key, two),
  of('ZRANGESTORE', key, key, fc.constant('0'), fc.constantFrom('1', '-1')),
  of('GEOADD', key, fc.constantFrom('1', '2'), fc.constant('1'), member),
  of('GEOSEARCHSTORE', key, key, fc.constant('FROMLONLAT 1 1 BYRADIUS 500 km'.split(' '))),
  {
    weight: 2,
    arbitrary: of(
      'SORT',
      key,
      fc.constantFrom(['ALPHA'], ['BY', 'nosort'], ['ALPHA', 'DESC']),
      fc.constant('STORE'),
      key,
    ),
  },
  { weight: 4, arbitrary: of('RENAME', key, key) },
  of('RENAMENX', key, key),
  { weight: 4, arbitrary: of('COPY', key, key) },
  { weight: 2, arbitrary: of('COPY', key, key, fc.constant('REPLACE')) },
  of('MOVE', key, fc.constant('1')),
  of('COPY', key, key, fc.constant(['DB', '1', 'REPLACE'])),
  { weight: 2, arbitrary: fc.constantFrom(['SELECT', '1'], ['SELECT', '0'], ['SWAPDB', '0', '1']) },
  of('SADD', key, fc.constant(MANY)),
  of('SREM', key, fc.constant(MANY.slice(5))),
  of('HSET', key, fc.constant(SCORED)),
  of('HDEL', key, fc.constant(MANY.slice(5))),
  of('ZADD', key, fc.constant(SCORED)),
  of('ZREM', key, fc.constant(MANY.slice(5))),
  of('RPUSH', key, fc.constant(MANY)),
  of('DEL', key),
  of('SPOP', key, fc.constant('1000')),
  of('EXPIRE', key, fc.constant('1000')),
  of('PERSIST', key),
  { weight: 2, arbitrary: fc.constantFrom(...LOW, ...DEFAULTS) },
)

const LOOKS: Command[] = KEYS.flatMap((each) => [
  ['OBJECT', 'ENCODING', each],
  ['TYPE', each],
])
const CONTENTS: Command[] = KEYS.flatMap((each) => [
  ['GET', each],
  ['LRANGE', each, '0', '-1'],
  ['SMEMBERS', each],
  ['ZRANGE', each, '0', '-1', 'WITHSCORES'],
  ['HGETALL', each],
])
/** The order of their replies is not documented. */
const UNORDERED = /^(SPOP|SMEMBERS|HGETALL)$/

function comparable(reply: string, [name]: Command): string {
  return UNORDERED.test(String(name)) ? withSortedElements(reply) : reply
}

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  'collections that have shrunk': `
    SADD s 1 x | SREM s x | RENAME s t | OBJECT ENCODING t | COPY t u | OBJECT ENCODING u | MOVE u 1 | SELECT 1 | OBJECT ENCODING u
    SELECT 0 | SADD t 2 | OBJECT ENCODING t | SMEMBERS t | ZADD z 1 ${'m'.repeat(65)} -0 a | ZREM z ${'m'.repeat(65)} | COPY z y
    OBJECT ENCODING y | ZSCORE y a | RENAME y w | OBJECT ENCODING w | ZSCORE w a | HSET h a ${'v'.repeat(65)} | HSET h a 1 | RENAME h g
    OBJECT ENCODING g | COPY g i | OBJECT ENCODING i | HDEL g a | HSET g a 1 | OBJECT ENCODING g`,
  'limits that were changed since': `
    CONFIG SET set-max-intset-entries 2 hash-max-listpack-entries 2 zset-max-listpack-entries 2 | SADD s 1 2 3 | HSET h a 1 b 2 c 3
    ZADD z 1 a 2 b 3 c | ${DEFAULTS.map((each) => each.join(' ')).join(' | ')} | RENAME s t | COPY h i | RENAME z y | OBJECT ENCODING t
    OBJECT ENCODING i | OBJECT ENCODING y | SADD s 3 2 1 | HSET h d 4 | ZADD z 1 a 2 b 3 c
    CONFIG SET set-max-intset-entries 2 hash-max-listpack-entries 2 zset-max-listpack-entries 2 | COPY s r | RENAME z x | OBJECT ENCODING r
    SMEMBERS r | OBJECT ENCODING x | ${DEFAULTS.map((each) => each.join(' ')).join(' | ')}`,
  'sorted sets that were sorted': `
    ZADD z 1 a 2 b | SORT z BY nosort | OBJECT ENCODING z | ZADD y 1 a 2 b | SORT_RO y ALPHA | OBJECT ENCODING y | ZADD x 1 a | SORT x
    OBJECT ENCODING x | ZADD w 1 1 | SORT w STORE v | OBJECT ENCODING w | OBJECT ENCODING v | ZADD u 1 a | SORT u LIMIT x 1
    OBJECT ENCODING u | ZADD u -0 b | ZSCORE u b | SORT u LIMIT 0 0 ALPHA | ZADD u -0 c | ZSCORE u c`,
  'the score -0': `
    ZADD z 1 a 2 b | ZADD z -0 a | ZSCORE z a | ZADD z INCR -2 b | ZADD z -1 c | ZINCRBY z 1 c | ZADD z XX CH -0 c | ZRANGE z 0 -1 WITHSCORES
    ZADD v 1 ${'m'.repeat(65)} -0 a -0 b | ZUNIONSTORE u 2 v v | ZSCORE u a | ZINTERSTORE u 1 v | ZSCORE u b | ZDIFFSTORE u 2 v none
    ZSCORE u a | ZREM v ${'m'.repeat(65)} | ZUNIONSTORE u 1 v | ZSCORE u a | ZRANGESTORE u v 0 -1 | ZSCORE u b
    ZUNIONSTORE y 1 z WEIGHTS -1 | ZRANGE y 0 -1 WITHSCORES | ZRANGESTORE x y 0 -1 | ZRANGE x 0 -1 WITHSCORES`,
  'strings that were edited': `
    SET a 12 | INCRBYFLOAT a 0.5 | OBJECT ENCODING a | APPEND b 12 | OBJECT ENCODING b | APPEND b 3 | OBJECT ENCODING b | COPY b c
    OBJECT ENCODING c | RENAME c d | OBJECT ENCODING d | INCR d | OBJECT ENCODING d | SETRANGE e 0 12 | OBJECT ENCODING e | GETSET e 5
    OBJECT ENCODING e | SETBIT f 7 1 | OBJECT ENCODING f | BITOP OR g f f | OBJECT ENCODING g | PFADD h x | OBJECT ENCODING h`,
}

describeComparison('encodings', (expectSame) => {
  testEdges(EDGES, expectSame, comparable)

  test('after every command of random sequences', async () => {
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) =>
      expectSame(
        [
          ...DEFAULTS,
          ...LOW,
          ...commands.flatMap((each) => [each, ...LOOKS]),
          ...CONTENTS,
          ...DEFAULTS,
          ['SELECT', '0'],
        ],
        { comparable },
      ),
    )
    await fc.assert(property, { numRuns: 200 })
  })
})
