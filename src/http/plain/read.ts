// A running plain read. Its response is one string if possible, without the objects of node:http.

import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Group } from '../../group/group.ts'
import type { Caller, Services } from '../ports.ts'
import type { Read } from '../read.ts'
import { RefusedError } from '../requests/body.ts'
import { INTERNAL_ERROR } from '../responses/problem.ts'
import { type Headers, headerLines, Responder } from '../responses/responder.ts'
import type { Place } from './connection.ts'
import type { PlainRequest } from './request.ts'

const NO_QUERY = { query: '' } as const

const OK = 'HTTP/1.1 200 OK\r\n'

export class PlainRead extends Responder implements Read {
  readonly target = NO_QUERY
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly services: Services
  readonly caller: Caller
  readonly group: Group
  readonly key: Buffer
  readonly #place: Place

  /** @param place where the response goes */
  constructor(
    services: Services,
    caller: Caller,
    group: Group,
    key: Buffer,
    { method, headers }: PlainRequest,
    place: Place,
  ) {
    super()
    this.services = services
    this.caller = caller
    this.group = group
    this.key = key
    this.method = method
    this.headers = headers
    this.#place = place
  }

  get isGone(): boolean {
    return this.#place.isGone
  }

  fail(error: unknown): void {
    if (error instanceof RefusedError) this.problem(error.problem)
    else {
      this.services.log.error({ err: error, group: this.group.name }, 'an HTTP request failed')
      this.problem(INTERNAL_ERROR)
    }
  }

  protected override write(status: number, headers: Headers, body: Buffer | string | undefined): void {
    const line = status === 200 ? OK : `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
    this.#place.fill(status, line + headerLines(headers), this.method === 'HEAD' ? undefined : body)
  }
}
