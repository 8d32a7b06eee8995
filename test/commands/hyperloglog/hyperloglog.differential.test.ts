// The HyperLogLog commands compared with redis-server, byte by byte: edge cases, corrupt values, random sequences.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, commandsOf, describeComparison } from '../../support/differential.ts'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  replies: String.raw`
    PFADD | PFADD a | GET a | PFADD a | PFCOUNT a | GET a | PFADD a x | GET a | PFADD a x | PFADD a x y z | PFCOUNT a | GET a
    PFCOUNT a | PFCOUNT | PFCOUNT none | PFCOUNT none none2 | PFADD b "" "\u0000" 12345678 123456789 abcdefghijklmnop | GET b
    PFCOUNT a b none | GET a | GET b | PFMERGE | PFMERGE c | GET c | PFMERGE d a b none | GET d | PFCOUNT d | PFMERGE a b | GET a
    PFDEBUG | PFDEBUG ENCODING a | PFDEBUG encoding none | PFDEBUG DECODE a | PFDEBUG FOO a | PFDEBUG ENCODING a b
    PFDEBUG TODENSE a | GET a | PFDEBUG TODENSE a | PFDEBUG ENCODING a | PFDEBUG DECODE a | PFCOUNT a | GET a | PFDEBUG GETREG b
    PFADD a x q r s | GET a | PFMERGE e b a | GET e | PFMERGE b a | PFDEBUG ENCODING b | SET n 12 | PFADD n x | PFCOUNT n | PFMERGE n a
    PFMERGE x n | PFCOUNT a n | PFDEBUG ENCODING n | SET t text | PFADD t | PFCOUNT t | OBJECT ENCODING a | SET o 1 EX 1000
    PFADD f x | EXPIRE f 1000 | PFADD f y | TTL f | PFSELFTEST`,
  'corrupt values': String.raw`
    SET a "HYLL\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0080" | PFADD a x | PFCOUNT a | PFMERGE b a
    PFCOUNT a a | PFDEBUG DECODE a | PFDEBUG TODENSE a | PFDEBUG GETREG a | PFADD a | OBJECT ENCODING a
    SET a "HYLL\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0000" | PFCOUNT a | OBJECT ENCODING a | PFADD a x
    SET a "HYLL\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080\u007f" | PFADD a a b c d e f g h | GET a
    PFCOUNT a | PFDEBUG DECODE a
    SET a "HYLL\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080\u007f\u00ff" | PFADD a a b c d e f g | GET a
    PFCOUNT a | SET a "HYLL\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080\u007f\u00ff\u00ff" | PFCOUNT a
    PFADD a q | GET a | SET a "HYLL\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080\u007f\u00ff\u0000\u00ff"
    PFADD a q | GET a | PFCOUNT a | PFMERGE z a | SET a "HYLL\u0002\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080"
    PFADD a x | PFCOUNT a | SET a "HYLX\u0001\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080" | PFCOUNT a
    SET a "HYLL\u0000\u0000\u0000\u0000\u0005\u0000\u0000\u0000\u0000\u0000\u0000\u0080" | PFCOUNT a | SET a HYLL | PFADD a x
    SET a "HYLL\u0001\u0000\u0000\u0000\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f" | PFCOUNT a
    SET a "HYLL\u0001\u0000\u0000\u0000\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u001f\u0000" | PFCOUNT a
    SET a "HYLL\u0001\u0000\u0000\u0000\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u003f\u0000" | PFCOUNT a`,
}

const key = fc.constantFrom('a', 'b', 'c', '{x}')
const element = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\xff', '7'), maxLength: 40 }),
  fc.integer({ min: 0, max: 2000 }).map((n) => `element:${n}`),
)
/** Many elements, so that sparse ones become dense. */
const crowd = fc
  .tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 1500 }))
  .map(([first, count]) => Array.from({ length: count }, (_, i) => `${first + i}`))
const HEADER = [0x48, 0x59, 0x4c, 0x4c]
/** Whether the bytes end within a run of two bytes: redis-server reads the byte behind the value then. */
function isCutOff(runs: readonly number[]): boolean {
  let at = 0
  while (at < runs.length) at += (runs[at] & 0xc0) === 0x40 ? 2 : 1
  return at > runs.length
}

/** Values that begin like a HyperLogLog. */
const forged = fc
  .tuple(
    fc.constantFrom(0, 1, 1, 1, 1, 2),
    fc.constantFrom(0, 0x80),
    fc.array(
      fc.oneof(
        fc.constantFrom([0x7f, 0xff], [0x7f, 0xfe], [0], [0x3f], [0x80], [0x83], [0xff], [0x40, 0], [0x41]),
        fc.integer({ min: 0, max: 255 }).map((byte) => [byte]),
      ),
      { maxLength: 12 },
    ),
  )
  .map(([encoding, validity, runs]) => {
    const bytes = runs.flat()
    return Buffer.from([
      ...HEADER,
      ...[encoding, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, validity],
      ...(isCutOff(bytes) ? bytes.slice(0, -1) : bytes),
    ])
  })

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(key, fc.array(element, { maxLength: 8 })).map(([k, rest]) => ['PFADD', k, ...rest]),
  },
  { weight: 3, arbitrary: fc.tuple(key, crowd).map(([k, rest]) => ['PFADD', k, ...rest]) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('PFCOUNT', 'GET', 'DEL', 'STRLEN'), key) },
  { weight: 2, arbitrary: fc.array(key, { minLength: 2, maxLength: 4 }).map((keys) => ['PFCOUNT', ...keys]) },
  { weight: 3, arbitrary: fc.array(key, { minLength: 1, maxLength: 4 }).map((keys) => ['PFMERGE', ...keys]) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('PFDEBUG'),
      fc.constantFrom('ENCODING', 'decode', 'DECODE', 'TODENSE', 'GETREG'),
      key,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('SET'), key, forged) },
)

describeComparison('HyperLogLog commands', (expectSame) => {
  const expectSameContents = (commands: readonly Command[], maxSparseBytes = '3000'): Promise<void> =>
    expectSame([
      ['CONFIG', 'SET', 'hll-sparse-max-bytes', maxSparseBytes],
      ...commands,
      ...['a', 'b', 'c', '{x}'].map((k) => ['GET', k]),
    ])

  test.each(Object.entries(EDGES))('%s', (_, sequence) => expectSameContents(commandsOf(sequence)))

  test('random sequences', async () => {
    const limit = fc.constantFrom('3000', '3000', '0', '40', '20000')
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 25 }),
      limit,
      expectSameContents,
    )
    await fc.assert(property, { numRuns: 60 })
  })

  test('estimates of one to a hundred thousand elements', async () => {
    const commands: Command[] = []
    for (let n = 1; n < 40_000; n = Math.ceil(n * 1.7)) {
      const elements = Array.from({ length: n }, (_, i) => `${n}:${i}`)
      commands.push(['PFADD', 'a', ...elements], ['PFCOUNT', 'a'], ['PFADD', `one:${n}`, ...elements])
      commands.push(['PFCOUNT', `one:${n}`], ['PFCOUNT', 'a', `one:${n}`])
    }
    commands.push(['PFMERGE', 'b', 'a'], ['PFCOUNT', 'b'])
    await expectSameContents(commands)
  })

  test('dense registers of any value', async () => {
    const header = [...HEADER, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]
    const fills = [0, 0xff, 0x55, 0b11001111, 0b00110011]
    const values = fills.map((byte) => Buffer.concat([Buffer.from(header), Buffer.alloc(12_288, byte)]))
    const sameRegisters = (value: number): Buffer<ArrayBuffer> => {
      const bits = value.toString(2).padStart(6, '0').repeat(4)
      const three = [16, 8, 0].map((at) => Number.parseInt(bits.slice(at, at + 8), 2))
      return Buffer.concat([Buffer.from(header), Buffer.alloc(12_288, Buffer.from(three))])
    }
    for (let value = 0; value < 64; value++) values.push(sameRegisters(value))
    await expectSameContents(
      values.flatMap((value) => [
        ['SET', 'a', value],
        ['PFCOUNT', 'a'],
        ['GET', 'a'],
        ['PFCOUNT', 'a', 'none'],
        ['PFMERGE', 'b', 'a'],
        ['PFADD', 'a', 'x', 'y'],
      ]),
    )
    expect(values.length).toBe(69)
  })
})
