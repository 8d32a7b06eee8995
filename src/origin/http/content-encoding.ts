// The body of a response: read within its size limit, and decoded (RFC 9110 §8.4).

import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { BadRequest } from '../../group/origin.ts'
import type { Response } from './client.ts'

type Decode = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>

/** Since Node.js 22.15. */
const { zstdDecompress } = zlib as unknown as { zstdDecompress?: typeof zlib.gunzip }

const gunzip: Decode = promisify(zlib.gunzip)

const unbrotli = promisify(zlib.brotliDecompress) as Decode

const DECODERS = new Map<string, Decode>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['gz', gunzip],
  ['deflate', inflate],
  ['x-deflate', inflate],
  ['zlib', inflate],
  ['br', unbrotli],
  ['x-br', unbrotli],
  ['brotli', unbrotli],
])
if (zstdDecompress !== undefined) DECODERS.set('zstd', promisify(zstdDecompress) as Decode)

/** Servers put other things into Content-Encoding by mistake: charsets, transfer codings, the words for none. */
const MISTAKE =
  /^(?:charset=.*|utf-?(?:8|16|32)\w*|unicode|ansi|iso-?8859[-_]\d+|cp\d+|x-identity|no|none|null|undefined|false|true|off|on|0|1|-|\*|default|auto|raw|plain|text|html|json|xml|octet-stream|binary|base|[78]bit|chunked|aws-chunked|keep-alive|[a-z]{2}-[a-z]{2}|[\w.+-]+\/[\w.+-]+)$/

/** More codings on top of each other are refused: each costs the time and the memory of decoding. */
const MAX_CODINGS = 4

/** The codings of a response in the order in which they were applied; without those that change nothing. */
function codingsOf({ headers }: Pick<Response, 'headers'>): string[] {
  const value = headers['content-encoding']
  const list = Array.isArray(value) ? value.join() : (value ?? '')
  return (
    list
      .split(',')
      // Some servers add parameters or quotes, which codings do not have.
      .map((coding) => coding.split(';', 1)[0].replaceAll('"', '').trim().toLowerCase())
      .filter((coding) => coding !== '' && coding !== 'identity')
  )
}

/**
 * The decoded body, of at most `maxBytes`, also while it is decoded.
 * @param warn called with what is in Content-Encoding but is no coding; it is ignored
 * @throws BadRequest for a coding that is unknown, or for a body that is too large
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  warn: (mistake: string) => void,
): Promise<Buffer> {
  const codings = codingsOf(response)
  const decoders: Decode[] = []
  for (const coding of codings) {
    const decoder = DECODERS.get(coding)
    if (decoder !== undefined) decoders.unshift(decoder)
    else if (MISTAKE.test(coding) || isCharset(coding)) warn(coding)
    else {
      await response.body.dump()
      throw new BadRequest(`answered with the content coding ${show(coding)}, which cannot be decoded`)
    }
  }
  if (decoders.length > MAX_CODINGS) {
    await response.body.dump()
    throw new BadRequest(
      `answered with ${decoders.length} content codings, at most ${MAX_CODINGS} are decoded`,
    )
  }
  let body = await collect(response, maxBytes)
  for (const decode of decoders) {
    // No bytes are the coding of no bytes: servers say gzip of an empty body.
    if (body.length === 0) break
    try {
      body = await decode(body, { maxOutputLength: maxBytes })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
      throw new Error(`answered what is not ${codings.join(', ')}: ${(error as Error).message}`)
    }
  }
  return body
}

export function tooLarge(maxBytes: number): BadRequest {
  return new BadRequest(`answered more than ${maxBytes} bytes`)
}

/**
 * The bytes of the body, in a buffer that grows: chunks are not kept, since each is a part of what was read with it, and
 * a server may send single bytes.
 */
async function collect({ body, headers }: Response, maxBytes: number): Promise<Buffer> {
  const { 'content-length': length } = headers
  const announced = typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : 0
  if (announced > maxBytes) {
    body.destroy()
    throw tooLarge(maxBytes)
  }
  let bytes = Buffer.allocUnsafeSlow(0)
  let size = 0
  // undici refuses more than the announced length, and more than `maxBytes`.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (size + chunk.length > bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(announced, size + chunk.length, 2 * size))
      bytes.copy(grown, 0, 0, size)
      bytes = grown
    }
    chunk.copy(bytes, size)
    size += chunk.length
  }
  return bytes.subarray(0, size)
}

/** Some servers send raw deflate data, without the header of zlib. */
async function inflate(bytes: Buffer, options: { readonly maxOutputLength: number }): Promise<Buffer> {
  const isWrapped = (bytes[0] & 0x0f) === 8 && bytes.length > 1 && bytes.readUInt16BE(0) % 31 === 0
  return promisify(isWrapped ? zlib.inflate : zlib.inflateRaw)(bytes, options)
}

/** Whether it is a label of the Encoding Standard. */
function isCharset(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== ''
  } catch {
    return false
  }
}

/** A coding in an error: not too long. */
function show(coding: string): string {
  return JSON.stringify(coding.length > 40 ? `${coding.slice(0, 40)}…` : coding)
}
