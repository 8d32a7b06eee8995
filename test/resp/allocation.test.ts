// The hot path allocates nothing: bytes per decoded request and per small reply.

import { expect, test } from 'vitest'
import { bytesPerCall } from '../../bench/micro/measure.ts'
import { Args } from '../../src/resp/args.ts'
import { REQUEST } from '../../src/resp/decoder.ts'
import { ReplyWriter } from '../../src/resp/reply.ts'
import { frame, makeDecoder } from './decoding.ts'

const OPERATIONS = 1000

/** Measuring noise, in bytes. */
const NOISE = 0.25

test('decoding allocates nothing per request', () => {
  const decoder = makeDecoder()
  const args = new Args()
  const requests = Array.from({ length: OPERATIONS }, (_, i) => {
    const key = `key:${String(i).padStart(12, '0')}`
    return frame(i % 2 === 0 ? ['GET', key] : ['SET', key, 'x'.repeat(i)])
  })
  const chunk = Buffer.concat(requests)
  const run = () => {
    decoder.feed(chunk)
    let count = 0
    while (decoder.next(args) === REQUEST) count += args.is(0, 'GET') || args.is(0, 'SET') ? 1 : 0
    if (count !== OPERATIONS) throw new Error(`${count} requests`)
  }
  expect(bytesPerCall(run, OPERATIONS) / OPERATIONS).toBeLessThan(NOISE)
})

test('writing allocates nothing per reply up to 1 KiB', () => {
  const writer = new ReplyWriter()
  const arena = Buffer.allocUnsafeSlow(1024 * 1024)
  const view = new DataView(arena.buffer)
  const run = () => {
    for (let i = 0; i < OPERATIONS; i++) {
      writer.ok()
      writer.integer(i)
      writer.bulk(arena, i, i + (i & 31), view)
      writer.bulk(arena, i, i + 1024, view)
      writer.null()
      writer.array(i)
      writer.bulkText('Tom')
      writer.error('ERR syntax error')
      if (i % 16 === 0) writer.rewind(0)
    }
    writer.rewind(0)
  }
  expect(bytesPerCall(run, OPERATIONS) / OPERATIONS).toBeLessThan(NOISE)
})
