// Every vector whole, byte by byte, and split at every position; then pulling, feeding and resuming in any order.

import { describe, expect, test } from 'vitest'
import { Args } from '../../src/resp/args.ts'
import { NEED_MORE, PROTOCOL_ERROR, REQUEST } from '../../src/resp/decoder.ts'
import { decode, divisions, frame, makeDecoder, pull, requestOf, type Setting } from './decoding.ts'

interface Vector extends Setting {
  readonly name: string
  readonly stream: string
  readonly requests?: string[][]
  readonly error?: string
}

const digits = '123456789012345678901234567890'
const everyByte = Array.from({ length: 256 }, (_, c) => String.fromCharCode(c)).join('')
const unauthenticated = { authenticated: false }

const vectors: Vector[] = [
  { name: 'nothing', stream: '' },
  { name: 'a request', stream: '*2\r\n$3\r\nGET\r\n$3\r\nTom\r\n', requests: [['GET', 'Tom']] },
  {
    name: 'a pipeline',
    stream: '*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n42\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n',
    requests: [['PING'], ['SET', 'a', '42'], ['GET', 'a']],
  },
  { name: 'empty arguments', stream: '*3\r\n$0\r\n\r\n$1\r\na\r\n$0\r\n\r\n', requests: [['', 'a', '']] },
  {
    name: 'lengths of one, two and three digits',
    stream: `*4\r\n$9\r\n${digits.slice(0, 9)}\r\n$10\r\n${digits.slice(0, 10)}\r\n$30\r\n${digits}\r\n$120\r\n${digits.repeat(4)}\r\n`,
    requests: [[digits.slice(0, 9), digits.slice(0, 10), digits, digits.repeat(4)]],
  },
  {
    name: 'more than nine arguments',
    stream: `*12\r\n${'$1\r\nx\r\n'.repeat(12)}*1\r\n$1\r\ny\r\n`,
    requests: [Array.from({ length: 12 }, () => 'x'), ['y']],
  },
  {
    name: 'line ends and formats inside arguments',
    stream: '*2\r\n$9\r\n*1\r\n$1\r\nx\r\n$4\r\n\r\n\r\n\r\n',
    requests: [['*1\r\n$1\r\nx', '\r\n\r\n']],
  },
  { name: 'any byte', stream: `*1\r\n$256\r\n${everyByte}\r\n`, requests: [[everyByte]] },
  { name: 'empty multibulks', stream: '*0\r\n*-1\r\n*1\r\n$1\r\na\r\n*0\r\n', requests: [['a']] },
  { name: 'the smallest count', stream: '*-9223372036854775808\r\n*1\r\n$1\r\na\r\n', requests: [['a']] },
  { name: 'empty lines', stream: '\r\n\n\r\n*1\r\n$1\r\na\r\n\n', requests: [['a']] },
  {
    name: 'inline and multibulk alternately',
    stream: 'PING\r\n*1\r\n$1\r\na\r\nSET  k \tv\nGET k\r\n',
    requests: [['PING'], ['a'], ['SET', 'k', 'v'], ['GET', 'k']],
  },
  {
    name: 'an inline request with quotes',
    stream: 'SET "a b" \'c\'\r\nPING\r\n',
    requests: [['SET', 'a b', 'c'], ['PING']],
  },
  {
    name: 'the two bytes after an argument are not checked',
    stream: '*1\r\n$1\r\nabc*1\r\n$1\r\nd\r\n',
    requests: [['a'], ['d']],
  },
  { name: 'the byte after a carriage return is not checked', stream: '*1\rx$1\rya\r\n', requests: [['a']] },
  {
    name: 'an incomplete request',
    stream: '*1\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$3\r\nTo',
    requests: [['a']],
  },
  { name: 'a line cut short', stream: 'PING\r\nPIN', requests: [['PING']] },

  { name: 'a count that is not a number', stream: '*x\r\n', error: 'invalid multibulk length' },
  { name: 'an empty count', stream: '*\r\n', error: 'invalid multibulk length' },
  { name: 'a count with a leading zero', stream: '*03\r\n', error: 'invalid multibulk length' },
  { name: 'a count with a plus sign', stream: '*+3\r\n', error: 'invalid multibulk length' },
  { name: 'a count with a space', stream: '* 3\r\n', error: 'invalid multibulk length' },
  { name: 'a count above int32', stream: '*2147483648\r\n', error: 'invalid multibulk length' },
  { name: 'a count above int64', stream: `*${digits}\r\n`, error: 'invalid multibulk length' },
  { name: 'a count below int64', stream: '*-9223372036854775809\r\n', error: 'invalid multibulk length' },
  {
    name: 'a count above the limit',
    stream: '*4\r\n',
    limits: { maxMultibulk: 3 },
    error: 'invalid multibulk length',
  },
  { name: 'a length that is not a number', stream: '*1\r\n$x\r\n', error: 'invalid bulk length' },
  { name: 'an empty length', stream: '*1\r\n$\r\n', error: 'invalid bulk length' },
  { name: 'a length with a leading zero', stream: '*1\r\n$03\r\nabc\r\n', error: 'invalid bulk length' },
  { name: 'a length with a letter', stream: '*1\r\n$1a\r\n', error: 'invalid bulk length' },
  { name: 'a negative length', stream: '*1\r\n$-1\r\n', error: 'invalid bulk length' },
  { name: 'a length above int64', stream: `*1\r\n$${digits}\r\n`, error: 'invalid bulk length' },
  { name: 'a length above proto-max-bulk-len', stream: '*1\r\n$536870913\r\n', error: 'invalid bulk length' },
  {
    name: 'a length above a small limit',
    stream: '*1\r\n$11\r\n',
    limits: { maxBulk: 10 },
    error: 'invalid bulk length',
  },
  { name: 'another type', stream: '*1\r\n:1\r\n', error: "expected '$', got ':'" },
  {
    name: 'an inline request within a multibulk',
    stream: '*2\r\n$3\r\nGET\r\nfoo\r\n',
    error: "expected '$', got 'f'",
  },
  { name: 'an empty line within a multibulk', stream: '*1\r\n\r\n', error: "expected '$', got '\r'" },
  { name: 'a byte that is not ASCII', stream: '*1\r\n\xff\r\n', error: "expected '$', got '\xff'" },
  {
    name: 'requests before the error',
    stream: '*1\r\n$1\r\na\r\nPING\r\n*1\r\n$x\r\n*1\r\n$1\r\nb\r\n',
    requests: [['a'], ['PING']],
    error: 'invalid bulk length',
  },
  { name: 'a quote that is not closed', stream: 'SET "a\r\n', error: 'unbalanced quotes in request' },

  {
    name: 'ten arguments before AUTH',
    stream: `*10\r\n${'$1\r\nx\r\n'.repeat(10)}`,
    ...unauthenticated,
    requests: [Array.from({ length: 10 }, () => 'x')],
  },
  {
    name: 'eleven arguments before AUTH',
    stream: '*11\r\n',
    ...unauthenticated,
    error: 'unauthenticated multibulk length',
  },
  {
    name: 'a count above both limits',
    stream: '*2147483648\r\n',
    ...unauthenticated,
    error: 'invalid multibulk length',
  },
  {
    name: 'a long argument before AUTH',
    stream: '*1\r\n$16385\r\n',
    ...unauthenticated,
    error: 'unauthenticated bulk length',
  },
  {
    name: 'a length above both limits',
    stream: '*1\r\n$536870913\r\n',
    ...unauthenticated,
    error: 'invalid bulk length',
  },

  {
    name: 'an endless line',
    stream: 'x'.repeat(41),
    limits: { maxInline: 40 },
    error: 'too big inline request',
  },
  {
    name: 'the longest line',
    stream: `${'x'.repeat(40)}\n`,
    limits: { maxInline: 40 },
    requests: [['x'.repeat(40)]],
  },
  {
    name: 'a line too long',
    stream: `${'x'.repeat(41)}\n`,
    limits: { maxInline: 40 },
    error: 'too big inline request',
  },
  {
    name: 'an endless count',
    stream: `*${'1'.repeat(40)}`,
    limits: { maxInline: 40 },
    error: 'too big mbulk count string',
  },
  {
    name: 'an endless length',
    stream: `*1\r\n$${'1'.repeat(40)}`,
    limits: { maxInline: 40 },
    error: 'too big bulk count string',
  },
  {
    name: 'a length line without an end',
    stream: `*1\r\n${'x'.repeat(41)}`,
    limits: { maxInline: 40 },
    error: 'too big bulk count string',
  },
  { name: 'a line still within the limit', stream: `*1\r\n$${'1'.repeat(39)}`, limits: { maxInline: 40 } },
]

