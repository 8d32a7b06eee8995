// Converts requests to bytes and back.

import { integerDigits } from '../../bytes/numbers/decimal.ts'
import { encodeRequest } from '../../cluster/links/request.ts'
import { Args } from '../../resp/args.ts'
import { REQUEST, RequestDecoder } from '../../resp/decoder.ts'
import { unlimited } from '../../resp/limits.ts'

/** The bytes of a request, copied. */
export function requestBytes(args: Args): Buffer {
  if (args.frameStart >= 0) return Buffer.from(args.buf.subarray(args.frameStart, args.frameEnd))
  return encodeRequest(Array.from({ length: args.count }, (_, i) => args.copy(i)))
}

/** A request with these arguments. */
export function requestOf(args: readonly (string | Buffer)[]): Args {
  const frame = encodeRequest(args)
  const request = new Args(args.length)
  request.buf = frame
  request.count = args.length
  request.frameStart = 0
  request.frameEnd = frame.length
  let at = headerLength(args.length)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    const length = typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length
    request.start[i] = at + headerLength(length)
    request.end[i] = request.start[i] + length
    at = request.end[i] + 2
  }
  return request
}

/** The length of a type byte, a number and the line end. */
function headerLength(n: number): number {
  return integerDigits(n) + 3
}

/** Reads one complete request. The result refers to `bytes`, which must not change. */
export function readRequest(bytes: Buffer): Args {
  const decoder = new RequestDecoder(unlimited())
  const args = new Args()
  decoder.feed(bytes)
  if (decoder.next(args) !== REQUEST) throw new Error('not one whole request')
  return args
}
