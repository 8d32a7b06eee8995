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

/** Counts the bytes of all bodies that are being received. */
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
   * Receives a body.
   * @param most the most bytes that it may have
   * @param begin called once it is sure that the body is wanted (`Expect: 100-continue`)
   * @throws RefusedError for one that is too large, before it is received if it says so; GoneError
   */
  async receive(request: IncomingMessage, most: number, begin: () => void): Promise<Buffer> {
    const declared = request.headers['content-length']
    const length = declared === undefined ? undefined : Number(declared)
    if (length !== undefined && length > most) throw tooLarge(length, most)
    if (length !== undefined && this.#bytes + length > this.#most) throw this.#busy()
    // What was declared is reserved: many uploads begin at the same time.
    let reserved = length ?? 0
    this.#bytes += reserved
    try {
      begin()
      const parts: Buffer[] = []
      let received = 0
      for await (const part of request as AsyncIterable<Buffer>) {
        received += part.length
        if (received > most) throw tooLarge(received, most)
        if (received > reserved) {
          this.#bytes += received - reserved
          reserved = received
          if (this.#bytes > this.#most) throw this.#busy()
        }
        parts.push(part)
      }
      if (!request.complete) throw new GoneError('the request is not complete')
      return parts.length === 1 ? parts[0] : Buffer.concat(parts, received)
    } catch (error) {
      throw error instanceof RefusedError ? error : new GoneError('the request is not complete')
    } finally {
      this.#bytes -= reserved
    }
  }

  #busy(): RefusedError {
    const detail = `bodies of ${this.#bytes} bytes are being received, the most is ${this.#most} (http.maxUploads)`
    return new RefusedError({ status: 503, type: 'overloaded', detail, retryAfter: 1 })
  }
}

function tooLarge(bytes: number, most: number): RefusedError {
  const detail = `the body has ${bytes} bytes or more, the most is ${most}`
  return new RefusedError({ status: 413, type: 'too-large', detail })
}
