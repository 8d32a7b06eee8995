// The commands on hashes compared with redis-server: edge cases, then random sequences. Random choices are compared by
// what they are chosen from.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, describeComparison, type RawClient, testEdges } from '../../support/differential.ts'
import type { Harness } from '../../support/harness.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'
const LONG = 'x'.repeat(65)

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  'setting and reading': `
    HSET | HSET a | HSET a f | HSET a f v | HSET a f | HSET a f v g | HGET a f | HSET a f w g x | HGETALL a | HGET a f | HGET a none
    HGET none f | HGET a | HLEN a | HLEN none | HLEN | HEXISTS a f | HEXISTS a none | HEXISTS none f | HSTRLEN a f | HSTRLEN a none
    HSTRLEN none f | HSET a "" "" | HGET a "" | HSTRLEN a "" | HEXISTS a "" | HKEYS a | HVALS a | HKEYS none | HVALS none
    HGETALL none | HMSET a f | HMSET a f 1 g 2 h | HMSET a f 1 g 2 | HMGET a f g none "" f | HMGET none f g | HMGET a | HMSET
    HSETNX a f 5 | HSETNX a new 5 | HGET a f | HGET a new | HSETNX b f | HSETNX b f 1 2 | HSETNX b f 1 | HSETNX b f 2 | HGETALL b
    HSET a f 1 f 2 f 3 | HGET a f | HSET a i 007 | HGET a i | HSET a i -0 | HGET a i | HSET a j ${MAX} k ${MIN} | HMGET a j k`,
  'order of a listpack': `
    ${Array.from({ length: 100 }, (_, i) => `HSET a field${(i * 37) % 100} ${'v'.repeat(i % 64)}`).join(' | ')} | HGETALL a
    HDEL a field7 field50 | HSET a field3 other field7 again | HKEYS a | HVALS a | HSCAN a 0 COUNT 5 | OBJECT ENCODING a
    CONFIG SET hash-max-listpack-value 100000 | HSET b f ${'x'.repeat(9000)} g 1 h ${'y'.repeat(65535)} a 2 | HGETALL b
    HSET b g ${'z'.repeat(300)} f 2 | HGETALL b | OBJECT ENCODING b | CONFIG SET hash-max-listpack-value 64 | HGETALL b | HSTRLEN b h
    HDEL b h | HGETALL b`,
  removing: `
    HSET a f 1 g 2 h 3 | HDEL a | HDEL a none | HDEL none f | HDEL a f f none g | HLEN a | EXISTS a | HDEL a h | EXISTS a | HDEL a h
    HSET a f 1 | HDEL a f f f | TYPE a | HSET a f 1 | EXPIRE a 1000 | HSET a g 2 | TTL a | HDEL a f | TTL a | HSET a h 3 | DEL a
    EXISTS a | HSET a f 1 | UNLINK a | HLEN a | TYPE a`,
  'wrong types': `
    SET s v | HSET s f v | HSETNX s f v | HMSET s f v | HGET s f | HMGET s f | HGETALL s | HKEYS s | HVALS s | HLEN s | HEXISTS s f
    HDEL s f | HSTRLEN s f | HINCRBY s f 1 | HINCRBYFLOAT s f 1 | HRANDFIELD s | HRANDFIELD s 2 | HSCAN s 0 | HSCAN s x | HSCAN s 0 FOO
    HINCRBY s f x | HINCRBYFLOAT s f x | HRANDFIELD s x | HRANDFIELD s 1 FOO | HSET s f | HSET h f v | GET h | APPEND h x | INCR h
    SETRANGE h 0 x | STRLEN h | GETSET h 1 | SETBIT h 0 1 | RPUSH h x | LLEN h | SET h x | TYPE h | TYPE s`,
  counters: `
    HINCRBY a f 1 | HINCRBY a f -5 | HINCRBY a f 0 | HINCRBY a f x | HINCRBY a f 1.5 | HINCRBY a f "" | HINCRBY a f | HINCRBY a f 1 2
    HINCRBY a g ${MAX} | HINCRBY a g 1 | HGET a g | HINCRBY a g ${MIN} | HINCRBY a g ${MIN} | HINCRBY a h ${MIN} | HINCRBY a h -1
    HINCRBY a h 9223372036854775808 | HSET a s "12 " t " 12" u 012 v 1.0 w "" | HINCRBY a s 1 | HINCRBY a t 1 | HINCRBY a u 1
    HINCRBY a v 1 | HINCRBY a w 1 | HINCRBYFLOAT a s 1 | HINCRBYFLOAT a t 1 | HINCRBYFLOAT a u 1 | HINCRBYFLOAT a w 1
    HINCRBYFLOAT a v 1.5 | HINCRBYFLOAT a x 3.0 | HINCRBYFLOAT a x 1e2 | HINCRBYFLOAT a x nan | HINCRBYFLOAT a x inf
    HINCRBYFLOAT a x -inf | HINCRBYFLOAT a x " 1" | HINCRBYFLOAT a x "1 " | HINCRBYFLOAT a x "" | HINCRBYFLOAT a x 0x10
    HINCRBYFLOAT a y 0.1 | HINCRBYFLOAT a y 0.2 | HINCRBYFLOAT a y -0.3 | HSET a z inf | HINCRBYFLOAT a z 1 | HSET a z nan
    HINCRBYFLOAT a z 1 | HINCRBYFLOAT none f 2.5e3 | HGET none f | HINCRBYFLOAT none f 1 2 | HINCRBYFLOAT none f | OBJECT ENCODING none`,
  encodings: `
    HSET a f v | OBJECT ENCODING a | HSET a f ${LONG.slice(1)} | OBJECT ENCODING a | HSET a f ${LONG} | OBJECT ENCODING a | HSET a f v
    OBJECT ENCODING a | HSET b ${LONG} v | OBJECT ENCODING b | HSETNX c f ${LONG} | OBJECT ENCODING c | HSET d f v | HSETNX d f ${LONG}
    OBJECT ENCODING d | HINCRBY d f 1 | HSET e f 1 | HINCRBY e ${LONG} 1 | OBJECT ENCODING e | CONFIG GET hash-max-listpack-entries
    CONFIG GET hash-max-ziplist-entries | CONFIG GET hash-max-ziplist-value | CONFIG SET hash-max-ziplist-entries 2
    CONFIG GET hash-max-listpack-entries | HSET g 1 1 2 2 | OBJECT ENCODING g | HSET g 3 3 | OBJECT ENCODING g | HDEL g 3
    OBJECT ENCODING g | HINCRBY h a 1 | HINCRBY h b 1 | OBJECT ENCODING h | HINCRBY h c 1 | OBJECT ENCODING h
    CONFIG SET hash-max-listpack-value 2 | HSET i a 12 | OBJECT ENCODING i | HSET i a 123 | OBJECT ENCODING i
    CONFIG SET hash-max-listpack-entries x | CONFIG SET hash-max-listpack-entries -1 | CONFIG SET hash-max-listpack-value 1kb
    CONFIG GET hash-max-listpack-value | CONFIG SET hash-max-listpack-entries 512 | CONFIG SET hash-max-listpack-value 64
    CONFIG GET set-max-intset-entries | CONFIG GET zset-max-ziplist-entries | CONFIG GET zset-max-listpack-value | OBJECT ENCODING i | DEL i | HSET i a 123 | OBJECT ENCODING i`,
  scanning: `
    HSCAN | HSCAN a | HSCAN none 0 | HSCAN none x | HSCAN none 0 FOO | HSCAN none 18446744073709551616 | HSET a f 1 g 2 h 3 | HSCAN a 0
    HSCAN a x | HSCAN a 0 FOO | HSCAN a 0 COUNT | HSCAN a 0 COUNT 0 | HSCAN a 0 COUNT -1 | HSCAN a 0 COUNT x | HSCAN a 0 COUNT 1
    HSCAN a 0 MATCH f | HSCAN a 0 MATCH * | HSCAN a 0 MATCH [fg] COUNT 1 | HSCAN a 0 MATCH none | HSCAN a 0 TYPE string | HSCAN a 0 match
    HSCAN a 0 MATCH f MATCH g | HSCAN a 5 | HSCAN a -1 | HSCAN a "" | HSCAN a " 1" | HSCAN a 0 COUNT 5 COUNT x | HSCAN a 0 NOVALUES`,
  'random fields': `
    HRANDFIELD | HRANDFIELD none | HRANDFIELD none 2 | HRANDFIELD none -2 | HRANDFIELD none 2 WITHVALUES | HSET a f 1 | HRANDFIELD a
    HRANDFIELD a 0 | HRANDFIELD a 1 | HRANDFIELD a 5 | HRANDFIELD a -3 | HRANDFIELD a -3 WITHVALUES | HRANDFIELD a 5 withvalues
    HRANDFIELD a 1 WITHVALUES | HRANDFIELD a 0 WITHVALUES | HRANDFIELD a x | HRANDFIELD a "" | HRANDFIELD a 1 FOO | HRANDFIELD a 1.5
    HRANDFIELD a 1 WITHVALUES FOO | HRANDFIELD a ${MAX} | HRANDFIELD a ${MAX} WITHVALUES | HRANDFIELD a ${MIN}
    HRANDFIELD a -9223372036854775807 WITHVALUES | HRANDFIELD a -9223372036854775000 WITHVALUES | HRANDFIELD a 4611686018427387903 WITHVALUES
    HRANDFIELD a 9223372036854775808 | HSET a g 2 h 3 | HRANDFIELD a 3 | HRANDFIELD a 9 | HRANDFIELD a 9 WITHVALUES`,
  COMMAND: `
    COMMAND INFO hset hget hdel hrandfield hscan hincrby hmset hsetnx hmget hgetall hkeys hvals hlen hexists hstrlen hincrbyfloat
    COMMAND GETKEYS hset a f v | COMMAND GETKEYSANDFLAGS hget a f`,
}

