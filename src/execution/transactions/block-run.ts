// Runs the commands of a block one after the other, in one go: no other command of any client runs between them.

import type { Client } from '../../commands/spec/client.ts'
import type { Host } from '../../commands/spec/host.ts'
import { CHANGED_GROUP, type Permissions } from '../permissions.ts'
import type { Runner } from '../runner.ts'
import type { Block, BlockCommand } from './block.ts'

/** The session of the client whose block is run. */
export interface BlockSession {
  readonly client: Client
  /** Whether CLIENT REPLY suppresses the replies; a command of the block may change it. */
  readonly isSilent: boolean
}

export class BlockRunner {
  readonly #runner: Runner
  readonly #host: Host
  readonly #permissions: Permissions

  constructor(runner: Runner, host: Host, permissions: Permissions) {
    this.#runner = runner
    this.#host = host
    this.#permissions = permissions
  }

  /**
   * Writes the reply to EXEC. A command that CLIENT REPLY silences has no element in it, as in Redis.
   *
   * @param isCounted whether the reads of a command were counted as hits and misses when its keys were loaded
   * @param replyOf the reply to a command that was run already
   */
  run(
    block: Block,
    session: BlockSession,
    isCounted: (entry: BlockCommand) => boolean,
    replyOf?: (entry: BlockCommand) => Buffer | undefined,
  ): void {
    const { context } = this.#runner
    const { reply } = context
    const { args, command, group } = context
    const { protocol } = session.client
    let { isSilent } = session
    context.client = session.client
    context.inTransaction = true
    if (!isSilent) reply.array(block.length)
    for (const entry of block) {
      const mark = reply.mark()
      const replied = replyOf?.(entry)
      const refusal = replied === undefined ? this.#refusalOf(entry, session.client) : undefined
      if (replied !== undefined) reply.raw(replied)
      else if (refusal !== undefined) reply.error(refusal)
      else this.runOne(entry, session.client, isCounted(entry))
      if (entry.command.fullName === 'client|reply') isSilent = session.client.replyMode === 'off'
      if (isSilent) reply.rewind(mark)
    }
    // In a block that another node has sent: its HELLO ran there.
    if (session.client.protocol === protocol) reply.protocol = protocol
    context.inTransaction = false
    context.args = args
    context.command = command
    context.group = group
    context.store = group.store
  }

  /** The rights of a user may have changed within the block, and while its keys were loaded. */
  #refusalOf({ command, args, group }: BlockCommand, client: Client): string | undefined {
    if (client.user.isUnlimited || command.needsNoAuth) return undefined
    // A SELECT was refused.
    const used = command.worksOnGroups ? client.group : group
    return used === group ? this.#permissions.refusalAtExec(client, command, args, group) : CHANGED_GROUP
  }

  /** Runs one command and writes its reply. */
  runOne({ command, args, group, protocol }: BlockCommand, client: Client, loaded: boolean): void {
    const { context } = this.#runner
    const { telemetry } = this.#host
    const { reply } = context
    if (protocol !== undefined) reply.protocol = protocol
    const { stats } = command
    const mark = reply.mark()
    const isTimed = telemetry.timesAll || command.isTimed(args)
    const startedAt = isTimed ? telemetry.now() : 0
    context.args = args
    context.command = command
    context.group = group
    context.store = group.store
    context.loaded = loaded
    context.missed = false
    if (command.isWrite && group.isWatched) this.#runner.fence(command)
    this.#runner.run(command, mark)
    if (context.missed) {
      // The block itself has removed the key.
      reply.rewind(mark)
      telemetry.failed = false
      context.loaded = true
      context.missed = false
      this.#runner.run(command, mark)
    }
    if (this.#host.monitors !== 0 && command.isShown) this.#host.feedMonitors(client, command, args)
    if (isTimed) telemetry.finish(stats, startedAt, client, args, command.secretsOf(args))
    else telemetry.count(stats)
  }
}
