// The bitmap commands compared with redis-server: edge cases, then random sequences.

import fc from 'fast-check'
import { test } from 'vitest'
import { type Command, describeComparison, testEdges } from '../../support/differential.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  'SETBIT and GETBIT': `
    SETBIT | SETBIT a 1 | GETBIT a | SETBIT a 7 1 | GET a | SETBIT a 7 0 | GET a | SETBIT a 7 2 | SETBIT a 7 -1 | SETBIT a 7 x
    SETBIT a 7 "" | SETBIT a 7 01 | SETBIT a -1 1 | SETBIT a x 1 | SETBIT a "" 1 | SETBIT a 4294967296 1 | SETBIT a ${MAX} 1
    SETBIT a 9223372036854775808 1 | SETBIT a 1.5 1 | SETBIT a "#1" 1 | SETBIT a 100 1 | STRLEN a | GETBIT a 100 | GETBIT a 99
    GETBIT a 4294967295 | GETBIT a 4294967296 | GETBIT a -1 | GETBIT a x | GETBIT none 5 | GETBIT none x | SETBIT none x 1
    EXISTS none | SETBIT a 4294967296 2 | SET n 12345 | OBJECT ENCODING n | GETBIT n 3 | SETBIT n 3 1 | OBJECT ENCODING n | GET n
    SET m 12 | SETBIT m 7 0 | OBJECT ENCODING m | GET m | INCR m | SET e "" | SETBIT e 0 0 | GET e | STRLEN e`,
  BITCOUNT: `
    BITCOUNT | BITCOUNT none | BITCOUNT none x y | BITCOUNT none 1 | SET a foobar | BITCOUNT a | BITCOUNT a 0 0 | BITCOUNT a 1 1
    BITCOUNT a 0 | BITCOUNT a 0 -1 | BITCOUNT a -2 -1 | BITCOUNT a -1 -2 | BITCOUNT a -1 -2 FOO | BITCOUNT a 5 30 BIT
    BITCOUNT a 1 1 BYTE | BITCOUNT a 1 1 byte | BITCOUNT a 1 1 FOO | BITCOUNT a 1 1 BIT BYTE | BITCOUNT a x 1 | BITCOUNT a 1 x
    BITCOUNT a ${MIN} ${MAX} | BITCOUNT a ${MIN} ${MAX} BIT | BITCOUNT a ${MAX} ${MIN} | BITCOUNT a 9 100 | BITCOUNT a 0 -100
    BITCOUNT a -100 -99 | BITCOUNT a -100 -99 BIT | BITCOUNT a 0 0 BIT | BITCOUNT a 1 1 BIT | BITCOUNT a 7 8 BIT
    BITCOUNT a -9 -1 BIT | BITCOUNT a 47 48 BIT | BITCOUNT a 48 50 BIT | SET e "" | BITCOUNT e | BITCOUNT e 0 -1
    BITCOUNT e 0 0 BIT | SET n 123 | BITCOUNT n | BITCOUNT a 9223372036854775808 1`,
  BITPOS: String.raw`
    BITPOS | BITPOS a | BITPOS none 0 | BITPOS none 1 | BITPOS none 2 | BITPOS none x | BITPOS none 1 x | SET a "\u0000\u00ff\u00f0"
    BITPOS a 1 | BITPOS a 0 | BITPOS a 1 2 | BITPOS a 0 1 | BITPOS a 0 1 1 | BITPOS a 0 1 2 | BITPOS a 1 -1 | BITPOS a 1 0 0
    BITPOS a 1 1 0 | BITPOS a 1 9 | BITPOS a 0 9 | BITPOS a 1 0 -100 | BITPOS a 1 -100 -100 | BITPOS a 1 0 100 BIT
    BITPOS a 0 8 15 BIT | BITPOS a 0 8 20 BIT | BITPOS a 1 0 7 BIT | BITPOS a 1 0 8 BIT | BITPOS a 0 9 9 BIT | BITPOS a 1 9 9 BIT
    BITPOS a 1 -4 -1 BIT | BITPOS a 0 -4 -1 BIT | BITPOS a 0 -5 -1 bit | BITPOS a 1 1 1 BYTE | BITPOS a 1 1 1 FOO
    BITPOS a 1 1 x FOO | BITPOS a 1 x 1 FOO | BITPOS a 1 1 1 BIT BIT | BITPOS a 1 ${MIN} ${MAX} | BITPOS a 1 ${MIN} ${MAX} BIT
    SET b "\u00ff\u00ff\u00ff" | BITPOS b 0 | BITPOS b 0 0 | BITPOS b 0 0 -1 | BITPOS b 0 1 | BITPOS b 0 3 | BITPOS b 0 0 23 BIT
    SET e "" | BITPOS e 0 | BITPOS e 1 | BITPOS e 0 0 | BITPOS e 0 0 -1 | SETBIT z 100 0 | BITPOS z 1 | BITPOS z 0 | BITPOS a -1`,
  BITOP: `
    BITOP | BITOP AND | BITOP AND a | BITOP AND a b | EXISTS a | BITOP FOO a b | BITOP NOT a b c | BITOP NOT a | SET a foobar
    SET b abcdef | SET c xy | BITOP AND d a b | GET d | BITOP OR d a b c | GET d | BITOP XOR d a b c | GET d | BITOP not d a | GET d
    BITOP NOT a a | GET a | BITOP and d a c | GET d | BITOP AND d a none | GET d | BITOP OR d none a | GET d | BITOP XOR d none none2
    EXISTS d | SET d x EX 1000 | BITOP OR d c | TTL d | OBJECT ENCODING d | SET n 12345 | BITOP OR d n | GET d | OBJECT ENCODING d
    BITOP OR a a b a | GET a | BITOP XOR a a a | GET a | SET e "" | BITOP AND d e | EXISTS d | BITOP NOT d e | EXISTS d
    BITOP XOR d none | BITOP NOT d none`,
  BITFIELD: `
    BITFIELD | BITFIELD a | EXISTS a | BITFIELD a GET | BITFIELD a GET u8 | BITFIELD a GET u8 0 | EXISTS a | BITFIELD a FOO
    BITFIELD a SET u8 0 | BITFIELD a SET u8 0 300 | GET a | BITFIELD a INCRBY u8 0 250 | BITFIELD a INCRBY u8 0 -1 GET u8 0
    BITFIELD a GET u64 0 | BITFIELD a GET u0 0 | BITFIELD a GET i65 0 | BITFIELD a GET i64 0 | BITFIELD a GET i0 0
    BITFIELD a OVERFLOW SAT SET i1 0 -9223372036854775808 SET i63 8 -9223372036854775808 SET i8 0 -9223372036854775680 | GET a
    BITFIELD a OVERFLOW SAT SET i8 0 -9223372036854775681 SET i64 8 -9223372036854775808 SET i7 80 -9223372036854775800 | GET a
    BITFIELD a OVERFLOW FAIL SET i1 0 -9223372036854775808 | BITFIELD a SET i5 0 -9223372036854775808 | GET a | DEL a
    BITFIELD a GET x8 0 | BITFIELD a GET "" 0 | BITFIELD a GET u 0 | BITFIELD a GET u08 0 | BITFIELD a GET U8 0 | BITFIELD a GET u8 -1
    BITFIELD a GET u8 x | BITFIELD a GET u8 "#" | BITFIELD a GET u8 "#-1" | BITFIELD a GET u8 "#1" | BITFIELD a GET u8 ""
    BITFIELD a GET u8 4294967295 | BITFIELD a GET u8 4294967296 | BITFIELD a GET u63 "#68174084" | BITFIELD a GET u63 "#68174085"
    BITFIELD a GET u8 ${MAX} | BITFIELD a SET u8 0 x | BITFIELD a SET u8 0 9223372036854775808 | BITFIELD a OVERFLOW
    BITFIELD a OVERFLOW FOO | BITFIELD a OVERFLOW SAT | BITFIELD a OVERFLOW sat SET u8 0 300 GET u8 0
    BITFIELD a OVERFLOW SAT SET u8 0 -1 GET u8 0 | BITFIELD a OVERFLOW SAT SET i8 0 -1000 GET i8 0
    BITFIELD a OVERFLOW SAT INCRBY u8 0 -1000 GET u8 0 | BITFIELD a OVERFLOW FAIL INCRBY u8 0 -1 GET u8 0
    BITFIELD a OVERFLOW FAIL SET u8 0 256 SET u8 0 255 OVERFLOW WRAP INCRBY u8 0 1 | BITFIELD a SET i64 1 ${MIN} GET i64 1
    BITFIELD a INCRBY i64 1 -1 GET i64 1 | BITFIELD a OVERFLOW SAT INCRBY i64 1 1 GET i64 1 | BITFIELD a SET u63 3 ${MAX}
    BITFIELD a INCRBY u63 3 1 GET u63 3 | BITFIELD a OVERFLOW SAT SET u63 3 -1 GET u63 3 | BITFIELD a OVERFLOW SAT INCRBY i5 7 ${MAX}
    BITFIELD a OVERFLOW SAT INCRBY i5 7 ${MIN} | BITFIELD a INCRBY i5 7 ${MAX} | BITFIELD a INCRBY u32 5 ${MAX}
    BITFIELD a GET u8 0 SET u8 400 1 GET u8 400 | STRLEN a | SET n 12345 | BITFIELD n GET u8 0 | OBJECT ENCODING n
    BITFIELD n SET u8 0 49 | OBJECT ENCODING n | BITFIELD b OVERFLOW FAIL SET u8 8 256 | GET b | BITFIELD c SET u1 4294967296 1
    EXISTS c | BITFIELD_RO | BITFIELD_RO a | BITFIELD_RO a GET u8 0 GET i8 "#1" | BITFIELD_RO a SET u8 0 1
    BITFIELD_RO a GET u8 0 SET u8 0 x | BITFIELD_RO a OVERFLOW FAIL GET u8 0 | BITFIELD_RO none GET i64 17 | BITFIELD_RO a INCRBY u8 0 1`,
  COMMAND: `
    COMMAND INFO setbit getbit bitcount bitpos bitop bitfield_ro | COMMAND GETKEYS bitop and a b c
    COMMAND GETKEYSANDFLAGS bitfield a get u8 0 | COMMAND GETKEYSANDFLAGS bitfield a get u8 0 set u8 0 1
    COMMAND GETKEYSANDFLAGS bitfield a foo | COMMAND GETKEYSANDFLAGS bitfield a overflow sat`,
}

const key = fc.constantFrom('a', 'b', 'c', '{x}')
const offset = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 900 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('-1', '20000', 'x', MAX, '4294967296') },
)
const index = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -130, max: 130 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(MAX, MIN, '1000', '-1000', 'x') },
)
const bytes = fc
  .array(fc.constantFrom(0, 0, 0xff, 0xff, 0x80, 1, 0x5a), { maxLength: 120 })
  .map((list) => Buffer.from(list))
const value = fc.oneof(
  { weight: 4, arbitrary: bytes },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 99_999 }).map(String) },
  { weight: 1, arbitrary: bytes.map((part) => Buffer.concat(Array.from({ length: 40 }, () => part))) },
)
const unit = fc.constantFrom('BIT', 'BYTE', 'bit')
const range = fc.oneof(fc.constant([]), fc.tuple(index, index), fc.tuple(index, index, unit), fc.tuple(index))
const type = fc.oneof(
  fc.integer({ min: 1, max: 63 }).map((bits) => `u${bits}`),
  fc.integer({ min: 1, max: 64 }).map((bits) => `i${bits}`),
)
const fieldOffset = fc.oneof(
  offset,
  fc.integer({ min: 0, max: 20 }).map((n) => `#${n}`),
)
const operand = fc.oneof(
  fc.integer({ min: -300, max: 300 }).map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom(MAX, MIN, '4294967296', '9007199254740993', 'x'),
)
const fieldOperation = fc.oneof(
  fc.tuple(fc.constantFrom('GET', 'get'), type, fieldOffset),
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('SET', 'INCRBY', 'incrby'), type, fieldOffset, operand) },
  fc.tuple(fc.constant('OVERFLOW'), fc.constantFrom('WRAP', 'SAT', 'FAIL', 'sat')),
)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('SETBIT'), key, offset, fc.constantFrom('0', '1', '1', '2')) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('GETBIT'), key, offset) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('SET'), key, value) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('GET', 'DEL', 'STRLEN'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key) },
  { weight: 4, arbitrary: fc.tuple(key, range).map(([k, rest]) => ['BITCOUNT', k, ...rest]) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(key, fc.constantFrom('0', '1'), range)
      .map(([k, bit, rest]) => ['BITPOS', k, bit, ...rest]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('AND', 'OR', 'XOR', 'xor'), key, fc.array(key, { minLength: 1, maxLength: 5 }))
      .map(([name, target, sources]) => ['BITOP', name, target, ...sources]),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('BITOP'), fc.constant('NOT'), key, key) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('BITFIELD', 'BITFIELD', 'BITFIELD_RO'),
        key,
        fc.array(fieldOperation, { maxLength: 6 }),
      )
      .map(([name, k, operations]) => [name, k, ...operations.flat()]),
  },
)

describeComparison('bitmap commands', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const contents: Command[] = ['a', 'b', 'c', '{x}'].map((k) => ['GET', k])
    const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) =>
      expectSame([...commands, ...contents]),
    )
    await fc.assert(property, { numRuns: 300 })
  })

  test('long values', async () => {
    const long = Buffer.alloc(300_001, 0x5b)
    const other = Buffer.alloc(200_003, 0xe7)
    await expectSame([
      ['SET', 'a', long],
      ['SET', 'b', other],
      ...['AND', 'OR', 'XOR'].flatMap((name) => [
        ['BITOP', name, 'r', 'a', 'b', 'a'],
        ['GET', 'r'],
        ['BITCOUNT', 'r'],
        ['BITCOUNT', 'r', '12345', '2345671', 'BIT'],
        ['BITPOS', 'r', '0', '-7'],
      ]),
      ['BITOP', 'NOT', 'a', 'a'],
      ['GET', 'a'],
      ['SETBIT', 'z', '8000000', '1'],
      ['BITPOS', 'z', '1'],
      ['BITCOUNT', 'z'],
    ])
  })
})
