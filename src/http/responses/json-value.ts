// Values as JSON: a hash is an object, a list and a set are arrays, a sorted set is an array of pairs of member and score,
// a stream is an array of pairs of ID and fields.

import type { Reply } from '../../cluster/links/request.ts'
import { RefusedError } from '../requests/body.ts'
import type { Fetched } from './fetched.ts'

/** How bytes become JSON strings. */
export type TextEncoding = 'utf8' | 'base64'

/** A value has bytes that are not UTF-8, so that a JSON string would lose some. */
class NotTextError extends RefusedError {
  constructor() {
    const detail = 'the value has bytes that are not UTF-8: ask with ?encoding=base64'
    super({ status: 406, type: 'not-text', detail })
  }
}

const REPLACEMENT = '\uFFFD'

/** @throws NotTextError */
export function jsonOf({ type, value }: Fetched, encoding: TextEncoding): string {
  if (value === undefined) return 'null'
  if (Buffer.isBuffer(value)) return text(value, encoding)
  switch (type) {
    case 'hash':
      return object(value, encoding)
    case 'zset':
      return pairs(value, encoding)
    case 'stream':
      return `[${value.map((entry) => streamEntry(entry, encoding)).join(',')}]`
    default:
      return `[${value.map((element) => text(element, encoding)).join(',')}]`
  }
}

function text(bytes: Reply, encoding: TextEncoding): string {
  const buffer = bytes as Buffer
  if (encoding === 'base64') return `"${buffer.toString('base64')}"`
  const decoded = buffer.toString('utf8')
  // Only bytes that are U+FFFD themselves may become it.
  if (decoded.includes(REPLACEMENT) && !Buffer.from(decoded).equals(buffer)) throw new NotTextError()
  return JSON.stringify(decoded)
}

function object(values: readonly Reply[], encoding: TextEncoding): string {
  const members: string[] = []
  for (let i = 0; i + 1 < values.length; i += 2)
    members.push(`${text(values[i], encoding)}:${text(values[i + 1], encoding)}`)
  return `{${members.join(',')}}`
}

function pairs(values: readonly Reply[], encoding: TextEncoding): string {
  const all: string[] = []
  for (let i = 0; i + 1 < values.length; i += 2)
    all.push(`[${text(values[i], encoding)},${score(values[i + 1] as Buffer)}]`)
  return `[${all.join(',')}]`
}

/** JSON has no infinity: it is text. */
function score(bytes: Buffer): string {
  const written = bytes.toString('latin1')
  return /inf/.test(written) ? `"${written}"` : written
}

function streamEntry(entry: Reply, encoding: TextEncoding): string {
  const [id, fields] = entry as [Buffer, Reply[]]
  return `[${JSON.stringify(id.toString('latin1'))},${pairsOfText(fields, encoding)}]`
}

/** The fields of an entry: names may be repeated. */
function pairsOfText(fields: readonly Reply[], encoding: TextEncoding): string {
  const all: string[] = []
  for (let i = 0; i + 1 < fields.length; i += 2)
    all.push(`[${text(fields[i], encoding)},${text(fields[i + 1], encoding)}]`)
  return `[${all.join(',')}]`
}
