// The string commands compared with redis-server: edge cases, then random sequences.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NULL_REF } from '../../../src/store/arena.ts'
import { WAIT_MS } from '../../support/budget.ts'
import { type Command, describeComparison, type RawClient, testEdges } from '../../support/differential.ts'
import type { Harness } from '../../support/harness.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'
/** Deadlines in the past, and far in the future. */
const PAST = '1000'
const FUTURE = '99999999999'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  'GET and SET': String.raw`
    GET | GET a b | GET a | SET a | SET a 1 | GET a | SET a "" | GET a | SET "" x | GET "" | SET __proto__ constructor
    GET __proto__ | SET "\u0000\r\n\u00ff" "\u0000\r\n\u00ff" | GET "\u0000\r\n\u00ff" | GET "\u0000\r\n"`,
  'options of SET': `
    SET a 1 NX | SET a 2 NX | SET a 2 nx | SET a 3 XX | SET b 1 XX | GET b | SET a 4 NX XX | SET a 4 XX NX
    SET a 4 NX NX | SET a 4 XX XX | SET a 5 GET | SET c 5 GET | GET c | SET c 6 GET GET | SET c 7 NX GET
    SET d 7 NX GET | GET d | SET e 7 XX GET | GET e | SET c 8 XX GET | SET a 1 FOO | SET a 1 "" | SET a 1 "NX "
    SET a 1 EX | SET a 1 NX EX | SET a 1 EX 100 PX 100 | SET a 1 EX 100 EX 200 | SET a 1 EX 100 EX
    SET a 1 KEEPTTL EX 100 | SET a 1 EX 100 KEEPTTL | SET a 1 KEEPTTL KEEPTTL | SET a 1 EXAT 1 PXAT 1 | SET a 1 PERSIST
    SET a 1 EX EX | SET a 1 ex NX | SET a 1 keepttl get xx | SET a 1 get EX 100 nx | SET a 1 NX FOO | SET z 1 EX 0 FOO
    SET a 9 EXAT ${PAST} | GET a | SET a 1 NX | SET a 9 PXAT ${PAST} GET | GET a | SET a 9 PXAT ${FUTURE}000 GET | GET a`,
  times: `
    SET a 1 EX 0 | SET a 1 EX -1 | SET a 1 PX 0 | SET a 1 EXAT 0 | SET a 1 PXAT -1 | SET a 1 EX 1.5 | SET a 1 EX foo
    SET a 1 EX "" | SET a 1 EX " 1" | SET a 1 EX 01 | SET a 1 EX +1 | SET a 1 EX 9007199254740991 | SET a 1 EX 9007199254740992
    SET a 1 EX 9223372036854775 | SET a 1 EX 9223372036854776 | SET a 1 EX ${MAX} | SET a 1 EX ${MIN}
    SET a 1 EX 9223372036854775808 | SET a 1 PX ${MAX} | SET a 1 PX 9223370000000000000 | GET a
    SET a 1 PX 9223372036854775000 | SET a 1 EXAT ${MAX} | SET a 1 EXAT 9223372036854775 | SET a 1 EXAT 9223372036854776
    SET a 2 PXAT ${MAX} | GET a | SET a 1 PXAT ${MIN} | SET a 3 GET EX 0 | GET a | SETEX a 0 1 | SETEX a -1 1 | SETEX a ${MAX} 1
    SETEX a foo 1 | SETEX a 100 5 | GET a | SETEX a 100 | SETEX a 100 1 2 | PSETEX a 0 1 | PSETEX a ${MAX} 1
    PSETEX a foo 1 | PSETEX a 100000 6 | GET a | SET a 1 | GETEX a EX 0 | GETEX a PX -1 | GETEX a EX foo | GETEX a EX ${MAX}
    GETEX none EX 0 | GETEX none EX foo`,
  GETEX: `
    GETEX | GETEX a | SET a 1 | GETEX a | GETEX a FOO | GETEX a NX | GETEX a GET | GETEX a KEEPTTL | GETEX a EX
    GETEX a EX 100 PX 100 | GETEX a PERSIST | GETEX a PERSIST PERSIST | GETEX a PERSIST EX 100 | GETEX a EX 100 PERSIST
    GETEX a EX 100 EX 200 | GETEX a ex 100 | GETEX a PX 100000 | GETEX a EXAT ${FUTURE} | GETEX a EXAT ${PAST} | GETEX a
    GET a | SET a 2 | GETEX a PXAT ${PAST} | GET a | SET a 3 | GETEX a PXAT ${FUTURE}000 | GET a | GETEX none FOO
    GETEX none PERSIST`,
  'GETSET, GETDEL, SETNX': `
    GETSET a 1 | GETSET a 2 | GET a | GETSET a | SETNX a 3 | SETNX b 3 | GET b | SETNX b | GETDEL b | GETDEL b | GET b | GETDEL`,
  'several keys': `
    MGET | MGET a | MGET a a b | MSET a | MSET a 1 b | MSET a 1 | MSET a 1 b 2 a 3 | MGET a b c a | MSETNX a 1 c 2 | MGET a b c
    MSETNX c 1 d 2 c 3 | MGET c d | MSETNX c | MSETNX c 1 d | mset A 1 | msetnx c 1 d`,
  'APPEND and STRLEN': String.raw`
    STRLEN a | APPEND a "" | STRLEN a | GET a | APPEND a foo | APPEND a bar | GET a | APPEND a "" | STRLEN a | APPEND a | STRLEN
    SET a 12 | APPEND a 3 | INCR a | APPEND a x | INCR a | GET a | APPEND "b\u0000" "\u0000\u00ff" | GET "b\u0000"`,
  SETRANGE: `
    SETRANGE a 0 "" | GET a | SETRANGE a 5 "" | STRLEN a | SETRANGE a 0 foo | SETRANGE a 5 bar | GET a | SETRANGE a 1 ""
    SETRANGE a 1 X | GET a | SETRANGE a -1 x | SETRANGE a foo x | SETRANGE a 1.0 x | SETRANGE a ${MAX} x | SETRANGE a ${MIN} x
    SETRANGE a ${MAX} "" | SETRANGE a 9223372036854775808 x | SETRANGE a 536870911 xx | SETRANGE none 536870912 x
    SETRANGE none 536870911 "" | GET none | SETRANGE b 3 x | GET b | SETRANGE a -1 "" | SET c 12345 | SETRANGE c 2 0 | INCR c
    SETRANGE none 9007199254740993 x`,
  GETRANGE: `
    SET a Hello | GETRANGE a 0 -1 | GETRANGE a 0 0 | GETRANGE a 1 3 | GETRANGE a -3 -1 | GETRANGE a -100 100 | GETRANGE a 3 1
    GETRANGE a -1 -3 | GETRANGE a -100 -99 | GETRANGE a -99 -100 | GETRANGE a 0 -100 | GETRANGE a 5 5 | GETRANGE a 4 9
    GETRANGE a 0 ${MAX} | GETRANGE a ${MIN} ${MAX} | GETRANGE a ${MIN} ${MIN} | GETRANGE a ${MAX} ${MIN} | GETRANGE a x 1
    GETRANGE a 1 x | GETRANGE a x y | GETRANGE a 0 | GETRANGE a 0 9223372036854775808 | GETRANGE none 0 -1 | GETRANGE none x 0
    SET a "" | GETRANGE a 0 -1 | GETRANGE a 0 0 | GETRANGE a -1 0 | SUBSTR a 0 1 | SET a Hello | SUBSTR a 1 -2 | SUBSTR a 1`,
  integers: String.raw`
    INCR a | INCR a | GET a | DECR a | DECR a | DECR a | GET a | INCRBY a 10 | DECRBY a 10 | INCRBY a -5 | DECRBY a -5 | INCRBY a
    INCRBY a foo | INCRBY a 1.5 | INCRBY a "" | INCRBY a " 1" | INCRBY a 1e3 | INCRBY a 0 | DECRBY a 0 | DECRBY z 0 | GET z
    DECRBY y 1 | INCRBY b ${MAX} | INCR b | INCRBY b 1 | DECR b | GET b | INCRBY c ${MIN} | DECR c | INCR c | GET c
    DECRBY c ${MIN} | DECRBY none ${MIN} | GET none | DECRBY d ${MAX} | INCRBY d -1 | DECR d | INCRBY d ${MAX} | INCRBY d ${MAX}
    INCRBY e 9223372036854775808 | INCRBY e -9223372036854775809 | SET e 9007199254740991 | INCR e | INCR e | DECR e | DECR e
    GET e | SET e -9007199254740991 | DECR e | DECR e | INCR e | INCR e | INCRBY e 9007199254740993 | SET e 999999999999999
    INCR e | SET f "" | INCR f | SET f " 1" | INCR f | SET f 01 | INCR f | SET f -0 | INCR f | SET f 1.0 | INCR f | SET f +1
    INCR f | SET f 9223372036854775808 | INCR f | SET f "1\u0000" | INCR f | SET f abc | DECRBY f 1 | INCRBY f foo
    DECRBY f ${MIN} | SET g 9 | INCR g | SET g 99 | INCR g | SET g -1 | INCR g | DECR g | SET g -10 | INCR g | SET g 1000 | DECR g
    GET g`,
  floats: `
    INCRBYFLOAT a 1.5 | INCRBYFLOAT a 1.5 | GET a | INCRBYFLOAT a 0 | INCR a | INCRBYFLOAT a -3 | INCRBYFLOAT a -4 | INCRBYFLOAT a
    INCRBYFLOAT a foo | INCRBYFLOAT a "" | INCRBYFLOAT a " 1" | INCRBYFLOAT a 1x | INCRBYFLOAT a nan | INCRBYFLOAT a NaN
    INCRBYFLOAT a inf | INCRBYFLOAT a -inf | INCRBYFLOAT a +Infinity | GET a | INCRBYFLOAT a 1e3 | INCRBYFLOAT a 5.0e-3
    INCRBYFLOAT a 0x10 | INCRBYFLOAT a 1e4931 | INCRBYFLOAT a 1e4932 | INCRBYFLOAT a 1e5000 | INCRBYFLOAT b 1e-5000
    INCRBYFLOAT b 1e-20 | GET b | SET c abc | INCRBYFLOAT c 1 | INCRBYFLOAT c foo | SET c inf | INCRBYFLOAT c 1 | GET c
    SET c 3.0e3 | INCRBYFLOAT c 200 | SET c 10.5 | INCRBYFLOAT c 0.1 | SET c 0.1 | INCRBYFLOAT c 0.2 | INCRBYFLOAT c -0.3
    SET c ${MAX} | INCRBYFLOAT c 1 | INCRBYFLOAT d 17179869184 | INCRBYFLOAT d 0.00000000000000001 | SET c 1e1000
    INCRBYFLOAT c 1e1000 | SET c " 1" | INCRBYFLOAT c 1 | SET c "1 " | INCRBYFLOAT c 1 | SET c "" | INCRBYFLOAT c 1
    INCRBYFLOAT f -0 | GET f | INCRBYFLOAT e 1e18 | INCR e | INCRBYFLOAT g .5 | INCRBYFLOAT g 5.`,
  LCS: String.raw`
    LCS | LCS a | LCS a b | LCS a b IDX | LCS a b LEN | MSET a ohmytext b mynewtext | LCS a b | LCS a b LEN | LCS a b IDX
    LCS a b IDX MINMATCHLEN 4 | LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN | LCS a b IDX WITHMATCHLEN | LCS a b WITHMATCHLEN
    LCS a b MINMATCHLEN 4 | LCS a b IDX LEN | LCS a b LEN IDX FOO | LCS a b FOO | LCS a b MINMATCHLEN | LCS a b IDX MINMATCHLEN -1
    LCS a b IDX MINMATCHLEN x | LCS a b IDX MINMATCHLEN ${MAX} | LCS a b IDX MINMATCHLEN ${MIN} | LCS a a | LCS a a IDX
    LCS a none | LCS none b IDX | lcs a b len | LCS a b idx minmatchlen 1 minmatchlen 4 | SET c "" | LCS a c IDX
    MSET a abcbdab b bdcaba | LCS a b | LCS a b IDX WITHMATCHLEN | MSET a "rnd\u0000\r\n1" b "\r\nx\u00001" | LCS a b | LCS a b IDX`,
  'no values': `
    GET a | MGET a b | SET a 1 XX | SET a 1 GET | GETEX b | GETDEL b | INCRBYFLOAT a 1 | LCS a a IDX`,
}

