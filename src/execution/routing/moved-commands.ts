// Commands whose keys move between nodes: missing entries are fetched from previous owners, and commands that have
// waited are sent to the new owners.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import { NO_MAJORITY } from '../../commands/spec/errors.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import { errorReply } from '../../resp/reply.ts'
import type { Waiting } from '../blocking/waiting.ts'
import { holdKeys } from '../ordering.ts'
import type { Dispatcher } from './dispatcher.ts'
import { type ForwardContext, type ForwardedRequest, forwardContextOf } from './forwarded-request.ts'
import type { Routing } from './routing.ts'

interface WaitedCommand extends ForwardContext {
  readonly command: Command
}

export interface MovedCommandsParts {
  readonly cluster: Cluster
  readonly context: Context
  readonly dispatcher: Dispatcher
  readonly routing: Routing
  /**
   * Runs a command on this node; `context.reply` must be empty.
   * @param isPulled a previous owner did not answer: the entry is not fetched again, the origin is asked
   */
  readonly run: (forwarded: ForwardedRequest, args: Args, isPulled: boolean) => void
}

export class MovedCommands {
  readonly #parts: MovedCommandsParts

  constructor(parts: MovedCommandsParts) {
    this.#parts = parts
  }

  /**
   * During a slot migration: fetches the keys that are missing here from the previous owners of their slots, then runs
   * the context's command; later commands of the client on its keys wait. False: nothing to fetch.
   */
  pull(client: Client, command: Command, forwarded?: ForwardedRequest): boolean {
    const { cluster, context, dispatcher, run } = this.#parts
    const { args } = context
    const group = forwarded?.context.group ?? client.group
    const positions = command.keysOf(context)
    const pulls = positions.filter((i) => cluster.needsPull(group, args, i))
    if (pulls.length === 0) return false
    const own = args.detach()
    const origin = forwarded?.context ?? forwardContextOf(client)
    const complete = forwarded?.complete ?? deferReply(client)
    const held = holdKeys(client, command, group, own, positions, complete)
    const place = dispatcher.forwardedRequest(origin, held)
    const pulled = pulls.map((i) => cluster.pull(group, own.copy(i)))
    void Promise.all(pulled).then((found) => {
      if (this.resendIfMoved({ ...origin, command }, own, place.complete)) return
      run(place, own, found.includes(false))
    })
    return true
  }

  /** The name of the owner of a waiting command's keys; '' if it is not known; `undefined`: this node. */
  ownerOf({ args, wait }: Waiting): string | undefined {
    const { cluster } = this.#parts
    if (cluster.isAlone) return undefined
    for (const i of wait.keys) {
      const owner = cluster.owners[keySlot(args.buf, args.start[i], args.end[i])]
      if (owner !== SELF) return cluster.peers[owner]?.name ?? ''
    }
    return undefined
  }

  /** Sends a command that has waited to the owners of its keys if these have changed. False: it runs here. */
  resendIfMoved(waited: WaitedCommand, args: Args, complete: (reply: Buffer) => void): boolean {
    const { cluster, context, dispatcher, routing } = this.#parts
    context.args = args
    // It may have waited for longer than a lease lasts.
    if (routing.refuses(waited.client, waited.group, waited.command)) {
      complete(errorReply(NO_MAJORITY))
      return true
    }
    if (cluster.isAlone) return false
    const isMoved = (i: number): boolean =>
      cluster.ownerOf(args.buf, args.start[i], args.end[i]) !== undefined
    const positions = waited.command.keysOf(context)
    if (!positions.some(isMoved)) return false
    dispatcher.resend(waited, waited.command, args, positions, complete)
    return true
  }
}
