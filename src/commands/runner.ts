// Runs a handler, so that whatever it throws becomes a reply, and tells the group of the keys that it is about to write.

import type { Context } from './context.ts'
import type { Host } from './host.ts'
import type { Command } from './table.ts'

export class Runner {
  readonly context: Context
  readonly #host: Host

  constructor(context: Context, host: Host) {
    this.context = context
    this.#host = host
  }

  /** Runs the context's command; what it wrote since `mark` is dropped if it throws. */
  run(command: Command, mark: number): void {
    const context = this.context
    try {
      command.run(context)
    } catch (error) {
      this.fail(command, mark, error)
    }
  }

  fail(command: Command, mark: number, error: unknown): void {
    const context = this.context
    context.reply.rewind(mark)
    context.missed = false
    context.reply.error('ERR internal error')
    this.#host.reportFault(error, command.fullName)
  }

  /** The context's command is about to write its keys. */
  fence(command: Command): void {
    const context = this.context
    const { args } = context
    for (const i of command.keysOf(context)) context.group.fence(args.buf, args.start[i], args.end[i])
  }
}
