// The embedding program as an adapter: its requests take the same path as those of network clients.

import type { Link, Receiver } from '../cluster/links/link.ts'
import { encodeRequest, parseReplies, type Reply } from '../cluster/links/request.ts'
import { type Client, ClientState, type PendingReply } from '../commands/spec/client.ts'
import { type Executor, STALLED } from '../execution/executor.ts'
import { readRequest } from '../execution/routing/request.ts'
import type { Group } from '../group/group.ts'
import { OriginError } from '../group/policy.ts'
import type { Args } from '../resp/args.ts'
import type { ReplyWriter } from '../resp/reply.ts'
import { type EventLoopBatch, IDLE, type Served, type ServeResult } from './event-loop-batch.ts'

/** The owner of a key did not answer, and no other node could; the message says why. */
export class PeerDownError extends Error {
  override readonly name = 'PeerDownError'
}

export interface ProgramServices {
  readonly executor: Executor
  readonly reply: ReplyWriter
  readonly batch: EventLoopBatch
  readonly now: () => number
}

export class Program {
  readonly #services: ProgramServices
  /** Requests that have no reply yet. */
  readonly #pending = new Set<Request>()
  #isClosed = false
  #emptied = (): void => {}

  constructor(services: ProgramServices) {
    this.#services = services
  }

  /**
   * Runs a command on a group, on whichever node owns its key. Each request is a client of its own, so that a request
   * that waits for a load never blocks another one, not even a write of the same key.
   *
   * @throws OriginError, PeerDownError; RangeError for arguments that the command rejects
   */
  async ask(group: Group, ...args: (string | Buffer)[]): Promise<Exclude<Reply, Error>> {
    if (this.#isClosed) throw new Error(CLOSED)
    const request = new Request(this.#services, group, readRequest(encodeRequest(args)))
    this.#pending.add(request)
    request.resume()
    const bytes = await request.reply.finally(() => {
      this.#pending.delete(request)
      if (this.#pending.size === 0) this.#emptied()
    })
    const [reply] = parseReplies(bytes)
    if (reply instanceof Error) throw errorOf(reply.message)
    return reply
  }

  /** Continues with requests that had to wait. */
  resume(): void {
    for (const request of this.#pending) request.resume()
  }

  /** Rejects new requests. Resolves when all outstanding ones are answered. */
  close(): Promise<void> {
    this.#isClosed = true
    if (this.#pending.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#emptied = resolve
    })
  }

  /** Rejects the outstanding requests. */
  abandon(): void {
    for (const request of this.#pending) request.abandon()
  }
}

export const CLOSED = 'the node is closed: create a new one (createNode)'

class Request extends ClientState implements Client, Served {
  isDue = false
  authenticated = true
  readonly closing = false
  readonly peer = undefined
  readonly isPeer = false
  readonly isProgram = true
  readonly awaitsReplies = false
  readonly queryBufferBytes = 0
  readonly outputBufferBytes = 0
  readonly #services: ProgramServices
  readonly #args: Args
  /** Rejects when it is abandoned. */
  readonly reply: Promise<Buffer>
  #resolve = (_reply: Buffer): void => {}
  #reject = (_error: Error): void => {}
  /** Whether it was executed or abandoned: it must not run (again). */
  #isServed = false
  #isAbandoned = false

  constructor(services: ProgramServices, group: Group, args: Args) {
    super(0, group, services.now(), 'program', 'program')
    this.#services = services
    this.#args = args
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Its reply is awaited until it is abandoned. */
  get isGone(): boolean {
    return this.#isAbandoned
  }

  get store(): undefined {
    return undefined
  }

  resume(): void {
    if (!this.#isServed) this.#services.batch.add(this)
  }

  decode(_batch: readonly Args[], from: number): number {
    return from
  }

  serve(): ServeResult {
    if (this.#isServed) return IDLE
    const { executor, reply } = this.#services
    if (executor.execute(this, this.#args) === STALLED) return IDLE
    this.#isServed = true
    if (reply.size !== 0) this.complete(reply.take())
    return IDLE
  }

  /** Nothing is decoded: the request stays. */
  postpone(): void {}

  send(): void {}

  deferReply(): PendingReply {
    return this
  }

  deferForwardedReply(_link: Link, context: number): Receiver {
    return this.#services.executor.receiverFor(this, context, (reply) => this.complete(reply))
  }

  complete(reply: Buffer, rest: readonly Buffer[] = []): void {
    this.#resolve(rest.length === 0 ? reply : Buffer.concat([reply, ...rest]))
  }

  abandon(): void {
    this.#isServed = true
    this.#isAbandoned = true
    this.#reject(new Error(CLOSED))
  }

  /** MONITOR is not available. */
  push(): void {}

  /** Nothing to close: each request ends with its reply. */
  close(): void {}
}

/** The exception for an error reply. */
function errorOf(message: string): Error {
  const [, code, text] = /^(\S+) ?(.*)$/s.exec(message) as RegExpExecArray
  if (code === 'ORIGIN') return new OriginError(text)
  if (code === 'PEERDOWN') return new PeerDownError(text)
  return code === 'OOM' || text.startsWith('invalid expire') ? new RangeError(text) : new Error(message)
}