const key = fc.constantFrom('a', 'b', '{x}')
const short = fc.integer({ min: 0, max: 40 }).map((n) => `f${n}`)
const field = fc.oneof(
  { weight: 12, arbitrary: short },
  { weight: 1, arbitrary: fc.constantFrom('', LONG, 'y'.repeat(300), 'z'.repeat(700)) },
)
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -200, max: 200 }).map(String) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 60 }).map((n) => 'v'.repeat(n)) },
  { weight: 1, arbitrary: fc.integer({ min: 61, max: 900 }).map((n) => 'w'.repeat(n)) },
  { weight: 1, arbitrary: fc.constantFrom(MAX, MIN, '1.5', 'inf', '') },
)
const pairs = fc.array(fc.tuple(field, value), { minLength: 1, maxLength: 30 }).map((list) => list.flat())

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom('HSET', 'HMSET'), key, pairs).map(([n, k, p]) => [n, k, ...p]),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('HSETNX'), key, field, value) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('HGET', 'HEXISTS', 'HSTRLEN'), key, field) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('HDEL', 'HMGET'), key, fc.array(field, { minLength: 1, maxLength: 20 }))
      .map(([n, k, fields]) => [n, k, ...fields]),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('HLEN', 'TYPE', 'EXISTS', 'TTL'), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('HINCRBY'), key, field, fc.oneof(value, fc.constant('1'))) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('HINCRBYFLOAT'), key, field, fc.constantFrom('1.25', '-3')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('DEL', 'PERSIST'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('EXPIRE'), key, fc.constant('1000')) },
)

/** Every pair of a hash, sorted. */
async function pairsOf(run: (command: Command) => Promise<string>, key: string): Promise<string[]> {
  const parts = (await run(['HGETALL', key])).split(/\$\d+\r\n/).slice(1)
  return parts.flatMap((part, i) => (i % 2 === 0 ? [part + parts[i + 1]] : [])).sort()
}

async function expectSamePairs(redis: RawClient, harness: Harness): Promise<void> {
  for (const each of ['a', 'b', '{x}']) {
    const given = await pairsOf((command) => harness.raw(...command), each)
    expect(given).toEqual(await pairsOf(async (command) => (await redis.run([command]))[0], each))
  }
}

describeComparison('commands on hashes', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) =>
      expectSame(commands, { after: expectSamePairs }),
    )
    await fc.assert(property, { numRuns: 200 })
  })
})
