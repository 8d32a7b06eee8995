// Runs a decoder over a stream divided in given ways and tells all it gave.

import { Args } from '../../src/resp/args.ts'
import { NEED_MORE, PROTOCOL_ERROR, REQUEST, RequestDecoder } from '../../src/resp/decoder.ts'
import { type DecoderLimits, defaultLimits } from '../../src/resp/limits.ts'

/** What came of a stream: requests with one character per byte, and the error, if any. */
export interface Outcome {
  readonly requests: string[][]
  readonly error: string
}

export interface Setting {
  readonly limits?: Partial<DecoderLimits>
  readonly authenticated?: boolean
}

export function makeDecoder({ limits, authenticated = true }: Setting = {}): RequestDecoder {
  const decoder = new RequestDecoder({ ...defaultLimits(), ...limits })
  decoder.authenticated = authenticated
  return decoder
}

/** The stream's bytes; a string has one character per byte. */
export function bytesOf(stream: string | Buffer): Buffer {
  return typeof stream === 'string' ? Buffer.from(stream, 'latin1') : stream
}

export function requestOf(args: Args): string[] {
  return Array.from({ length: args.count }, (_, i) => args.latin1(i))
}

/** Pulls all that is complete; the second half of the outcome is the error. */
export function pull(decoder: RequestDecoder, args: Args, requests: string[][]): string {
  for (;;) {
    const step = decoder.next(args)
    if (step === NEED_MORE) return ''
    if (step === PROTOCOL_ERROR) return decoder.error
    if (step === REQUEST) requests.push(requestOf(args))
  }
}

/** Feeds the stream cut at `cuts` (ascending), pulling everything after each part. */
export function decode(
  stream: string | Buffer,
  cuts: readonly number[] = [],
  setting: Setting = {},
): Outcome {
  const bytes = bytesOf(stream)
  const decoder = makeDecoder(setting)
  const args = new Args()
  const requests: string[][] = []
  let error = ''
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    // Each part in memory of its own, overwritten after it is used up, as a socket's buffer may be.
    const part = Buffer.from(bytes.subarray(from, cut))
    decoder.feed(part)
    error = pull(decoder, args, requests)
    part.fill(0x58)
    from = cut
  }
  return { requests, error }
}

/** Every way of cutting `length` bytes that a vector is tried in: not at all, everywhere, and at each place. */
export function divisions(length: number): number[][] {
  const all = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  return [[], all, ...all.map((cut) => [cut])]
}

/** A request as clients send it. */
export function frame(args: readonly (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = bytesOf(arg)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts])
}
