// The reply framer, with redis-parser on the same bytes as the reference.

import Parser from 'redis-parser'
import { ReplyFramer } from '../../src/resp/framer.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'reply framer'

/** The size of a read from a socket. */
const CHUNK_BYTES = 65_536

/** As many whole replies as fit in a chunk. */
function chunkOf(reply: string): { chunk: Buffer; replies: number } {
  const replies = Math.floor(CHUNK_BYTES / reply.length)
  return { chunk: Buffer.from(reply.repeat(replies)), replies }
}

const bulk = (bytes: number) => `$${bytes}\r\n${'x'.repeat(bytes)}\r\n`

/** Frames a chunk, at most `limit` replies per scan. */
function frames(what: string, reply: string, limit: number): Case {
  const { chunk, replies } = chunkOf(reply)
  const framer = new ReplyFramer()
  const run = () => {
    let found = 0
    for (let at = 0; at < chunk.length; ) {
      at = framer.scan(chunk, at, chunk.length, limit)
      found += framer.count
    }
    if (found !== replies) throw new Error(`${what}: ${found} replies instead of ${replies}`)
  }
  return { name: what, operations: replies, run }
}

function parses(what: string, reply: string): Case {
  const { chunk, replies } = chunkOf(reply)
  let found = 0
  const parser = new Parser({
    returnReply: () => found++,
    returnError: (error: Error) => {
      throw error
    },
    returnBuffers: true,
  })
  const run = () => {
    found = 0
    parser.execute(chunk)
    if (found !== replies) throw new Error(`${what}: ${found} replies instead of ${replies}`)
  }
  return { name: what, operations: replies, run }
}

/** Cases that must not allocate. */
export const WITHOUT_GARBAGE: readonly string[] = [
  'bulks of 16 bytes, 64 a scan',
  'bulks of 16 bytes, one a scan',
  'arrays of 10 bulks, 64 a scan',
]

export function run(options: MeasureOptions): Promise<Row[]> {
  const list = `*10\r\n${bulk(16).repeat(10)}`
  return measure(
    [
      frames('bulks of 16 bytes, 64 a scan', bulk(16), 64),
      frames('bulks of 16 bytes, one a scan', bulk(16), 1),
      frames('bulks of 200 bytes, 64 a scan', bulk(200), 64),
      frames('OK, 64 a scan', '+OK\r\n', 64),
      frames('null, 64 a scan', '$-1\r\n', 64),
      frames('arrays of 10 bulks, 64 a scan', list, 64),
      parses('redis-parser: bulks of 16 bytes', bulk(16)),
      parses('redis-parser: arrays of 10 bulks', list),
    ],
    options,
  )
}
