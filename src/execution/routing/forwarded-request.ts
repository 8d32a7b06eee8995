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
  /** Where its spans begin; `undefined`: it has no trace, or begins one. */
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

/** What happens to forwarded requests that got no reply. */
export interface ForwardedRequests {
  /** The node that was asked names `to` as the owner. */
  redirect(forwarded: ForwardedRequest, request: Buffer, to: string): void
  /** The link broke before the reply came. `sent`: the request may have been run. */
  retry(forwarded: ForwardedRequest, request: Buffer, sent: boolean, reason: string): void
}

/**
 * The reply to another node whose request waits no longer here.
 *
 * @param resolved by argument: what it is to say at the next node
 */
export function movedTo(owner: string, resolved: ReadonlyMap<number, string> = new Map()): Buffer {
  const changes = [...resolved].map(([at, text]) => ` ${at}=${text}`)
  return Buffer.from(`?${owner}${changes.join('')}\r\n`)
}

/** Reads what `movedTo` has written. */
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
  /** How often it was lost with a broken link, and how often it was redirected. */
  losses = 0
  redirections = 0
  /**
   * Whether this node is in charge of it: a node that does not own its keys sends it back (`?`) instead of passing it
   * on. See `Dispatcher`.
   */
  isCharge = false
  /** When this node first had to wait for an owner, ms since the epoch; 0: never. */
  waitsSince = 0
  /** The index of the only node that can answer it; `undefined`: the owners of its keys can. */
  member: number | undefined
  /** It reads the whole keyspace: heartbeats must not wait behind it. */
  isBulk = false
  /** The client waits for keys; `undefined`: for the reply only. */
  wait: RemoteWait | undefined
  /** Takes the reply; called once. */
  complete: CompleteReply
  readonly #requests: ForwardedRequests
  /** The span of the way that it is on. */
  #hop: Traced | undefined

  constructor(context: ForwardContext, requests: ForwardedRequests, complete: CompleteReply) {
    this.context = context
    this.#requests = requests
    this.complete = complete
  }

  /** The spans of its ways are children of this one, which ends with the reply. */
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
      // It may outlive any number of owners.
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
