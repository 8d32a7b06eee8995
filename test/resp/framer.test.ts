// The ends of replies: every type whole, byte by byte and at every split; random nested replies; redis-parser; random bytes.

import fc from 'fast-check'
import Parser from 'redis-parser'
import { expect, test } from 'vitest'
import { ReplyFramer } from '../../src/resp/framer.ts'
import { bytesOf, divisions } from './decoding.ts'

interface Framed {
  readonly replies: string[]
  readonly error: string
  /** The beginning of an incomplete reply. */
  readonly rest: string
}

/** Frames the stream split at `cuts`, at most `most` replies per scan. Frames between nodes count as replies. */
function frames(
  stream: string | Buffer,
  cuts: readonly number[] = [],
  most = Number.POSITIVE_INFINITY,
): Framed {
  const bytes = bytesOf(stream)
  const framer = new ReplyFramer()
  const replies: string[] = []
  let held = ''
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    const chunk = bytes.subarray(from, cut)
    from = cut
    let at = 0
    while (at < chunk.length && framer.error === '') {
      const begun = held !== ''
      let next = framer.scan(chunk, at, chunk.length, begun ? 1 : most)
      const isPeers = framer.special !== 0 && framer.count === 0
      if (isPeers) next = framer.take(chunk, at, chunk.length)
      const { whole, count } = framer
      const complete = chunk.toString('latin1', at, whole)
      if (count === 1 && (begun || isPeers)) {
        replies.push(held + complete)
        held = ''
      } else if (count > 0) replies.push(...single(complete, count))
      if (framer.error === '') held += chunk.toString('latin1', Math.max(at, whole), next)
      expect(framer.error !== '' || next > at).toBe(true)
      at = next
    }
  }
  expect(framer.isOpen || framer.error !== '').toBe(held !== '' || framer.error !== '')
  return { replies, error: framer.error, rest: framer.error === '' ? held : '' }
}

/** Several whole replies, one by one. */
function single(text: string, count: number): string[] {
  const framer = new ReplyFramer()
  const bytes = bytesOf(text)
  const replies: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const next = framer.scan(bytes, at, bytes.length, 1)
    expect([framer.count, framer.whole, framer.error]).toEqual([1, next, ''])
    replies.push(text.slice(at, next))
    at = next
  }
  expect(replies.length).toBe(count)
  return replies
}

const VECTORS: readonly string[] = [
  '+OK\r\n',
  '+\r\n',
  `+${'long '.repeat(60)}\r\n`,
  '-ERR no such thing\r\n',
  `-ERR ${'x'.repeat(57)}\r\n`,
  ':0\r\n',
  ':-9223372036854775808\r\n',
  '$0\r\n\r\n',
  '$1\r\nx\r\n',
  '$9\r\n012345678\r\n',
  '$10\r\n0123456789\r\n',
  `$99\r\n${'y'.repeat(99)}\r\n`,
  `$100\r\n${'z'.repeat(100)}\r\n`,
  '$6\r\n\r\n$1\r\n\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*1\r\n*0\r\n',
  '*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n',
  '*3\r\n:1\r\n*2\r\n+a\r\n$-1\r\n-ERR b\r\n',
  `*12\r\n${'$1\r\nx\r\n'.repeat(12)}`,
  `${'*1\r\n'.repeat(2000)}:1\r\n`,
  '_\r\n',
  '#t\r\n',
  ',-1.5e10\r\n',
  ',inf\r\n',
  '(3492890328409238509324850943850943825024385\r\n',
  '!21\r\nSYNTAX invalid syntax\r\n',
  '=15\r\ntxt:Some string\r\n',
  '%0\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n$-1\r\n',
  '~2\r\n#f\r\n_\r\n',
  '|1\r\n+ttl\r\n:3600\r\n$5\r\nvalue\r\n',
  '|1\r\n+a\r\n%1\r\n+b\r\n:1\r\n|0\r\n*1\r\n|1\r\n+c\r\n+d\r\n+e\r\n',
  '@123\r\n',
  '^123\r\n',
  '?10.0.0.1:7000\r\n',
  '>3\r\n$10\r\ninvalidate\r\n$5\r\ncache\r\n$3\r\nkey\r\n',
  '>0\r\n',
]

