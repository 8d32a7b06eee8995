// One request and its response, for the handlers of routes.

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { parseReplies, type Reply, wholeReply } from '../cluster/links/request.ts'
import type { Group } from '../group/group.ts'
import type { Caller, Demand, Services } from './ports.ts'
import type { Read } from './read.ts'
import { RefusedError, type Uploads } from './requests/body.ts'
import { decodeBytes, decodeText, rawParameter, type Target } from './requests/target.ts'
import { type Problem, problemOf, quote } from './responses/problem.ts'
import { type Headers, MAX_JOINED, Responder, SAFETY } from './responses/responder.ts'

const JSON_TYPE = 'application/json'

export class Exchange extends Responder implements Read {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  readonly services: Services
  readonly caller: Caller
  readonly #names: readonly string[]
  readonly #values: readonly string[]
  readonly #uploads: Uploads
  /** For responses to pages of other web origins. */
  readonly #cors: Headers | undefined
  readonly #failed: (error: unknown) => void
  readonly #written: () => void
  #query: URLSearchParams | undefined
  #group: Group | undefined
  #key: Buffer | undefined

  constructor(parts: ExchangeParts) {
    super()
    this.request = parts.request
    this.response = parts.response
    this.target = parts.target
    this.services = parts.services
    this.caller = parts.caller
    this.#names = parts.names
    this.#values = parts.values
    this.#uploads = parts.uploads
    this.#cors = parts.cors
    this.#failed = parts.failed
    this.#written = parts.written
  }

  /** @throws BadRequestError */
  text(name: string): string {
    return decodeText(this.#valueOf(name))
  }

  /** A path parameter as bytes. @throws BadRequestError */
  bytes(name: string): Buffer {
    return decodeBytes(this.#valueOf(name))
  }

  /** The key that the path names, or if that is empty, the query. @throws BadRequestError */
  get key(): Buffer {
    this.#key ??= decodeBytes(this.#valueOf('key') || rawParameter(this.target.query, 'key'))
    return this.#key
  }

  /** The group that the path names. @throws RefusedError */
  get group(): Group {
    this.#group ??= groupNamed(this.services, this.text('group'))
    return this.#group
  }

  get method(): string | undefined {
    return this.request.method
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  get isGone(): boolean {
    return this.response.destroyed
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.target.query)
    return this.#query
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** Whether the user may do more than the route stands for, such as each of several keys. */
  allows(demand: Demand): boolean {
    return this.services.gate.allows(this.caller.user, demand, this.caller.address)
  }

  /** Whether the user could do something that the request does not ask for: a refusal is not logged. */
  wouldAllow(demand: Demand): boolean {
    return this.services.gate.wouldAllow(this.caller.user, demand)
  }

  /** Receives the whole body, and passes it to `use`. @throws RefusedError, GoneError */
  body<Result>(most: number, use: (body: Buffer) => Result | Promise<Result>): Promise<Result> {
    const begin = (): void => {
      // RFC 9110, section 10.1.1: clients of HTTP/1.0 do not know interim responses.
      if (this.request.headers.expect !== undefined && this.request.httpVersion !== '1.0')
        this.response.writeContinue()
    }
    return this.#uploads.receive(this.request, most, begin, use)
  }

  /**
   * Runs a command and parses its reply.
   * @throws RefusedError for an error reply
   */
  async ask(group: Group, ...args: (string | Buffer)[]): Promise<Exclude<Reply, Error>> {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      this.services.commands.run(this.caller, group, args, {
        replied: (first, rest) => resolve(wholeReply(first, rest)),
        closed: () => reject(new RefusedError(CLOSING)),
      })
    })
    const [reply] = parseReplies(bytes)
    if (reply instanceof Error) throw new RefusedError(problemOf(reply.message))
    return reply
  }

  /** Begins a response whose body is written in parts. */
  begin(status: number, headers: Headers): void {
    headers.push(...SAFETY)
    this.#writeHead(status, headers)
  }

  json(status: number, value: unknown, headers: Headers = []): void {
    this.send(status, [...headers, 'Content-Type', JSON_TYPE, 'Cache-Control', 'no-store'], jsonText(value))
  }

  text200(type: string, text: string): void {
    this.send(200, ['Content-Type', type, 'Cache-Control', 'no-store'], text)
  }

  /** Answers an exception of a handler that continues after it has returned. */
  fail(error: unknown): void {
    this.#failed(error)
  }

  protected override write(status: number, headers: Headers, body: Buffer | string | undefined): void {
    const { response, request } = this
    this.#writeHead(status, headers)
    if (body === undefined || request.method === 'HEAD') response.end()
    // Node.js joins a string with the headers.
    else if (typeof body !== 'string' && body.length <= MAX_JOINED)
      response.end(body.toString('latin1'), 'latin1')
    else response.end(body)
    this.#written()
  }

  #writeHead(status: number, headers: Headers): void {
    if (this.#cors !== undefined) headers.push(...this.#cors)
    this.response.writeHead(status, headers)
  }

  #valueOf(name: string): string {
    return this.#values[this.#names.indexOf(name)]
  }
}

export interface ExchangeParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  /** The names of the path parameters, and their raw values. */
  readonly names: readonly string[]
  readonly values: readonly string[]
  readonly services: Services
  readonly caller: Caller
  readonly uploads: Uploads
  readonly cors: Headers | undefined
  /** Answers a request that has failed. */
  readonly failed: (error: unknown) => void
  /** Is called when a whole response was written. */
  readonly written: () => void
}

export const CLOSING: Problem = {
  status: 503,
  type: 'closing',
  detail: 'the node is closing: ask another one',
  retryAfter: 1,
}

/** @throws RefusedError if there is none */
function groupNamed({ host }: Services, name: string): Group {
  const group = host.groups.find((each) => each.name === name)
  if (group !== undefined) return group
  const known = host.groups.map((each) => each.name).join(', ')
  const detail = `there is no group ${quote(name)}, known are ${known}`
  throw new RefusedError({ status: 404, type: 'unknown-group', detail })
}

/** JSON with a line end, to be readable in a terminal. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
