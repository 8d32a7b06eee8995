// The commands on sets compared with redis-server: edge cases, then random sequences. Replies in an order that Redis does
// not document are compared sorted.

import fc from 'fast-check'
import { test } from 'vitest'
import {
  type Command,
  describeComparison,
  testEdges,
  withSortedElements,
} from '../../support/differential.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  members: `
    SADD | SADD a | SADD a 1 | SADD a 3 2 1 2 | SMEMBERS a | SCARD a | SCARD none | SCARD | SISMEMBER a 1 | SISMEMBER a 9
    SISMEMBER none 1 | SISMEMBER a | SMISMEMBER a 1 9 2 2 | SMISMEMBER none 1 2 | SMISMEMBER a | SMEMBERS none | SMEMBERS
    SADD a ${MAX} ${MIN} -5 0 100 20 | SMEMBERS a | OBJECT ENCODING a | SREM a 9 | SREM a 1 1 2 | SMEMBERS a | SREM none 1 | SREM a
    SADD b x | SREM b x | EXISTS b | SREM b x | SADD b "" | SISMEMBER b "" | SMEMBERS b | SADD c 1 | SREM c 1 2 3 | TYPE c
    SADD d 1 | EXPIRE d 1000 | SADD d 2 | TTL d | SREM d 1 | TTL d | DEL d | SMEMBERS d`,
  encodings: `
    SADD a 1 2 3 | OBJECT ENCODING a | SADD a x | OBJECT ENCODING a | SREM a x | OBJECT ENCODING a | SADD b 01 | OBJECT ENCODING b
    SADD c -0 | OBJECT ENCODING c | SADD d 9223372036854775808 | OBJECT ENCODING d | SADD e ${MIN} | OBJECT ENCODING e | SADD f " 1"
    OBJECT ENCODING f | SADD g "" | OBJECT ENCODING g | CONFIG SET set-max-intset-entries 3 | SADD h 1 2 3 | OBJECT ENCODING h | SADD h 4
    OBJECT ENCODING h | SREM h 4 3 2 | OBJECT ENCODING h | CONFIG SET set-max-intset-entries 0 | SADD i 1 | OBJECT ENCODING i
    CONFIG SET set-max-intset-entries 512 | SADD j 1 x 2 | OBJECT ENCODING j | SINTERSTORE k a e | SADD l 1 2 x | SINTERSTORE k l a
    OBJECT ENCODING k | SMEMBERS k | SUNIONSTORE k a h | OBJECT ENCODING k | SMEMBERS k | SDIFFSTORE k l h | OBJECT ENCODING k
    SUNIONSTORE k l | OBJECT ENCODING k | SADD m 5 4 | SMOVE l m x | OBJECT ENCODING m | OBJECT ENCODING l | SMOVE m n 4
    OBJECT ENCODING n | SMOVE m o x | OBJECT ENCODING o`,
  moving: `
    SMOVE | SMOVE a b | SMOVE a b 1 | SADD a 1 2 | SMOVE a b 9 | EXISTS b | SMOVE a b 1 | SMEMBERS a | SMEMBERS b | SMOVE a a 2
    SMOVE a a 9 | SMOVE a b 2 | EXISTS a | SMEMBERS b | SADD a 1 | SMOVE a b 1 | SMEMBERS b | SET s v | SMOVE s b 1 | SMOVE b s 1
    SMOVE none s 1 | SMOVE s none 1 | SMOVE b s 9 | SMEMBERS b | SMOVE b b x`,
  combinations: `
    SINTER | SINTER none | SUNION none none2 | SDIFF none | SADD a 1 2 3 4 | SADD b 3 4 5 | SADD c 4 x | SINTER a | SINTER a b | SINTER b a
    SINTER a b c | SINTER a none | SINTER a a | SUNION a b | SUNION a | SUNION a none b | SUNION a a | SDIFF a b | SDIFF a | SDIFF a a
    SDIFF a none | SDIFF none a | SDIFF a b c | SDIFF b a | SDIFF a b a | SET s v | SINTER a s | SINTER none s | SINTER s none | SUNION a s
    SUNION none s | SDIFF a s | SDIFF none s | SINTERSTORE | SINTERSTORE d | SINTERSTORE d a b | SMEMBERS d | SINTERSTORE d a none
    EXISTS d | SUNIONSTORE d a b | SMEMBERS d | SDIFFSTORE d a b | SMEMBERS d | SDIFFSTORE d a a | EXISTS d | SUNIONSTORE d none
    SINTERSTORE d s a | SINTERSTORE d none s | SUNIONSTORE d a s | SDIFFSTORE d none s | SUNIONSTORE s a | TYPE s | SMEMBERS s
    SUNIONSTORE a a b | SMEMBERS a | SINTERSTORE a a b | SMEMBERS a | SDIFFSTORE a a b | EXISTS a | SADD e 1 | EXPIRE e 1000
    SUNIONSTORE e b | TTL e | SET t v EX 1000 | SINTERSTORE t none b | EXISTS t`,
  SINTERCARD: `
    SINTERCARD | SINTERCARD 1 | SINTERCARD 1 a | SADD a 1 2 3 | SADD b 2 3 4 | SINTERCARD 1 a | SINTERCARD 2 a b | SINTERCARD 2 a b LIMIT 1
    SINTERCARD 2 a b LIMIT 0 | SINTERCARD 2 a b limit 5 | SINTERCARD 2 a b LIMIT -1 | SINTERCARD 2 a b LIMIT x | SINTERCARD 2 a b LIMIT
    SINTERCARD 2 a b FOO | SINTERCARD 3 a b | SINTERCARD 0 a | SINTERCARD -1 a | SINTERCARD x a | SINTERCARD 2 a none | SINTERCARD 1 none
    SET s v | SINTERCARD 2 a s | SINTERCARD 2 none s | SINTERCARD 1 a b | SINTERCARD 2 a b LIMIT 1 LIMIT 2 | SINTERCARD 4 a b LIMIT 1
    SINTERCARD 2 a a | SINTERCARD 1.5 a | SINTERCARD ${MAX} a | SINTERCARD 2 a b LIMIT ${MAX} | COMMAND GETKEYS SINTERCARD 2 a b LIMIT 1`,
  'random members': `
    SRANDMEMBER | SRANDMEMBER none | SRANDMEMBER none 2 | SRANDMEMBER none -2 | SADD a 1 | SRANDMEMBER a | SRANDMEMBER a 0 | SRANDMEMBER a 1
    SRANDMEMBER a 5 | SRANDMEMBER a -3 | SRANDMEMBER a x | SRANDMEMBER a "" | SRANDMEMBER a 1 2 | SRANDMEMBER a ${MAX} | SRANDMEMBER a ${MIN}
    SRANDMEMBER a 1.5 | SADD a 3 2 | SRANDMEMBER a 3 | SRANDMEMBER a 9 | SET s v | SRANDMEMBER s | SRANDMEMBER s 1 | SRANDMEMBER s x
    SPOP | SPOP none | SPOP none 1 | SPOP none 0 | SPOP a -1 | SPOP a x | SPOP a "" | SPOP a 1 2 | SPOP a 0 | SPOP s | SPOP s 1 | SPOP s -1
    SPOP a ${MIN} | SPOP a 9223372036854775808 | SPOP a 3 | EXISTS a | SADD a 5 | SPOP a | EXISTS a | SADD a 5 | SPOP a 1 | EXISTS a
    SADD a 5 4 x | SREM a x | SPOP a ${MAX} | EXISTS a`,
  scanning: `
    SSCAN | SSCAN a | SSCAN none 0 | SSCAN none x | SSCAN none 0 FOO | SADD a 3 1 2 | SSCAN a 0 | SSCAN a x | SSCAN a 0 FOO | SSCAN a 0 COUNT
    SSCAN a 0 COUNT 0 | SSCAN a 0 COUNT 1 | SSCAN a 0 MATCH 1 | SSCAN a 0 MATCH [12] | SSCAN a 7 | SSCAN a 0 TYPE set | SET s v | SSCAN s 0`,
  'wrong types': `
    SET s v | SADD s 1 | SREM s 1 | SCARD s | SISMEMBER s 1 | SMISMEMBER s 1 | SMEMBERS s | SADD a 1 | GET a | HGET a f | HSET a f v | LPUSH a x
    APPEND a x | SET a x | TYPE a`,
  COMMAND: `
    COMMAND INFO sadd srem scard sismember smismember smembers spop srandmember smove sinter sintercard sinterstore sunion sunionstore
    COMMAND INFO sdiff sdiffstore sscan | COMMAND GETKEYS sinterstore a b c | COMMAND GETKEYSANDFLAGS sunionstore a b c
    COMMAND GETKEYSANDFLAGS smove a b x`,
}

const key = fc.constantFrom('a', 'b', 'c', '{x}')
const member = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -20, max: 40 }).map(String) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }).map((n) => `m${n}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '007', MAX, MIN, 'y'.repeat(300), 'z'.repeat(700)) },
)
const members = fc.array(member, { minLength: 1, maxLength: 40 })
const keys = fc.array(key, { minLength: 1, maxLength: 4 })
const range = fc
  .tuple(key, fc.nat(300), fc.integer({ min: 1, max: 300 }))
  .map(([k, first, count]) => ['SADD', k, ...Array.from({ length: count }, (_, i) => String(first + i))])

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('SADD'), key, members).map(([n, k, m]) => [n, k, ...m]) },
  { weight: 1, arbitrary: range },
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom('SREM', 'SMISMEMBER'), key, members).map(([n, k, m]) => [n, k, ...m]),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('SMOVE'), key, key, member) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('SCARD', 'TYPE', 'TTL', 'SMEMBERS'), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('SISMEMBER'), key, member) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('SINTER', 'SUNION', 'SDIFF'), keys).map(([n, k]) => [n, ...k]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE'), key, keys)
      .map(([n, k, list]) => [n, k, ...list]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(keys, fc.nat(5))
      .map(([list, limit]) => ['SINTERCARD', String(list.length), ...list, 'LIMIT', String(limit)]),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('SPOP'), key, fc.constantFrom('0', '1000')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('DEL', 'PERSIST'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('EXPIRE'), key, fc.constant('1000')) },
)

const UNORDERED = /^(SMEMBERS|SINTER|SUNION|SDIFF|SPOP)$/

/** A reply, with sorted elements if its command leaves the order open. */
function comparable(reply: string, [name]: Command): string {
  return UNORDERED.test(String(name)) ? withSortedElements(reply) : reply
}

describeComparison('commands on sets', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const contents: Command[] = ['a', 'b', 'c', '{x}'].map((each) => ['SMEMBERS', each])
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) =>
      expectSame([...commands, ...contents], { comparable }),
    )
    await fc.assert(property, { numRuns: 200 })
  })
})
