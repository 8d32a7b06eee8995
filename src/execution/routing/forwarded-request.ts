// One request on its way to a reply at a place of its own: retried and redirected until it has one.

import type { Receiver } from '../../cluster/links/link.ts'
import type { RequestContext } from '../../cluster/links/request-contexts.ts'
import type { Client } from '../../commands/spec/client.ts'

/** The client of a forwarded request, and the state of its session when it was sent. */
export interface ForwardContext extends RequestContext {
  readonly client: Client
}

export function forwardContextOf(client: Client): ForwardContext {
  const { group, protocol, noTouch } = client
  return { client, group, protocol, noTouch }
}

/** What becomes of requests that did not bring a reply. */
export interface ForwardedRequests {
  /** The node that was asked says that `to` is to be asked. */
  redirect(forwarded: ForwardedRequest, request: Buffer, to: string): void
  /** The link broke before the reply came. `sent`: the request may have been run. */
  retry(forwarded: ForwardedRequest, request: Buffer, sent: boolean, reason: string): void
}

export class ForwardedRequest implements Receiver {
  readonly context: ForwardContext
  /** How often it was lost with its link, and how often it was sent on to somebody else. */
  losses = 0
  redirections = 0
  /** The number of the node whose answer it is to bring: nobody else has it. */
  member: number | undefined
  /** Takes the reply; called once. */
  readonly complete: (reply: Buffer) => void
  readonly #requests: ForwardedRequests

  constructor(context: ForwardContext, requests: ForwardedRequests, complete: (reply: Buffer) => void) {
    this.context = context
    this.#requests = requests
    this.complete = complete
  }

  fail(error: string): void {
    this.complete(Buffer.from(`-${error}\r\n`))
  }

  replies(bytes: Buffer): void {
    this.complete(bytes)
  }

  deferred(): Receiver {
    return this
  }

  moved(request: Buffer, to: string): void {
    this.#requests.redirect(this, request, to)
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    this.#requests.retry(this, request, sent, reason)
  }
}
