// Converts requests to bytes and back.

import { integerDigits, writeInteger } from '../../bytes/numbers/decimal.ts'
import { encodeRequest } from '../../cluster/links/request.ts'
import { Args } from '../../resp/args.ts'
import { REQUEST, RequestDecoder } from '../../resp/decoder.ts'
import { unlimited } from '../../resp/limits.ts'

/** The bytes of a request, copied. */
export function requestBytes(args: Args): Buffer {
  if (args.frameStart >= 0) return Buffer.from(args.buf.subarray(args.frameStart, args.frameEnd))
  return encodeRequest(Array.from({ length: args.count }, (_, i) => args.copy(i)))
}

/** A request with these arguments, encoded as clients do. */
export function requestOf(args: readonly (string | Buffer)[]): Args {
  const { length: count } = args
  const request = new Args(count)
  let size = headerLength(count)
  for (const arg of args) {
    const length = lengthOf(arg)
    size += headerLength(length) + length + 2
  }
  const frame = Buffer.allocUnsafe(size)
  let at = writeHeader(frame, 0, ARRAY, count)
  for (let i = 0; i < count; i++) {
    const arg = args[i]
    const length = lengthOf(arg)
    at = writeHeader(frame, at, BULK, length)
    request.start[i] = at
    if (typeof arg === 'string') frame.write(arg, at, 'utf8')
    else frame.set(arg, at)
    at += length
    request.end[i] = at
    at = endLine(frame, at)
  }
  request.buf = frame
  request.count = count
  request.frameStart = 0
  request.frameEnd = size
  return request
}

const ARRAY = 0x2a
const BULK = 0x24
const CR = 0x0d
const LF = 0x0a

function lengthOf(arg: string | Buffer): number {
  return typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length
}

/** The length of a type byte, a number and the line end. */
function headerLength(n: number): number {
  return integerDigits(n) + 3
}

function writeHeader(frame: Buffer, at: number, type: number, n: number): number {
  frame[at] = type
  return endLine(frame, writeInteger(frame, at + 1, n))
}

function endLine(frame: Buffer, at: number): number {
  frame[at] = CR
  frame[at + 1] = LF
  return at + 2
}

/** Reads one complete request. The result refers to `bytes`, which must not change. */
export function readRequest(bytes: Buffer): Args {
  const decoder = new RequestDecoder(unlimited())
  const args = new Args()
  decoder.feed(bytes)
  if (decoder.next(args) !== REQUEST) throw new Error('not one whole request')
  return args
}

/** The same request with other arguments at these positions. */
export function withArguments(request: Buffer, changes: ReadonlyMap<number, string>): Buffer {
  const args = readRequest(request)
  return encodeRequest(Array.from({ length: args.count }, (_, i) => changes.get(i) ?? args.copy(i)))
}
