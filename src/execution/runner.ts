// Runs a command's handler: an exception becomes an error reply. Fences the flights of keys that are about to be
// written.

import type { Client } from '../commands/spec/client.ts'
import type { Context } from '../commands/spec/context.ts'
import { INTERNAL_ERROR } from '../commands/spec/errors.ts'
import type { Host } from '../commands/spec/host.ts'
import type { Command } from '../commands/spec/ready-command.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { errorReply } from '../resp/reply.ts'

/** A deferred command with the state that it needs to run. */
export interface Resumable {
  readonly client: Client
  readonly command: Command
  readonly args: Args
  readonly protocol: 2 | 3
}

export class Runner {
  readonly context: Context
  readonly #host: Host

  constructor(context: Context, host: Host) {
    this.context = context
    this.#host = host
  }

  /** Fills the context for a deferred command on a group; it runs without loading more. */
  resume({ client, command, args, protocol }: Resumable, group: Group): void {
    const context = this.context
    context.args = args
    context.client = client
    context.command = command
    context.group = group
    context.store = group.store
    context.missed = false
    context.loaded = true
    context.reply.protocol = protocol
  }

  /** Runs the context's command. If it throws, its reply since `mark` is replaced by an error. */
  run(command: Command, mark: number): void {
    const context = this.context
    try {
      command.run(context)
    } catch (error) {
      if (context.isDeferred && !context.isStalled) this.#failDeferred(command, error)
      else this.fail(command, mark, error)
    }
  }

  /** The handler has thrown after it had deferred its reply: nothing else completes it any more. */
  #failDeferred(command: Command, error: unknown): void {
    const { client, deferred, deferredAt, forwarded, reply } = this.context
    reply.rewind(deferredAt)
    this.#host.reportFault(error, command.fullName)
    // It would not have run if an earlier command of the client had been exclusive.
    if (forwarded === undefined && client.peer === undefined) client.pending.isExclusive = false
    deferred?.(errorReply(INTERNAL_ERROR))
  }

  fail(command: Command, mark: number, error: unknown): void {
    const context = this.context
    context.reply.rewind(mark)
    context.missed = false
    context.isDeferred = false
    context.isStalled = false
    context.reply.error(INTERNAL_ERROR)
    this.#host.reportFault(error, command.fullName)
  }

  /** Fences the flights of the keys that the context's command is about to write. */
  fence(command: Command): void {
    const context = this.context
    const { args } = context
    for (const i of command.keysOf(context)) context.group.fence(args.buf, args.start[i], args.end[i])
  }
}
