// The commands that a client has queued since MULTI.

import type { Command } from '../../commands/spec/ready-command.ts'
import type { Transaction } from '../../commands/spec/session/transaction.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'

/** Estimated bytes of the objects of one queued command, and of one argument. */
const COMMAND_BYTES = 256
const ARGUMENT_BYTES = 8

export interface QueuedRequest {
  readonly command: Command
  readonly args: Args
}

export class QueuedCommands implements Transaction {
  readonly requests: QueuedRequest[] = []
  bytes = 0
  isAborted = false
  selected: Group | undefined = undefined
  /** Whether CLIENT PAUSE WRITE delays it. */
  isWrite = false

  get size(): number {
    return this.requests.length
  }

  /** Copies the arguments. */
  add(command: Command, args: Args): void {
    const own = args.detach()
    this.requests.push({ command, args: own })
    this.bytes += COMMAND_BYTES + own.buf.length + own.count * ARGUMENT_BYTES
    this.isWrite ||= command.isWrite
  }

  abort(): void {
    this.isAborted = true
    this.requests.length = 0
    this.bytes = 0
  }
}
