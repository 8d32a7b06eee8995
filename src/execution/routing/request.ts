// Converts requests to bytes and back.

import { encodeRequest } from '../../cluster/links/request.ts'
import { Args } from '../../resp/args.ts'
import { REQUEST, RequestDecoder } from '../../resp/decoder.ts'
import { unlimited } from '../../resp/limits.ts'

/** The bytes of a request, copied. */
export function requestBytes(args: Args): Buffer {
  if (args.frameStart >= 0) return Buffer.from(args.buf.subarray(args.frameStart, args.frameEnd))
  return encodeRequest(Array.from({ length: args.count }, (_, i) => args.copy(i)))
}

/** Reads one complete request. The result refers to `bytes`, which must not change. */
export function readRequest(bytes: Buffer): Args {
  const decoder = new RequestDecoder(unlimited())
  const args = new Args()
  decoder.feed(bytes)
  if (decoder.next(args) !== REQUEST) throw new Error('not one whole request')
  return args
}
