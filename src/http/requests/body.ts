// Bodies of requests: received as a whole, within limits.

import type { IncomingMessage } from 'node:http'
import type { Problem } from '../responses/problem.ts'

/** A request that is answered with a problem. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** The client has closed its connection before its request was complete. */
export class GoneError extends Error {
  override readonly name = 'GoneError'
}

/** Counts the bytes of all bodies that are being received or used. */
export class Uploads {
  readonly #most: number
  #bytes = 0

  constructor(most: number) {
    this.#most = most
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Receives a body, and counts it until it was used: a write may wait for its origin for long.
   * @param most the most bytes that it may have
   * @param begin called once it is sure that the body is wanted (`Expect: 100-continue`)
   * @throws RefusedError for one that is coded, or too large, before it is received if it says so; GoneError
   */
  async receive<Result>(
    request: IncomingMessage,
    most: number,
    begin: () => void,
    use: (body: Buffer) => Result | Promise<Result>,
  ): Promise<Result> {
    const coding = request.headers['content-encoding']
    if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') throw coded(coding)
    const declared = request.headers['content-length']
    if (declared === undefined && request.httpVersion === '1.0') throw lengthRequired()
    const length = declared === undefined ? undefined : Number(declared)
    if (length !== undefined && length > most) throw tooLarge(length, most)
    if (length !== undefined && this.#bytes + length > this.#most) throw this.#busy()
    // What was declared is reserved: many uploads begin at the same time.
    const upload = { reserved: length ?? 0 }
    this.#bytes += upload.reserved
    try {
      begin()
      return await use(await this.#receiveAll(request, most, upload))
    } finally {
      this.#bytes -= upload.reserved
    }
  }

  async #receiveAll(request: IncomingMessage, most: number, upload: { reserved: number }): Promise<Buffer> {
    try {
      const parts: Buffer[] = []
      let received = 0
      for await (const part of request as AsyncIterable<Buffer>) {
        received += part.length
        if (received > most) throw tooLarge(received, most)
        if (received > upload.reserved) {
          this.#bytes += received - upload.reserved
          upload.reserved = received
          if (this.#bytes > this.#most) throw this.#busy()
        }
        parts.push(part)
      }
      if (!request.complete) throw new GoneError('the request is not complete')
      return parts.length === 1 ? parts[0] : Buffer.concat(parts, received)
    } catch (error) {
      throw error instanceof RefusedError ? error : new GoneError('the request is not complete')
    }
  }

  #busy(): RefusedError {
    const detail = `bodies of ${this.#bytes} bytes are being received or written, the most is ${this.#most} (http.maxUploads)`
    return new RefusedError({ status: 503, type: 'overloaded', detail, retryAfter: 1 })
  }
}

/** Bodies are not decoded; and a value would be served without the coding. */
function coded(coding: string): RefusedError {
  const detail = `got Content-Encoding: ${coding.slice(0, 80)}; send the body without a coding`
  return new RefusedError({ status: 415, type: 'unsupported-media-type', detail })
}

/** RFC 1945, section 7.2.2: the body is taken for an empty one otherwise. */
function lengthRequired(): RefusedError {
  const detail = 'a request of HTTP/1.0 with a body needs Content-Length'
  return new RefusedError({ status: 411, type: 'bad-request', detail })
}

function tooLarge(bytes: number, most: number): RefusedError {
  const detail = `the body has ${bytes} bytes or more, the most is ${most}`
  return new RefusedError({ status: 413, type: 'too-large', detail })
}
