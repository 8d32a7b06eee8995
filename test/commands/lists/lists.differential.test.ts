// The list commands compared with redis-server: edge cases, then random sequences, packed and paged.

import fc from 'fast-check'
import { test } from 'vitest'
import { type Command, describeComparison, testEdges } from '../../support/differential.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  pushes: String.raw`
    LPUSH | LPUSH l | LPUSH l a b c | RPUSH l 1 2 3 | LRANGE l 0 -1 | LPUSHX none a | RPUSHX none a | EXISTS none
    LPUSHX l x y | RPUSHX l z | LRANGE l 0 -1 | LLEN l | LLEN none | LLEN | LLEN l l | TYPE l | TYPE none | OBJECT ENCODING l
    SET s 1 | LPUSH s a | LPUSHX s a | LLEN s | LRANGE s 0 1 | GET l | APPEND l x | INCR l | STRLEN l | SET l 1 GET | GETSET l 1
    LPUSH "" "" | LRANGE "" 0 -1 | RPUSH b "\u0000\r\n\u00ff" "" | LRANGE b 0 -1 | SET l now | GET l | MGET b s`,
  pops: `
    RPUSH l 1 2 3 4 5 6 7 8 9 | LPOP l | RPOP l | LPOP l 0 | LPOP l 2 | RPOP l 2 | LPOP l -1 | LPOP l x | LPOP l 1 2 | LPOP l ${MAX}
    EXISTS l | LPOP l | LPOP l 1 | RPOP l 0 | RPOP none | RPOP none 3 | SET s 1 | LPOP s | RPOP s 1 | LPOP s x | LPOP | LPOP l ${MAX}0`,
  LMPOP: `
    RPUSH a 1 2 3 4 5 | RPUSH b x | LMPOP 2 none a LEFT | LMPOP 2 none a right COUNT 2 | LMPOP 1 none LEFT | LMPOP 0 a LEFT
    LMPOP x a LEFT | LMPOP 1 a LEFT COUNT 0 | LMPOP 1 a LEFT COUNT x | LMPOP 1 a UP | LMPOP 2 a LEFT | LMPOP 1 a LEFT COUNT 1 2
    LMPOP 1 a LEFT COUNT 0 2 | LMPOP 1 a LEFT COUNT x COUNT 1
    LMPOP 1 a LEFT FOO 1 | LMPOP 1 a LEFT COUNT | LMPOP -1 a LEFT | LMPOP 2 a b LEFT COUNT 10 | LMPOP 2 a b LEFT COUNT 10
    EXISTS a b | SET s 1 | LMPOP 2 s b LEFT | LMPOP 1 | LMPOP ${MAX} a LEFT`,
  ranges: `
    RPUSH l a b c d e | LRANGE l 0 0 | LRANGE l 1 3 | LRANGE l -2 -1 | LRANGE l -100 100 | LRANGE l 3 1 | LRANGE l 5 9 | LRANGE l 4 4
    LRANGE l x 1 | LRANGE l 0 x | LRANGE none 0 -1 | LRANGE l ${MIN} ${MAX} | LRANGE l ${MAX} ${MIN} | LRANGE l 0 -100 | LRANGE l 0
    LINDEX l 0 | LINDEX l 4 | LINDEX l 5 | LINDEX l -1 | LINDEX l -5 | LINDEX l -6 | LINDEX l x | LINDEX none 0 | LINDEX l ${MIN}
    SET s 1 | LINDEX s 0 | LINDEX s x`,
  'LSET and LINSERT': `
    LSET l 0 a | LINSERT l BEFORE a b | RPUSH l a b c | LSET l 0 A | LSET l -1 C | LSET l 3 x | LSET l -4 x | LSET l x y | LRANGE l 0 -1
    LSET l 1 longer-than-before | LSET l 1 s | LRANGE l 0 -1 | LINSERT l BEFORE s 1 | LINSERT l after s 2 | LINSERT l BEFORE none 3
    LINSERT l FOO s 3 | LINSERT l BEFORE A first | LINSERT l AFTER C last | LRANGE l 0 -1 | LINSERT none FOO a b | SET s 1
    LSET s 0 a | LSET s x a | LINSERT s BEFORE a b | LSET none x y | LSET l ${MAX} y`,
  LREM: `
    RPUSH l a b a c a d a | LREM l 2 a | LRANGE l 0 -1 | LREM l -1 a | LRANGE l 0 -1 | LREM l 0 a | LRANGE l 0 -1 | LREM l 0 none
    LREM none 0 a | LREM l x a | LREM l 0 b | LREM l 1 c | LREM l -5 d | EXISTS l | RPUSH m x x x | LREM m 0 x | EXISTS m | SET s 1
    LREM s 0 a | LREM s x a | RPUSH m a a | LREM m ${MIN} a | LREM m ${MAX} a`,
  LTRIM: `
    RPUSH l 1 2 3 4 5 6 7 | LTRIM l 1 -2 | LRANGE l 0 -1 | LTRIM l -3 100 | LRANGE l 0 -1 | LTRIM l 0 0 | LRANGE l 0 -1 | LTRIM l 1 0
    EXISTS l | LTRIM none 0 1 | LTRIM none x 1 | RPUSH l 1 2 | LTRIM l 5 9 | EXISTS l | SET s 1 | LTRIM s 0 1 | RPUSH l 1 2 3
    LTRIM l ${MIN} ${MAX} | LRANGE l 0 -1 | LTRIM l -1 -100 | EXISTS l`,
  LPOS: `
    RPUSH l a b c 1 2 3 c c | LPOS l c RANK ${MIN} | LPOS l c RANK ${MIN} COUNT 0 | LPOS l c RANK -9223372036854775807 | LPOS l c RANK ${MAX} | LPOS l a | LPOS l c | LPOS l c RANK 2 | LPOS l c RANK 4 | LPOS l c RANK -1 | LPOS l c COUNT 2
    LPOS l c COUNT 0 | LPOS l c COUNT 0 RANK 2 | LPOS l c COUNT 0 RANK -2 | LPOS l c COUNT 0 MAXLEN 4 | LPOS l c MAXLEN 2
    LPOS l c RANK -1 MAXLEN 1 COUNT 5 | LPOS l none | LPOS l none COUNT 1 | LPOS none a | LPOS none a COUNT 0 | LPOS l a RANK 0
    LPOS l a RANK x | LPOS l a COUNT -1 | LPOS l a MAXLEN -1 | LPOS l a FOO 1 | LPOS l a RANK | SET s 1 | LPOS s a | LPOS l
    LPOS l a COUNT x | LPOS l c rank 1 count 1 maxlen 0`,
  moves: `
    RPUSH a 1 2 3 | LMOVE a b LEFT RIGHT | LMOVE a b RIGHT LEFT | LRANGE b 0 -1 | LMOVE a b LEFT LEFT | EXISTS a | LMOVE a b LEFT LEFT
    LMOVE b b LEFT RIGHT | LRANGE b 0 -1 | LMOVE b b LEFT LEFT | LMOVE b b UP LEFT | LMOVE b b LEFT | RPOPLPUSH b c | RPOPLPUSH b b
    LRANGE b 0 -1 | LRANGE c 0 -1 | RPOPLPUSH none c | SET s 1 | LMOVE b s LEFT LEFT | LMOVE s b LEFT LEFT | RPOPLPUSH b s
    LMOVE none s LEFT LEFT | LRANGE b 0 -1 | RPUSH one x | LMOVE one one LEFT RIGHT | RPOPLPUSH one one | LRANGE one 0 -1
    RPOPLPUSH one | EXPIRE b 1000 | RPOPLPUSH c b | LLEN b | PERSIST b`,
  keys: `
    RPUSH l a b c | EXPIRE l 100 | PERSIST l | TTL l | DEL l | RPUSH l x | UNLINK l | EXISTS l | RPUSH l y | TOUCH l | SCAN 0
    RANDOMKEY | DBSIZE | OBJECT REFCOUNT l | SCAN 0 TYPE list | SCAN 0 TYPE string | KEYS *`,
  'no values': `
    LPOP l | LPOP l 1 | RPUSH l a b | LPOP l | LMPOP 1 x LEFT | LMPOP 1 l LEFT | LPOS l a | LINDEX l 9`,
}

const key = fc.constantFrom('a', 'b', '{x}')
const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('x', 'y', 'z', '', '12', '-5') },
  { weight: 2, arbitrary: fc.nat(20).map((n) => 'v'.repeat(n)) },
  { weight: 1, arbitrary: fc.constantFrom('w'.repeat(240), 'w'.repeat(600), 'w'.repeat(5000)) },
)
const index = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -12, max: 12 }).map(String) },
  { weight: 2, arbitrary: fc.integer({ min: -300, max: 300 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(MAX, MIN, 'x', '1.5') },
)
const word = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const side = fc.oneof(
  { weight: 8, arbitrary: word('LEFT', 'RIGHT', 'left') },
  { weight: 1, arbitrary: word('X') },
)

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(word('LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'), key, fc.array(value, { maxLength: 8 }))
      .map(([name, k, values]) => [name, k, ...values]),
  },
  {
    // Beyond what is packed.
    weight: 1,
    arbitrary: fc
      .tuple(word('LPUSH', 'RPUSH'), key, fc.integer({ min: 50, max: 300 }))
      .map(([name, k, n]) => [name, k, ...Array.from({ length: n }, (_, i) => `e${i % 40}`)]),
  },
  { weight: 2, arbitrary: fc.tuple(word('LPOP', 'RPOP', 'LLEN'), key) },
  { weight: 1, arbitrary: fc.tuple(word('LPOP', 'RPOP'), key, index) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(key, { minLength: 1, maxLength: 2 }), side, fc.option(index, { nil: undefined }))
      .map(([keys, from, count]) => [
        'LMPOP',
        String(keys.length),
        ...keys,
        from,
        ...(count === undefined ? [] : ['COUNT', count]),
      ]),
  },
  { weight: 3, arbitrary: fc.tuple(word('LRANGE'), key, index, index) },
  { weight: 1, arbitrary: fc.tuple(word('LTRIM'), key, index, index) },
  { weight: 2, arbitrary: fc.tuple(word('LINDEX'), key, index) },
  { weight: 2, arbitrary: fc.tuple(word('LSET', 'LREM'), key, index, value) },
  { weight: 2, arbitrary: fc.tuple(word('LINSERT'), key, word('BEFORE', 'AFTER'), value, value) },
  { weight: 2, arbitrary: fc.tuple(word('LMOVE'), key, key, side, side) },
  { weight: 1, arbitrary: fc.tuple(word('RPOPLPUSH'), key, key) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, value, fc.array(fc.tuple(word('RANK', 'COUNT', 'MAXLEN'), index), { maxLength: 3 }))
      .map(([k, v, options]) => ['LPOS', k, v, ...options.flat()]),
  },
  { weight: 1, arbitrary: fc.tuple(word('DEL', 'TYPE', 'GET', 'EXISTS', 'PERSIST', 'TTL'), key) },
  { weight: 1, arbitrary: fc.tuple(word('SET'), key, value) },
)

describeComparison('list commands', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) =>
      expectSame(commands),
    )
    await fc.assert(property, { numRuns: 150 })
  })
})
