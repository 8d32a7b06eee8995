// The base of responses, however they are sent: the headers that all of them have.

import { PROBLEM_JSON, type Problem, problemBody } from './problem.ts'

/** Names and values in turn, as `writeHead` takes them: faster than an object. */
export type Headers = (string | number)[]

/** Headers as lines. Only for values that the node itself makes: they contain no line ends. */
export function headerLines(headers: Headers): string {
  let lines = ''
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`
  return lines
}

/** Headers of every response: browsers do not guess the type of a value, and pages of other origins do not embed it. */
export const SAFETY = [
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
] as const

/** Smaller bodies are joined with their headers to one string: one write, which is faster. */
export const MAX_JOINED = 2048

export abstract class Responder {
  /** Sends a response with a body, or without one. */
  send(status: number, headers: Headers, body?: Buffer | string): void {
    headers.push(...SAFETY)
    if (body !== undefined)
      headers.push('Content-Length', typeof body === 'string' ? Buffer.byteLength(body) : body.length)
    else if (status !== 304 && status !== 204) headers.push('Content-Length', 0)
    this.write(status, headers, body)
  }

  problem(problem: Problem, headers: Headers = []): void {
    addProblem(headers, problem)
    this.send(problem.status, headers, problemBody(problem))
  }

  /** Sends a whole response. Without the body if the request was HEAD. */
  protected abstract write(status: number, headers: Headers, body: Buffer | string | undefined): void
}

/** The headers of a problem. Those of an entry may say how long it lasts. */
export function addProblem(headers: Headers, { retryAfter }: Problem, type = PROBLEM_JSON): void {
  if (retryAfter !== undefined) headers.push('Retry-After', retryAfter)
  if (!headers.includes('Cache-Control')) headers.push('Cache-Control', 'no-store')
  headers.push('Content-Type', type)
}
