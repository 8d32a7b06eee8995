// The reply writer: small replies, and values of several sizes from many arenas, flushed once per chunk.

import type { Sink } from '../../src/resp/output.ts'
import { ReplyWriter } from '../../src/resp/reply.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'reply writer'

/** Maximum replies, and bytes, between two flushes. */
const PIPELINE = 64
const PENDING_BYTES = 256 * 1024

const FLUSHES = 16
const OPERATIONS = PIPELINE * FLUSHES

const SEGMENT_BYTES = 1024 * 1024
const segments = Array.from({ length: 32 }, (_, i) => Buffer.allocUnsafeSlow(SEGMENT_BYTES).fill(i))
const views = segments.map((segment) => new DataView(segment.buffer))

/** A socket that sends everything immediately. */
const sink: Sink = { write: (_bytes, released) => released() }

const writer = new ReplyWriter()

function writes(name: string, write: (i: number) => void): Case {
  const run = () => {
    for (let flush = 0; flush < FLUSHES; flush++) {
      for (let i = 0; i < PIPELINE; i++) {
        write(flush * PIPELINE + i)
        if (writer.size > PENDING_BYTES) writer.flush(sink)
      }
      writer.flush(sink)
    }
  }
  return { name, operations: OPERATIONS, run }
}

function bulks(length: number): Case {
  return writes(`bulk of ${length} bytes from 32 arenas`, (i) => {
    const start = (i * 4099) % (SEGMENT_BYTES - 16_384)
    const segment = (i * 7) & 31
    writer.bulk(segments[segment], start, start + length, views[segment])
  })
}

export function run(options: MeasureOptions): Promise<Row[]> {
  return measure(
    [
      writes('ok', () => writer.ok()),
      writes('null', () => writer.null()),
      writes('integer of 1 digit', (i) => writer.integer(i & 7)),
      writes('integer of 7 digits', (i) => writer.integer(1_000_000 + i)),
      writes('bulk text of 10 characters', () => writer.bulkText('0123456789')),
      writes('bulk of 32 bytes from one arena', (i) => writer.bulk(segments[0], i, i + 32, views[0])),
      ...[3, 16, 32, 64, 200, 1024, 4096, 16_384].map(bulks),
      writes('error', () => writer.error('ERR syntax error')),
    ],
    options,
  )
}
