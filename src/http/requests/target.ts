// The target of a request: its path and query as they arrived. Nothing is normalized: `..` and `//` are bytes of keys.

import { RefusedError } from './body.ts'

/** A problem with a request, which the client can correct. */
export class BadRequestError extends RefusedError {
  constructor(detail: string) {
    super({ status: 400, type: 'bad-request', detail })
  }
}

export interface Target {
  /** The raw path, one character per byte. */
  readonly path: string
  /** What follows `?`, raw; '' if nothing does. */
  readonly query: string
  /** Of a target in absolute form, which a proxy sends: it replaces the header `Host` (RFC 9112, section 3.2.2). */
  readonly authority: string | undefined
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)/i

export function readTarget(url: string): Target {
  let authority: string | undefined
  let rest = url
  if (url.charCodeAt(0) !== SLASH) {
    const absolute = ABSOLUTE.exec(url)
    if (absolute === null) {
      // `OPTIONS *` asks about the server.
      if (url === '*') return { path: '*', query: '', authority }
      throw new BadRequestError('the target of the request is not a path')
    }
    authority = absolute[1]
    rest = url.slice(absolute[0].length)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  const mark = rest.indexOf('?')
  return mark < 0
    ? { path: rest, query: '', authority }
    : { path: rest.slice(0, mark), query: rest.slice(mark + 1), authority }
}

/** The value of a parameter as it arrived; '': there is none. */
export function rawParameter(query: string, name: string): string {
  const part = query.split('&').find((each) => each.startsWith(`${name}=`))
  return part?.slice(name.length + 1) ?? ''
}

const SLASH = 0x2f
const PERCENT = 0x25

/**
 * The bytes of a part of a path: `%2F` is a slash, as a slash is.
 * @throws BadRequestError for a `%` without two hexadecimal digits
 */
export function decodeBytes(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text, 'latin1')
  const { length } = text
  let at = 0
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code !== PERCENT) {
      bytes[at++] = code
      continue
    }
    const high = hexDigit(text.charCodeAt(i + 1))
    const low = hexDigit(text.charCodeAt(i + 2))
    if (high < 0 || low < 0)
      throw new BadRequestError(
        `a % in the path must be followed by two hexadecimal digits: write %25 for it`,
      )
    bytes[at++] = high * 16 + low
    i += 2
  }
  return at === length ? bytes : bytes.subarray(0, at)
}

const PLAIN = /^[\w.-]*$/

/**
 * Text of a part of a path.
 * @throws BadRequestError also for bytes that are not UTF-8
 */
export function decodeText(text: string): string {
  if (PLAIN.test(text)) return text
  const bytes = decodeBytes(text)
  const decoded = bytes.toString('utf8')
  if (decoded.includes('\uFFFD') && !Buffer.from(decoded).equals(bytes))
    throw new BadRequestError('the path has bytes that are not UTF-8 in a name')
  return decoded
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
