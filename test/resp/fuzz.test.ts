// Random bytes and damaged requests: the decoder never throws, never loops, and splits make no difference.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Args } from '../../src/resp/args.ts'
import { bytesOf, decode, frame, makeDecoder, pull } from './decoding.ts'

/** Small limits, so that random input reaches them; but not `maxQueryBuffer`. */
const limits = { maxMultibulk: 40, maxBulk: 200, maxInline: 60 }

const fragment = fc.oneof(
  fc.constantFrom(
    '*',
    '$',
    '\r\n',
    '\r',
    '\n',
    '*1\r\n',
    '*2\r\n',
    '$0\r\n\r\n',
    '$1\r\nx\r\n',
    '"',
    "'",
    '\\x4',
    ' ',
  ),
  fc.integer({ min: -3, max: 300 }).map(String),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc
    .array(fc.uint8Array({ maxLength: 12 }), { minLength: 1, maxLength: 4 })
    .map((args) => frame(args.map((arg) => Buffer.from(arg))).toString('latin1')),
)

const stream = fc.array(fragment, { maxLength: 30 }).map((fragments) => bytesOf(fragments.join('')))

const cutStream = stream.chain((bytes) =>
  fc.tuple(
    fc.constant(bytes),
    fc
      .uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 20 })
      .map((cuts) => cuts.toSorted((a, b) => a - b)),
    fc.boolean(),
  ),
)

test('any splits of any bytes give the same requests and the same error', () => {
  fc.assert(
    fc.property(cutStream, ([bytes, cuts, authenticated]) => {
      const setting = { limits, authenticated }
      const whole = decode(bytes, [], setting)
      expect(decode(bytes, cuts, setting)).toEqual(whole)
      const everywhere = Array.from({ length: bytes.length }, (_, i) => i)
      expect(decode(bytes, everywhere, setting)).toEqual(whole)
    }),
    { numRuns: 1500 },
  )
})

test('feeding several chunks before pulling makes no difference', () => {
  fc.assert(
    fc.property(cutStream, fc.infiniteStream(fc.nat({ max: 3 })), ([bytes, cuts], pauses) => {
      const decoder = makeDecoder({ limits })
      const args = new Args()
      const requests: string[][] = []
      let from = 0
      for (const cut of [...cuts, bytes.length]) {
        decoder.feed(bytes.subarray(from, cut))
        from = cut
        const { value: pause } = pauses.next()
        for (let i = 0; i < pause; i++) {
          if (decoder.next(args) !== 1) break
          requests.push(Array.from({ length: args.count }, (_, arg) => args.latin1(arg)))
        }
      }
      const error = pull(decoder, args, requests)
      expect({ requests, error }).toEqual(decode(bytes, [], { limits }))
    }),
    { numRuns: 500 },
  )
})

test('never more than the limit is buffered', () => {
  fc.assert(
    fc.property(fc.array(stream, { maxLength: 40 }), (chunks) => {
      const decoder = makeDecoder({ limits: { ...limits, maxBulk: 100_000, maxQueryBuffer: 500 } })
      const args = new Args()
      for (const chunk of chunks) {
        decoder.feed(chunk)
        pull(decoder, args, [])
        expect(decoder.buffered).toBeLessThanOrEqual(Math.max(500, chunk.length))
      }
    }),
    { numRuns: 200 },
  )
})
