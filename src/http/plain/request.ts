// Recognizes plain reads in the bytes of a connection: GET or HEAD of a value, in a request that has arrived as a whole.

import type { IncomingHttpHeaders } from 'node:http'
import { MAX_HEADERS } from '../requests/ambiguous.ts'

/*
 * Only unambiguous requests are recognized: no query, no body, no web origin, no header twice, and strictly by the
 * grammar of RFC 9112. All others, malformed ones included, are left to node:http: nothing is ever refused here.
 */

/** The target has neither a query nor a fragment. */
const REQUEST_LINE = /(GET|HEAD) \/cache\/([\w.-]+)\/([!-"$->@-~]*) HTTP\/1\.1\r\n/y

/** Blanks around the value are part of its match: matching them separately would take quadratic time. */
const HEADER_LINE = /([\w!#$%&'*+.^`|~-]+):([\t -~\x80-\xff]*)\r\n/y

const MALFORMED_ESCAPE = /%(?![\da-f]{2})/i

const END = '\r\n\r\n'

/** Limits of the request line and of the headers. Longer ones are left to node:http, which limits both together. */
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
   * The header lines of the last request, and the headers parsed from them: clients repeat them. Empty after lines with
   * credentials: the time of the comparison must not reveal them to another client behind the same proxy.
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
    // A copy: a slice would keep the whole text alive.
    const isSecret = this.#headers?.authorization !== undefined
    this.#lines = isSecret ? '' : Buffer.from(lines, 'latin1').toString('latin1')
    return end + END.length
  }
}

/** The headers of a plain read by their names in lower case; `undefined`: the request is not a plain read. */
function plainHeaders(lines: string): IncomingHttpHeaders | undefined {
  const headers: NodeJS.Dict<string> = Object.create(null)
  const end = lines.length - 2
  let count = 0
  for (let at = 0; at < end; at = HEADER_LINE.lastIndex) {
    if (++count > MAX_HEADERS) return undefined
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

/** Removes spaces and tabs; `trim` would remove more. */
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
