// A problem as the whole response of a request that is not served, and whose body is not read.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { PAGE_POLICY, PAGE_TYPE, problemPage, wantsPage } from '../dashboard/problem-page.ts'
import { CHALLENGE } from '../requests/credentials.ts'
import { PROBLEM_JSON, type Problem, problemBody } from './problem.ts'
import { addProblem, type Headers, SAFETY } from './responder.ts'

/** How much of an unwanted body is received, and for how long. */
const LINGER_BYTES = 2 ** 20
const LINGER_MS = 2000

export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  headers: Headers,
  cors: Headers | undefined,
): void {
  const isPage = wantsPage(request)
  const body = isPage ? problemPage(problem) : problemBody(problem)
  addProblem(headers, problem, isPage ? PAGE_TYPE : PROBLEM_JSON)
  if (isPage) headers.push('Content-Security-Policy', PAGE_POLICY, 'X-Frame-Options', 'DENY')
  headers.push(...SAFETY, 'Content-Length', Buffer.byteLength(body))
  if (problem.status === 401) headers.push('WWW-Authenticate', CHALLENGE)
  if (cors !== undefined) headers.push(...cors)
  if (hasUnreadBody(request)) {
    headers.push('Connection', 'close')
    response.writeHead(problem.status, headers)
    response.write(body)
    endAfterBody(request, response)
    return
  }
  response.writeHead(problem.status, headers)
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Whether a request has a body that was not read; it would have to be read before the next request. */
function hasUnreadBody(request: IncomingMessage): boolean {
  if (request.complete) return false
  return request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
}

/**
 * Ends a connection whose request has an unwanted body. A part of it is received: a socket that is closed with
 * unread input is reset, and the client may lose the response.
 */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.once('end', end).once('close', end)
  request.on('data', (part: Buffer) => {
    bytes += part.length
    if (bytes > LINGER_BYTES) end()
  })
}