const key = fc.constantFrom('a', 'b', 'c', '{x}')
const integer = fc.oneof(
  fc.integer({ min: -12, max: 120 }).map(String),
  fc.constantFrom(
    MAX,
    MIN,
    '9223372036854775806',
    '9007199254740991',
    '-9007199254740992',
    '9223372036854775808',
    '00',
    '1.5',
    'x',
    '',
  ),
)
const value = fc.oneof(
  integer,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\r', '\n', '\xff', '7'), maxLength: 70 }),
  fc.integer({ min: 0, max: 3000 }).map((n) => 'xyz'.repeat(n)),
)
const word = (...words: string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...words), fc.boolean())
    .map(([text, lower]) => (lower ? text.toLowerCase() : text))
/** TTLs are long enough that none ends while the test runs: the two clocks differ. */
const time = fc.oneof(
  fc.tuple(word('EX'), fc.constantFrom('1000', '5000', '0', '-1', 'x', MAX, '9223372036854775')),
  fc.tuple(word('PX'), fc.constantFrom('1000000', '5000000', '0', MAX, '9223372036854775000')),
  fc.tuple(word('EXAT'), fc.constantFrom(PAST, FUTURE, '0', MAX)),
  fc.tuple(word('PXAT'), fc.constantFrom(PAST, `${FUTURE}000`, '0', MAX)),
)
const setOption = fc.oneof(
  { weight: 3, arbitrary: time },
  { weight: 4, arbitrary: fc.tuple(word('NX', 'XX', 'GET', 'KEEPTTL')) },
  { weight: 1, arbitrary: fc.tuple(word('PERSIST', 'EX', 'FOO')) },
)
const getexOption = fc.oneof(
  { weight: 4, arbitrary: time },
  { weight: 3, arbitrary: fc.tuple(word('PERSIST')) },
  { weight: 1, arbitrary: fc.tuple(word('KEEPTTL', 'PX', 'GET')) },
)
const float = fc.oneof(
  integer,
  fc.double({ noDefaultInfinity: true }).map(String),
  fc.constantFrom('inf', '-inf', 'nan', '1e4000', '-0', '1e-18', '.5'),
)
const lcsOption = fc.oneof(
  fc.tuple(word('LEN', 'IDX', 'IDX', 'WITHMATCHLEN')),
  fc.tuple(word('MINMATCHLEN'), integer),
)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(word('GET', 'STRLEN', 'INCR', 'DECR', 'GETDEL'), key) },
  { weight: 2, arbitrary: fc.tuple(word('SET', 'SETNX', 'GETSET', 'APPEND'), key, value) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(key, value, fc.array(setOption, { maxLength: 3 }))
      .map(([k, v, options]) => ['SET', k, v, ...options.flat()]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, fc.array(getexOption, { maxLength: 2 }))
      .map(([k, options]) => ['GETEX', k, ...options.flat()]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(word('SETEX', 'PSETEX'), key, fc.constantFrom('1000000', '0', 'x', MAX), value),
  },
  { weight: 3, arbitrary: fc.tuple(word('INCRBY', 'DECRBY'), key, integer) },
  { weight: 2, arbitrary: fc.tuple(word('INCRBYFLOAT'), key, float) },
  { weight: 2, arbitrary: fc.tuple(word('GETRANGE', 'SUBSTR'), key, integer, integer) },
  // Offsets near the limit would make strings of half a gigabyte.
  {
    weight: 2,
    arbitrary: fc.tuple(word('SETRANGE'), key, fc.constantFrom('0', '1', '5', '300', '-1', MAX, 'x'), value),
  },
  { weight: 1, arbitrary: fc.array(key, { maxLength: 5 }).map((keys) => ['MGET', ...keys]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(word('MSET', 'MSETNX'), fc.array(fc.oneof(key, value), { maxLength: 6 }))
      .map(([name, words]) => [name, ...words]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(key, key, fc.array(lcsOption, { maxLength: 3 }))
      .map(([a, b, options]) => ['LCS', a, b, ...options.flat()]),
  },
)

describeComparison('string commands', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) =>
      expectSame(commands, { after: expectSameDeadlines }),
    )
    await fc.assert(property, { numRuns: 120 })
  })
})

const KEYS = ['a', 'b', 'c', '{x}']

/** The two clocks differ by the duration of a sequence. */
const TOLERANCE_MS = WAIT_MS

async function expectSameDeadlines(client: RawClient, harness: Harness): Promise<void> {
  const replies = await client.run(KEYS.map((name) => ['PEXPIRETIME', name]))
  for (const [i, name] of KEYS.entries()) {
    const wanted = Number(replies[i].slice(1))
    const given = deadlineOf(harness, name)
    if (wanted < 0) expect(given, name).toBe(wanted)
    else expect(Math.abs(given - wanted), name).toBeLessThan(TOLERANCE_MS)
  }
}

/** In milliseconds since the epoch; -1: no TTL; -2: no key. */
function deadlineOf(harness: Harness, name: string): number {
  const { store } = harness.group('cache')
  const ref = store.peek(Buffer.from(name), 0, name.length)
  return ref === NULL_REF ? -2 : store.records.deadline(ref) || -1
}
