// The embedding program as an adapter: its requests take the same path as those of network clients.

import { SUPERUSER, type User } from '../access/user.ts'
import { ShortLivedSet } from '../bytes/short-lived.ts'
import type { Link, Receiver } from '../cluster/links/link.ts'
import { parseReplies, type Reply, wholeReply } from '../cluster/links/request.ts'
import { type Client, ClientState, type PendingReply } from '../commands/spec/client.ts'
import { type Executor, STALLED } from '../execution/executor.ts'
import { requestOf } from '../execution/routing/request.ts'
import type { Group } from '../group/group.ts'
import { OriginError } from '../group/policy.ts'
import type { Args } from '../resp/args.ts'
import type { ReplyWriter } from '../resp/reply.ts'
import { activeContext } from '../telemetry/tracing.ts'
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

/** A caller whose requests do not come over a connection of the Redis protocol. */
export interface Caller {
  /** Selects the data link that carries its requests to another node, if there are several. */
  readonly id: number
  /** 'host:port' of both ends, or a name such as 'program'. */
  readonly address: string
  readonly localAddress: string
  readonly authenticated: boolean
  /** The user whose permissions it has; by default it may do everything. */
  readonly user?: User
}

/** Takes the outcome of a request: one call. */
export interface Outcome {
  /** `isForwarded`: another node has answered. A long reply may come in parts. */
  replied(reply: Buffer, rest: readonly Buffer[], isForwarded: boolean): void
  /** There is no reply: the node was closed. */
  closed(): void
}

const PROGRAM: Caller = { id: 0, address: 'program', localAddress: 'program', authenticated: true }

export class Program {
  readonly #services: ProgramServices
  /** Requests that have no reply yet. */
  readonly #pending = new ShortLivedSet<Request>()
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
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      this.run(PROGRAM, group, args, {
        replied: (first, rest) => resolve(wholeReply(first, rest)),
        closed: () => reject(new Error(CLOSED)),
      })
    })
    const [reply] = parseReplies(bytes)
    if (reply instanceof Error) throw errorOf(reply.message)
    return reply
  }

  /** Runs a command for any caller. The bytes of `args` must not change. */
  run(caller: Caller, group: Group, args: readonly (string | Buffer)[], outcome: Outcome): void {
    if (this.#isClosed) {
      outcome.closed()
      return
    }
    const request = new Request(this.#services, caller, group, requestOf(args), outcome, this.#ended)
    this.#pending.add(request)
    request.resume()
  }

  /** Continues with requests that had to wait. */
  resume(): void {
    for (const request of [...this.#pending]) request.resume()
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
    for (const request of [...this.#pending]) request.abandon()
  }

  readonly #ended = (request: Request): void => {
    this.#pending.delete(request)
    if (this.#pending.size === 0) this.#emptied()
  }
}

export const CLOSED = 'the node is closed: create a new one (createNode)'

class Request extends ClientState implements Client, Served {
  isDue = false
  readonly authenticated: boolean
  readonly closing = false
  readonly peer = undefined
  readonly isPeer = false
  readonly isProgram = true
  readonly awaitsReplies = false
  readonly queryBufferBytes = 0
  readonly outputBufferBytes = 0
  readonly #services: ProgramServices
  readonly #args: Args
  readonly #outcome: Outcome
  /** Called once, after the outcome. */
  readonly #ended: (request: Request) => void
  #isForwarded = false
  /** Whether it has run or was abandoned: it must not run again. */
  #isServed = false
  #hasEnded = false
  #isAbandoned = false

  constructor(
    services: ProgramServices,
    caller: Caller,
    group: Group,
    args: Args,
    outcome: Outcome,
    ended: (request: Request) => void,
  ) {
    super(caller.id, group, services.now(), caller.address, caller.localAddress)
    this.authenticated = caller.authenticated
    this.trace = activeContext()
    this.user = caller.user ?? SUPERUSER
    this.#services = services
    this.#args = args
    this.#outcome = outcome
    this.#ended = ended
  }

  /** Whether nobody waits for the reply any more: it was abandoned. */
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

  /** Nothing to copy: the request has buffers of its own. */
  postpone(): void {}

  send(): void {}

  deferReply(): PendingReply {
    return this
  }

  deferForwardedReply(_link: Link, context: number): Receiver {
    this.#isForwarded = true
    return this.#services.executor.receiverFor(this, context, (reply) => this.complete(reply))
  }

  complete(reply: Buffer, rest: readonly Buffer[] = []): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#outcome.replied(reply, rest, this.#isForwarded)
    this.#ended(this)
  }

  abandon(): void {
    this.#isServed = true
    this.#isAbandoned = true
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#outcome.closed()
    this.#ended(this)
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
