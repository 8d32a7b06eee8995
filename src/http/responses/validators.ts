// Validators and ranges: `ETag`, `If-None-Match`, `Range` (RFC 9110, sections 8.8, 13 and 14).

import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { hashBytes } from '../../bytes/hash.ts'

/*
 * A validator is a hash of the body, though that takes 0.6 ms of CPU time per MB, about two copies of it. The version of
 * an entry would cost nothing, but be another one after each load: a client would have to fetch again what has not
 * changed, which is what a validator is for. A hash that is kept beside the entry costs memory for values that nobody asks
 * for over HTTP. SHA-1 is the fastest hash of node:crypto (SHA-256 takes 10 % longer, MD5 and BLAKE2 twice as long);
 * CRC-32 takes a third of it, but would take one of 2^32 changes for none.
 */

/** The validator of a body: the same on every node. */
export function entityTag(body: Buffer): string {
  const { length } = body
  if (length > MAX_SHORT) return `"${hash('sha1', body, 'base64')}"`
  // 64 bits: enough to tell the versions of one value apart, and faster for a short one.
  const low = hashBytes(body, 0, length, SEED, length) >>> 0
  const high = hashBytes(body, 0, length, length, SEED) >>> 0
  return `"${high.toString(36)}-${low.toString(36)}"`
}

const MAX_SHORT = 256
/** A fixed seed: all nodes compute the same tag. */
const SEED = 0x65746167

/** Whether a client that sent these headers has the body already. */
export function isNotModified(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  if (header === tag || header === '*') return true
  return header.split(',').some((each) => each.trim().replace(/^W\//, '') === tag)
}

/** Whether a condition `If-Match` names the body. Weak validators never do (RFC 9110, section 13.1.1). */
export function isMatched(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some((each) => each.trim() === tag)
}

/** The first and the last byte. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** Units are case-insensitive (RFC 9110, section 14.1). */
const ONE_RANGE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i

/**
 * The range of a body that a client asks for. `undefined`: all of it, also for what a server may ignore: other units,
 * several ranges, a range of another version. `none`: the body has no such bytes.
 */
export function rangeOf(
  headers: IncomingHttpHeaders,
  length: number,
  tag: string,
): ByteRange | undefined | 'none' {
  const { range } = headers
  if (range === undefined) return undefined
  const condition = headers['if-range']
  if (condition !== undefined && condition !== tag) return undefined
  const [, from, to, suffix] = ONE_RANGE.exec(range.replaceAll(' ', '')) ?? []
  if (suffix !== undefined) {
    const count = Math.min(Number(suffix), length)
    return count === 0 ? 'none' : { first: length - count, last: length - 1 }
  }
  if (from === undefined) return undefined
  const first = Number(from)
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (to !== '' && Number(to) < first) return undefined
  return first >= length ? 'none' : { first, last }
}
