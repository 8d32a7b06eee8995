// redis-parser as the reference: it parses requests, which are RESP arrays, and the output of the reply writer.

import fc from 'fast-check'
import Parser from 'redis-parser'
import { expect, test } from 'vitest'
import { ReplyWriter } from '../../src/resp/reply.ts'
import { bytesOf, decode, frame } from './decoding.ts'

type Reply = string | Buffer | number | null | Error | Reply[]

/** All replies in the stream split at `cuts`, as redis-parser parses them. */
function parse(stream: Buffer, cuts: readonly number[] = []): Reply[] {
  const replies: Reply[] = []
  const parser = new Parser({
    returnReply: (reply: Reply) => replies.push(reply),
    returnError: (error: Error) => replies.push(error),
    returnFatalError: (error: Error) => {
      throw error
    },
    returnBuffers: true,
  })
  let from = 0
  for (const cut of [...cuts, stream.length]) {
    parser.execute(stream.subarray(from, cut))
    from = cut
  }
  return replies
}

/** Ascending positions to split a stream at. */
const cutting = (length: number) =>
  fc.uniqueArray(fc.nat({ max: length }), { maxLength: 12 }).map((cuts) => cuts.toSorted((a, b) => a - b))

const argument = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.nat({ max: 400 }).map((length) => new Uint8Array(length).fill(0x24)),
  fc.constantFrom('', '\r\n', '*1\r\n', '$-1\r\n').map((text) => new Uint8Array(Buffer.from(text))),
)

test('pipelines decode as redis-parser parses them, wherever they are split', () => {
  const pipeline = fc.array(fc.array(argument, { minLength: 1, maxLength: 14 }), { maxLength: 8 })
  const cutPipeline = pipeline
    .map((requests) => Buffer.concat(requests.map((args) => frame(args.map((arg) => Buffer.from(arg))))))
    .chain((stream) => fc.tuple(fc.constant(stream), cutting(stream.length), cutting(stream.length)))
  fc.assert(
    fc.property(cutPipeline, ([stream, cuts, otherCuts]) => {
      const expected = parse(stream, otherCuts).map((reply) =>
        (reply as Buffer[]).map((arg) => arg.toString('latin1')),
      )
      expect(decode(stream, cuts)).toEqual({ requests: expected, error: '' })
    }),
    { numRuns: 300 },
  )
})

const leaf: fc.Arbitrary<Reply> = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  fc.nat({ max: 40_000 }).map((length) => Buffer.alloc(length, 0x0d)),
  fc.maxSafeInteger(),
  fc.nat({ max: 300 }),
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => !/[\r\n]/.test(text)),
  fc.string({ maxLength: 40 }).map((text) => new Error(`ERR ${text.replace(/[\r\n]/g, ' ')}`)),
)

const reply: fc.Arbitrary<Reply> = fc.letrec<{ tree: Reply; list: Reply[] }>((tie) => ({
  tree: fc.oneof({ maxDepth: 3 }, leaf, tie('list')),
  list: fc.array(tie('tree'), { maxLength: 12 }),
})).tree

function write(writer: ReplyWriter, value: Reply): void {
  if (value === null) writer.null()
  else if (typeof value === 'number') writer.integer(value)
  else if (typeof value === 'string') writer.simple(value)
  else if (Buffer.isBuffer(value)) writer.bulk(value, 0, value.length)
  else if (value instanceof Error) writer.error(value.message)
  else {
    writer.array(value.length)
    for (const element of value) write(writer, element)
  }
}

/** A reply as text with its types, for fast comparison. Simple and bulk strings of RESP2 are both bytes. */
function shown(value: Reply): string {
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`
  if (value instanceof Error) return `error ${value.message}`
  if (typeof value === 'string') return shown(Buffer.from(value))
  return Buffer.isBuffer(value) ? `bytes ${value.toString('latin1')}` : String(value)
}

test('redis-parser parses what is written', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 10 }), fc.boolean(), (replies, taken) => {
      const writer = new ReplyWriter()
      const parts: Buffer[] = []
      for (const value of replies) write(writer, value)
      if (taken) parts.push(writer.take())
      else writer.flush({ write: (bytes) => parts.push(bytes) })
      expect(shown(parse(Buffer.concat(parts)))).toBe(shown(replies))
    }),
    { numRuns: 150 },
  )
})

test('redis-parser agrees on hand-picked requests', () => {
  const stream = bytesOf('*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n*1\r\n$4\r\nPING\r\n')
  const expected = parse(stream).map((reply) => (reply as Buffer[]).map(String))
  expect(decode(stream).requests).toEqual(expected)
})