describe('vectors', () => {
  test.each(vectors)('$name', ({ stream, requests = [], error, ...setting }) => {
    const expected = { requests, error: error === undefined ? '' : `Protocol error: ${error}` }
    for (const cuts of divisions(stream.length)) {
      expect(decode(stream, cuts, setting), `cut at ${cuts.length > 1 ? 'every byte' : cuts}`).toEqual(
        expected,
      )
    }
  })

  test('limits at their default sizes', () => {
    const long = 'x'.repeat(65_536)
    expect(decode(`${long}\n`).requests).toEqual([[long]])
    expect(decode(`${long}x`).error).toBe('Protocol error: too big inline request')
    expect(decode(long).error).toBe('')
    expect(decode(`*${long}`).error).toBe('Protocol error: too big mbulk count string')
    expect(decode(`*1\r\n$${long}`).error).toBe('Protocol error: too big bulk count string')
    expect(decode('*2147483647\r\n$536870912\r\n').error).toBe('')
    expect(decode(frame(['x'.repeat(16_384)]), [], unauthenticated).error).toBe('')
  })
})

describe('pulling', () => {
  const three = Buffer.concat([frame(['a']), frame(['b']), frame(['c'])])

  test('may stop within a chunk while more is fed', () => {
    const decoder = makeDecoder()
    const args = new Args()
    decoder.feed(three)
    expect(decoder.next(args)).toBe(REQUEST)
    expect(requestOf(args)).toEqual(['a'])
    decoder.feed(frame(['d']).subarray(0, 6))
    decoder.feed(Buffer.alloc(0))
    decoder.feed(frame(['d']).subarray(6))
    expect(decoder.next(args)).toBe(REQUEST)
    decoder.feed(frame(['e']))
    const rest: string[][] = []
    expect(pull(decoder, args, rest)).toBe('')
    expect(rest).toEqual([['c'], ['d'], ['e']])
    expect(decoder.buffered).toBe(0)
  })

  test('may stop at a frame divided between chunks', () => {
    const decoder = makeDecoder()
    const args = new Args()
    decoder.feed(three.subarray(0, 5))
    expect(decoder.next(args)).toBe(NEED_MORE)
    decoder.feed(three.subarray(5))
    expect(decoder.next(args)).toBe(REQUEST)
    expect(requestOf(args)).toEqual(['a'])
    expect(decoder.buffered).toBe(three.length - frame(['a']).length)
    decoder.feed(frame(['d']))
    const rest: string[][] = []
    pull(decoder, args, rest)
    expect(rest).toEqual([['b'], ['c'], ['d']])
  })

  test('arguments refer to the chunk; only a divided frame is copied', () => {
    const decoder = makeDecoder()
    const args = new Args()
    decoder.feed(three.subarray(0, 5))
    decoder.next(args)
    const rest = three.subarray(5)
    decoder.feed(rest)
    decoder.next(args)
    expect(args.buf).not.toBe(rest)
    decoder.next(args)
    expect(args.buf).toBe(rest)
    decoder.next(args)
    expect(args.buf).toBe(rest)
  })

  test('shares one Args among decoders, each in the middle of a frame', () => {
    const args = new Args()
    const streams = ['a', 'b', 'c'].map((name) => frame(['SET', name.repeat(5), name.repeat(40)]))
    const decoders = streams.map(() => makeDecoder())
    const requests: string[][] = []
    for (let at = 0; at < streams[0].length; at++) {
      decoders.forEach((decoder, i) => {
        decoder.feed(streams[i].subarray(at, at + 1))
        pull(decoder, args, requests)
      })
    }
    expect(requests).toEqual(['a', 'b', 'c'].map((name) => ['SET', name.repeat(5), name.repeat(40)]))
  })

  test('counts buffered bytes', () => {
    const decoder = makeDecoder()
    const args = new Args()
    expect(decoder.buffered).toBe(0)
    decoder.feed(three)
    expect(decoder.buffered).toBe(three.length)
    decoder.next(args)
    expect(decoder.buffered).toBe(three.length - frame(['a']).length)
    decoder.feed(Buffer.from('*1\r\n'))
    pull(decoder, args, [])
    expect(decoder.buffered).toBe(4)
  })

  test('an error is final, and drops all input', () => {
    const decoder = makeDecoder()
    const args = new Args()
    decoder.feed(Buffer.from('*x\r\n*1\r\n$1\r\na\r\n'))
    expect(decoder.next(args)).toBe(PROTOCOL_ERROR)
    expect(decoder.buffered).toBe(0)
    decoder.feed(frame(['a']))
    expect(decoder.next(args)).toBe(PROTOCOL_ERROR)
    expect(decoder.error).toBe('Protocol error: invalid multibulk length')
    expect(decoder.overflow).toBe(false)
    expect(decoder.buffered).toBe(0)
  })

  test('authentication and limits take effect at the next frame', () => {
    const limits = { maxMultibulk: 100, maxBulk: 100, maxInline: 100, maxQueryBuffer: 1000 }
    const decoder = makeDecoder({ limits, authenticated: false })
    const args = new Args()
    decoder.feed(Buffer.concat([frame(['AUTH', 'pw']), frame(Array.from({ length: 11 }, () => 'x'))]))
    expect(decoder.next(args)).toBe(REQUEST)
    decoder.authenticated = true
    expect(decoder.next(args)).toBe(REQUEST)
    expect(args.count).toBe(11)
  })
})