test.each(VECTORS)('%j', (vector) => {
  const stream = `${vector}:7\r\n`
  const every = vector.length > 500 ? divisions(vector.length).slice(0, 40) : divisions(stream.length)
  for (const cuts of every) {
    expect(frames(stream, cuts)).toEqual({ replies: [vector, ':7\r\n'], error: '', rest: '' })
  }
})

test.each(VECTORS)('%j truncated is not a reply', (vector) => {
  for (let length = 0; length < Math.min(300, vector.length); length++) {
    const rest = vector.slice(0, length)
    expect(frames(rest)).toEqual({ replies: [], error: '', rest })
  }
})

test('all vectors one after another, with any number per scan', () => {
  for (const most of [1, 2, 3, 7]) {
    expect(frames(VECTORS.join(''), [], most).replies).toEqual(VECTORS)
    expect(frames(VECTORS.join(''), [11, 12, 100, 101, 500, 900], most).replies).toEqual(VECTORS)
  }
})

test('a scan stops after the requested number of replies', () => {
  const bytes = Buffer.from('+OK\r\n$3\r\nabc\r\n:1\r\n')
  const framer = new ReplyFramer()
  expect([framer.scan(bytes, 0, bytes.length, 2), framer.count, framer.whole]).toEqual([14, 2, 14])
  expect([framer.scan(bytes, 14, bytes.length, 2), framer.count, framer.whole]).toEqual([18, 1, 18])
})

test('a scan stops before a frame between nodes', () => {
  const framer = new ReplyFramer()
  for (const special of '@^?>') {
    const bytes = Buffer.from(`+OK\r\n${special}0\r\n:1\r\n`)
    expect(framer.scan(bytes, 0, bytes.length, 9)).toBe(5)
    expect([framer.count, framer.whole, framer.special]).toEqual([1, 5, special.charCodeAt(0)])
    expect(framer.take(bytes, 5, bytes.length)).toBe(9)
    expect([framer.count, framer.whole, framer.special]).toEqual([1, 9, 0])
    expect(framer.scan(bytes, 9, bytes.length, 9)).toBe(13)
  }
})

const BROKEN: readonly (readonly [string, string])[] = [
  ['x', 'unexpected byte 0x78'],
  ['\r\n', 'unexpected byte 0x0d'],
  ['+OK\rx', 'unexpected byte 0x78'],
  ['$1\r\nxy\r\n', 'unexpected byte 0x79'],
  ['$1\r\nx\ry', 'unexpected byte 0x79'],
  ['$1\rx', 'unexpected byte 0x78'],
  ['$\r\n', 'unexpected byte 0x0d'],
  ['$-\r\n', 'unexpected byte 0x0d'],
  ['$-2\r\n', 'a length of -2'],
  ['$+1\r\n', 'unexpected byte 0x2b'],
  ['$1x\r\n', 'unexpected byte 0x78'],
  ['$1-\r\n', 'unexpected byte 0x2d'],
  ['$?\r\n', 'unexpected byte 0x3f'],
  ['$2147483648\r\n', 'a length of 2147483648'],
  ['$0000000000001\r\n', 'unexpected byte 0x31'],
  ['%-1\r\n', 'a length of -1'],
  ['*2\r\n>0\r\n', 'unexpected byte 0x3e'],
  ['*1\r\n@1\r\n', 'unexpected byte 0x40'],
  ['|0\r\n>0\r\n', 'unexpected byte 0x3e'],
  ['*2147483647\r\n*2147483647\r\n*2147483647\r\n', 'more than 4294967296 elements'],
  [`+${'x'.repeat(1024 * 1024 + 1)}`, 'a line is too long'],
]

test.each(BROKEN)('%.60j is malformed', (broken, error) => {
  const stream = `:1\r\n${broken}`
  const cuts = stream.length > 500 ? [[], [3], [5], [500, 501]] : divisions(stream.length)
  for (const cut of cuts) expect(frames(stream, cut)).toEqual({ replies: [':1\r\n'], error, rest: '' })
})

test('a long bulk string is skipped, not scanned', () => {
  const framer = new ReplyFramer()
  const head = Buffer.from('*2\r\n$536870912\r\n')
  const chunk = Buffer.alloc(65_536, '$')
  expect(framer.scan(head, 0, head.length, 1)).toBe(head.length)
  for (let at = 0; at < 536_870_912; at += chunk.length) {
    expect(framer.scan(chunk, 0, chunk.length, 1)).toBe(chunk.length)
    if (framer.count !== 0) break
  }
  const tail = Buffer.from('\r\n:1\r\n:2\r\n')
  expect([framer.scan(tail, 0, tail.length, 1), framer.count, framer.whole]).toEqual([6, 1, 6])
})

