// The request decoder on typical cache traffic, with redis-parser on the same bytes as the reference.

import Parser from 'redis-parser'
import { Args } from '../../src/resp/args.ts'
import { REQUEST, RequestDecoder } from '../../src/resp/decoder.ts'
import { defaultLimits } from '../../src/resp/limits.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'request decoder'

/** The size of a read from a socket. */
const CHUNK_BYTES = 65_536

function request(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`
}

/** Keys as redis-benchmark makes them. */
const keyOf = (i: number) => `key:${String((i * 7919) % 1_000_000).padStart(12, '0')}`
const get = (i: number) => request('GET', keyOf(i))
const set = (i: number) => request('SET', keyOf(i), 'x'.repeat(32))

function pipeline(make: (i: number) => string, depth: number): Buffer {
  return Buffer.from(Array.from({ length: depth }, (_, i) => make(i)).join(''))
}

/** As many whole requests as fit in a chunk. */
function fullChunk(make: (i: number) => string): { chunk: Buffer; depth: number } {
  const depth = Math.floor(CHUNK_BYTES / make(0).length)
  return { chunk: pipeline(make, depth), depth }
}

const args = new Args()

function decodes(name: string, chunks: readonly Buffer[], operations: number): Case {
  const decoder = new RequestDecoder(defaultLimits())
  const run = () => {
    let decoded = 0
    for (let i = 0; i < chunks.length; i++) {
      decoder.feed(chunks[i])
      while (decoder.next(args) === REQUEST) decoded += args.count > 0 ? 1 : 0
    }
    if (decoded !== operations) throw new Error(`${name}: ${decoded} requests instead of ${operations}`)
  }
  return { name, operations, run }
}

function parses(name: string, chunk: Buffer, operations: number): Case {
  let parsed = 0
  const parser = new Parser({
    returnReply: () => parsed++,
    returnError: (error: Error) => {
      throw error
    },
    returnBuffers: true,
  })
  const run = () => {
    parsed = 0
    parser.execute(chunk)
    if (parsed !== operations) throw new Error(`${name}: ${parsed} requests instead of ${operations}`)
  }
  return { name, operations, run }
}

/** The same stream in chunks that end anywhere, as those of a busy socket. */
function cutAnywhere(make: (i: number) => string): { chunks: Buffer[]; operations: number } {
  const operations = 16_384
  const stream = pipeline(make, operations)
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; at += CHUNK_BYTES) chunks.push(stream.subarray(at, at + CHUNK_BYTES))
  return { chunks, operations }
}

/** Chunks of `depth` requests each, as many as a measurable call needs. */
function chunksOf(make: (i: number) => string, depth: number): { chunks: Buffer[]; operations: number } {
  const count = Math.ceil(1024 / depth)
  return { chunks: Array.from({ length: count }, () => pipeline(make, depth)), operations: count * depth }
}

export function run(options: MeasureOptions): Promise<Row[]> {
  const gets = fullChunk(get)
  const sets = fullChunk(set)
  const cut = cutAnywhere(get)
  const single = chunksOf(get, 1)
  const sixteen = chunksOf(get, 16)
  return measure(
    [
      decodes('GET, 64 KiB chunk', [gets.chunk], gets.depth),
      decodes('GET, 64 KiB chunks cut anywhere', cut.chunks, cut.operations),
      decodes('GET, one per chunk', single.chunks, single.operations),
      decodes('GET, 16 per chunk', sixteen.chunks, sixteen.operations),
      decodes('SET of 32 bytes, 64 KiB chunk', [sets.chunk], sets.depth),
      decodes(
        'MGET of 100 keys',
        [Buffer.from(request('MGET', ...Array.from({ length: 100 }, (_, i) => keyOf(i))))],
        1,
      ),
      parses('redis-parser: GET, 64 KiB chunk', gets.chunk, gets.depth),
      parses('redis-parser: SET of 32 bytes, 64 KiB chunk', sets.chunk, sets.depth),
    ],
    options,
  )
}
