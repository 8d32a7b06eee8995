// A forwarded request: sent to another node, retried and redirected until it has a reply.

import type { Link } from '../../cluster/links/link.ts'
import type { Receiver, Sender } from '../../cluster/links/receiver.ts'
import type { RequestContext } from '../../cluster/links/request-contexts.ts'
import type { Client, CompleteReply } from '../../commands/spec/client.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import { errorReply } from '../../resp/reply.ts'
import {
  type Context,
  headersOf,
  isTracing,
  type Traced,
  type TraceHeaders,
} from '../../telemetry/tracing.ts'
import type { RemoteWait } from '../blocking/remote-wait.ts'
import { beginHop, endingWith, errorOf } from '../spans.ts'
import { withArguments } from './request.ts'

/** The client of a forwarded request, and the state of its session when it was sent. */
export interface ForwardContext extends RequestContext {
  readonly client: Client
  /** The parent of its spans; `undefined`: it is not traced, or begins a trace. */
  readonly trace: Context | undefined
}

/** A command whose reply is deferred, with what it needs to be run. */
export interface DeferredCommand extends ForwardContext {
  readonly command: Command
  readonly args: Args
  readonly complete: CompleteReply
}

export function forwardContextOf(client: Client): ForwardContext {
  const { group, protocol, noTouch, trace } = client
  return { client, group, protocol, noTouch, trace }
}

/** Handles forwarded requests that got no reply: they were redirected, or their link broke. */
export interface ForwardedRequests {
  /** The node that was asked names `to` as the owner. */
  redirect(forwarded: ForwardedRequest, request: Buffer, to: string): void
  /** The link broke before the reply came. `sent`: the request may have been run. */
  retry(forwarded: ForwardedRequest, request: Buffer, sent: boolean, reason: string): void
}

/**
 * The reply that redirects another node's request: `?<owner>[ <position>=<text>]…`, see `Link`.
 *
 * @param owner the name of the member to ask; '' if none is known
 * @param resolved arguments to replace, by position: XREAD's `$` becomes the ID that it stood for here
 */
export function movedTo(owner: string, resolved: ReadonlyMap<number, string> = new Map()): Buffer {
  const changes = [...resolved].map(([at, text]) => ` ${at}=${text}`)
  return Buffer.from(`?${owner}${changes.join('')}\r\n`)
}

/** The reverse of `movedTo`, without `?`. */
function readMoved(to: string): { owner: string; resolved: ReadonlyMap<number, string> } {
  const [owner, ...changes] = to.split(' ')
  const resolved = changes.map((change): [number, string] => {
    const equals = change.indexOf('=')
    return [Number(change.slice(0, equals)), change.slice(equals + 1)]
  })
  return { owner, resolved: new Map(resolved) }
}

export class ForwardedRequest implements Receiver {
  context: ForwardContext
  /** How many links broke before it was answered, and how often it was redirected. */
  losses = 0
  redirections = 0
  /**
   * Whether this node coordinates it: a node that does not own its keys sends it back (`?`) instead of passing it on.
   * See `Dispatcher`.
   */
  isCoordinated = false
  /** When this node first had to wait for an owner, ms of the monotonic time; 0: never. */
  waitsSince = 0
  /** The index of the only node that can answer it; `undefined`: the owners of its keys can. */
  member: number | undefined
  /** It reads the whole keyspace: heartbeats must not wait behind it. */
  isBulk = false
  /** The wait of a blocking command for its keys; `undefined`: it does not block. */
  wait: RemoteWait | undefined
  /** Takes the reply; called once. */
  complete: CompleteReply
  readonly #requests: ForwardedRequests
  /** The span of the current hop. */
  #hop: Traced | undefined

  constructor(context: ForwardContext, requests: ForwardedRequests, complete: CompleteReply) {
    this.context = context
    this.#requests = requests
    this.complete = complete
  }

  /** Makes the spans of its hops children of `span`, which ends with the reply. */
  traceAs(span: Traced | undefined): void {
    if (span === undefined) return
    this.context = { ...this.context, trace: span.context }
    this.complete = endingWith(span, this.complete)
  }

  /** Sends it over a link, with its trace if there is one. */
  sendOver(link: Link, context: number, buf: Buffer, from: number, to: number): void {
    const headers = isTracing() ? this.#beginHop(link) : undefined
    if (headers === undefined) link.send(this, context, buf, from, to)
    else link.sendTraced(headers, this, context, buf, from, to)
  }

  #beginHop({ peer }: Link): TraceHeaders | undefined {
    const { group, trace } = this.context
    this.#hop = beginHop(peer, group, trace)
    return this.#hop && headersOf(this.#hop.context)
  }

  fail(error: string): void {
    this.complete(errorReply(error))
  }

  replies(bytes: Buffer): void {
    this.#hop?.end(errorOf(bytes))
    this.complete(bytes)
  }

  get mayWait(): boolean {
    return this.wait !== undefined
  }

  deferred(link: Sender, number: number): Receiver {
    if (this.wait !== undefined) {
      this.wait.begins(link, number)
      // The owner has accepted it. It may wait there for long, and move on with its keys any number of times.
      this.losses = 0
      this.waitsSince = 0
    }
    return this
  }

  moved(request: Buffer, to: string): void {
    this.#hop?.end(`moved to ${to}`)
    this.wait?.lost()
    const { owner, resolved } = readMoved(to)
    this.#requests.redirect(this, resolved.size === 0 ? request : withArguments(request, resolved), owner)
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    this.#hop?.end(reason)
    this.#requests.retry(this, request, sent, reason)
  }
}