test('reset drops an incomplete reply', () => {
  const framer = new ReplyFramer()
  for (const begun of ['*2\r\n:1\r\n', '$10\r\nabc', '$1', '+OK\r', 'x']) {
    framer.scan(Buffer.from(begun), 0, begun.length, 1)
    framer.reset()
    expect([framer.isOpen, framer.scan(Buffer.from('+OK\r\n'), 0, 5, 1), framer.count]).toEqual([false, 5, 1])
  }
})

const line = fc.string({ maxLength: 90 }).map((text) => text.replace(/[\r\n]/g, ' '))
const blob = fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const leaf = fc.oneof(
  fc.tuple(fc.constantFrom('+', '-', '(', ',', '#'), line).map(([type, text]) => `${type}${text}\r\n`),
  fc.maxSafeInteger().map((n) => `:${n}\r\n`),
  fc
    .tuple(fc.constantFrom('$', '!', '='), blob)
    .map(([type, text]) => `${type}${text.length}\r\n${text}\r\n`),
  fc.constantFrom('_\r\n', '$-1\r\n', '*-1\r\n'),
)
const { tree: nest } = fc.letrec<{ tree: string; list: string; map: string; attributed: string }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, leaf, tie('list'), tie('map'), tie('attributed')),
  list: fc
    .tuple(fc.constantFrom('*', '~'), fc.array(tie('tree'), { maxLength: 5 }))
    .map(([type, items]) => `${type}${items.length}\r\n${items.join('')}`),
  map: fc
    .array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 3 })
    .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join('')}`),
  attributed: fc
    .tuple(fc.array(fc.tuple(leaf, leaf), { maxLength: 2 }), tie('tree'))
    .map(([pairs, reply]) => `|${pairs.length}\r\n${pairs.flat().join('')}${reply}`),
}))

const cutting = (length: number) =>
  fc.uniqueArray(fc.nat({ max: length }), { maxLength: 12 }).map((cuts) => cuts.toSorted((a, b) => a - b))

test('random nested replies of all types, split anywhere', () => {
  const streams = fc
    .array(nest, { maxLength: 8 })
    .chain((replies) =>
      fc.tuple(fc.constant(replies), cutting(replies.join('').length), fc.integer({ min: 1, max: 9 })),
    )
  fc.assert(
    fc.property(streams, ([replies, cuts, most]) => {
      expect(frames(bytesOf(replies.join('')), cuts, most)).toEqual({ replies, error: '', rest: '' })
    }),
    { numRuns: 400 },
  )
})

test('redis-parser finds the same RESP2 replies', () => {
  const text = fc.oneof(leaf, nest).filter((reply) => !/[_#,(!=~%|]/.test(reply))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 10 }), (replies) => {
      let parsed = 0
      const parser = new Parser({
        returnReply: () => parsed++,
        returnError: () => parsed++,
        returnFatalError: (error: Error) => {
          throw error
        },
      })
      parser.execute(bytesOf(replies.join('')))
      expect(frames(replies.join('')).replies.length).toBe(parsed)
    }),
    { numRuns: 300 },
  )
})

test('random bytes: splits make no difference, and nothing is found twice', () => {
  const fragment = fc.oneof(
    fc.constantFrom(
      '*',
      '$',
      '\r\n',
      '\r',
      '\n',
      '*2\r\n',
      '$0\r\n\r\n',
      '|1\r\n',
      '@1\r\n',
      '>1\r\n',
      '-',
      '1',
    ),
    fc.integer({ min: -3, max: 200 }).map(String),
    blob,
    leaf,
    nest,
  )
  const streams = fc
    .array(fragment, { maxLength: 20 })
    .chain((parts) => fc.tuple(fc.constant(parts.join('')), cutting(parts.join('').length)))
  fc.assert(
    fc.property(streams, ([stream, cuts]) => {
      const whole = frames(stream)
      expect(stream.startsWith(whole.replies.join('') + whole.rest)).toBe(true)
      expect(frames(stream, cuts)).toEqual(whole)
      expect(
        frames(
          stream,
          Array.from({ length: stream.length }, (_, i) => i),
        ),
      ).toEqual(whole)
    }),
    { numRuns: 500 },
  )
})
