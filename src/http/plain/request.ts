// Recognizes plain reads in the bytes of a connection: GET or HEAD of a value, in a request that has arrived as a whole.

import type { IncomingHttpHeaders } from 'node:http'

/*
 * Only unambiguous requests are recognized: no query, no body, no web origin, no header twice, and each of its bytes is
 * where RFC 9112 wants it. Whatever is not, malformed requests included, is for node:http: nothing is ever refused here.
 */

/** The target has neither a query nor a fragment. */
const REQUEST_LINE = /(GET|HEAD) \/cache\/([\w.-]+)\/([!-"$->@-~]*) HTTP\/1\.1\r\n/y

/** Blanks around the value are part of its match: to match them apart would take a time that is quadratic in their number. */
const HEADER_LINE = /([\w!#$%&'*+.^`|~-]+):([\t -~\x80-\xff]*)\r\n/y

const MALFORMED_ESCAPE = /%(?![\da-f]{2})/i

const END = '\r\n\r\n'

/** More, of the request line or of the headers, are left to node:http, which has a limit of both together. */
const MAX_CHARACTERS = 8192

/** A body, another protocol, or a response that depends on the page that asks. */
const NOT_PLAIN: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'origin',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export interface PlainRequest {
  readonly method: string
  /** As written: percent-encoded. */
  readonly group: string
  readonly key: string
  readonly headers: IncomingHttpHeaders
  /** Where the next request begins. */
  readonly end: number
}

export class PlainRequestReader {
  /**
   * The header lines of the last request, and what they say: a client repeats them. Empty after lines with credentials:
   * the time of a comparison must tell nothing about them to another client behind the same proxy.
   */
  #lines = ''
  #headers: IncomingHttpHeaders | undefined

  /** The request that begins at `from`, in text with one character per byte; `undefined`: it is no plain read. */
  read(text: string, from: number): PlainRequest | undefined {
    REQUEST_LINE.lastIndex = from
    const line = REQUEST_LINE.exec(text)
    if (line === null) return undefined
    const begin = REQUEST_LINE.lastIndex
    if (begin - from > MAX_CHARACTERS) return undefined
    const end = this.#endOfHeaders(text, begin)
    if (end < 0 || this.#headers === undefined) return undefined
    const [, method, group, key] = line
    if (MALFORMED_ESCAPE.test(key)) return undefined
    return { method, group, key, headers: this.#headers, end }
  }

  /** Sets the headers. Returns where they end; -1: not in this text, or too late. */
  #endOfHeaders(text: string, begin: number): number {
    const known = this.#lines
    if (known !== '' && text.startsWith(known, begin)) return begin + known.length
    const end = text.indexOf(END, begin)
    if (end < 0 || end - begin > MAX_CHARACTERS) return -1
    const lines = text.slice(begin, end + END.length)
    this.#headers = plainHeaders(lines)
    // A copy: a slice would keep all of the text.
    const isSecret = this.#headers?.authorization !== undefined
    this.#lines = isSecret ? '' : Buffer.from(lines, 'latin1').toString('latin1')
    return end + END.length
  }
}

/** The headers of a plain read by their names in lower case; `undefined`: the request is not a plain read. */
function plainHeaders(lines: string): IncomingHttpHeaders | undefined {
  const headers: NodeJS.Dict<string> = Object.create(null)
  const end = lines.length - 2
  for (let at = 0; at < end; at = HEADER_LINE.lastIndex) {
    HEADER_LINE.lastIndex = at
    const line = HEADER_LINE.exec(lines)
    if (line === null) return undefined
    const name = line[1].toLowerCase()
    if (NOT_PLAIN.has(name) || name in headers) return undefined
    headers[name] = withoutBlanks(line[2])
  }
  const { host, connection = KEEP_ALIVE } = headers
  return host === undefined || connection.toLowerCase() !== KEEP_ALIVE ? undefined : headers
}

const KEEP_ALIVE = 'keep-alive'

/** Not `trim`, which removes more than spaces and tabs. */
function withoutBlanks(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
