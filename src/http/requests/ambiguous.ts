// Requests that a proxy in front of this node could read in another way: they are refused, and their connection closed.

import type { IncomingMessage } from 'node:http'
import type { Problem } from '../responses/problem.ts'

/** More would be dropped without a word, whatever they say. */
export const MAX_HEADERS = 100

/** Of these the first one would count here, and maybe the last one elsewhere. RFC 9112, section 3.2, forbids two hosts. */
const ONCE = ['Host', 'Authorization'] as const

/** Why a request is refused; `undefined`: all read it as this node does. */
export function ambiguityOf(request: IncomingMessage): Problem | undefined {
  const { httpVersion, rawHeaders, headers } = request
  // The parser knows 0.9 and 2.0, too.
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return refusal(505, `this node speaks HTTP/1.1, not HTTP/${httpVersion} on a connection of HTTP/1.1`)
  if (rawHeaders.length > 2 * MAX_HEADERS)
    return refusal(431, `the request has more than ${MAX_HEADERS} headers`)
  for (const name of ONCE)
    if (isRepeated(rawHeaders, name)) return refusal(400, `the request has the header ${name} twice`)
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked')
    return refusal(501, `the transfer coding ${JSON.stringify(coding)} is not supported, only chunked is`)
  return undefined
}

/** @param rawHeaders names and values in turn */
function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  const lower = name.toLowerCase()
  let isFound = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i]
    if (other.length !== name.length || (other !== name && other.toLowerCase() !== lower)) continue
    if (isFound) return true
    isFound = true
  }
  return false
}

function refusal(status: number, detail: string): Problem {
  return { status, type: 'bad-request', detail }
}
