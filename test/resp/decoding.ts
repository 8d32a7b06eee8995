// Runs a decoder over a stream with given splits, and collects its results.

import { Args } from '../../src/resp/args.ts'
import { NEED_MORE, PROTOCOL_ERROR, REQUEST, RequestDecoder } from '../../src/resp/decoder.ts'
import { type DecoderLimits, defaultLimits } from '../../src/resp/limits.ts'

/** The result of a stream: requests with one character per byte, and the error, if any. */
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

/** Pulls all complete requests. The second part of the result is the error. */
export function pull(decoder: RequestDecoder, args: Args, requests: string[][]): string {
  for (;;) {
    const step = decoder.next(args)
    if (step === NEED_MORE) return ''
    if (step === PROTOCOL_ERROR) return decoder.error
    if (step === REQUEST) requests.push(requestOf(args))
  }
}

/** Feeds the stream split at `cuts` (ascending), and pulls all complete requests after each part. */
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
    // Each part in its own memory, overwritten after use, as the buffer of a socket may be.
    const part = Buffer.from(bytes.subarray(from, cut))
    decoder.feed(part)
    error = pull(decoder, args, requests)
    part.fill(0x58)
    from = cut
  }
  return { requests, error }
}

/** The splits of `length` bytes that a vector is tested with: none, at every byte, and at each single position. */
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
