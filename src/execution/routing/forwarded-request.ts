// One request on its way to a reply at a place of its own: retried and redirected until it has one.

import type { Receiver } from '../../cluster/links/link.ts'
import type { RequestContext } from '../../cluster/links/request-contexts.ts'
import type { Client } from '../../commands/spec/client.ts'

/** What a request depends on besides its bytes. */
export interface Circumstances extends RequestContext {
  readonly client: Client
}

export function circumstancesOf(client: Client): Circumstances {
  const { group, protocol, noTouch } = client
  return { client, group, protocol, noTouch }
}

/** What becomes of errands that did not bring a reply. */
export interface Errands {
  /** The node that was asked says that `to` is to be asked. */
  redirect(errand: Errand, request: Buffer, to: string): void
  /** The link broke before the reply came. `sent`: the request may have been run. */
  retry(errand: Errand, request: Buffer, sent: boolean, reason: string): void
}

export class Errand implements Receiver {
  readonly circumstances: Circumstances
  /** How often it was lost with its link, and how often it was sent on to somebody else. */
  losses = 0
  redirections = 0
  /** The number of the node whose answer it is to bring: nobody else has it. */
  member: number | undefined
  /** Takes the reply; called once. */
  readonly complete: (reply: Buffer) => void
  readonly #errands: Errands

  constructor(circumstances: Circumstances, errands: Errands, complete: (reply: Buffer) => void) {
    this.circumstances = circumstances
    this.#errands = errands
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
    this.#errands.redirect(this, request, to)
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    this.#errands.retry(this, request, sent, reason)
  }
}
