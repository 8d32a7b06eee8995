// MULTI, EXEC and WATCH: queues the commands of a transaction, and runs them as one piece.

/*
 * EXEC, in this order:
 *
 *   1. A command was refused while queueing: EXECABORT. A watched key has changed: nil.
 *   2. The keys that its commands need and that are not cached are loaded. Meanwhile the watches go on.
 *   3. The watches are looked at once more, and the commands run in one go of the event loop.
 *
 * Steps 1 and 3 are the same moment if nothing has to be loaded.
 */

import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Transactions } from '../../commands/spec/session/transaction.ts'
import { discardTransaction } from '../../commands/transactions/transactions.ts'
import { Watch } from '../../group/watches/watched-keys.ts'
import type { Args } from '../../resp/args.ts'
import type { Runner } from '../runner.ts'
import { type Block, blockOf, changesSession, keyNamesOf } from './block.ts'
import { BlockLoads } from './block-loads.ts'
import { BlockRunner } from './block-run.ts'
import { QueuedCommands } from './queue.ts'

const EXEC_ABORT = 'EXECABORT Transaction discarded because of previous errors.'

/** Commands that run at once within a transaction. */
const RUNS_AT_ONCE: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What `queue` did with a command. */
export const RUN = 0
const QUEUED = 1
export const PAUSED = 2
type Queueing = typeof RUN | typeof QUEUED | typeof PAUSED

/** A block that runs, or waits for loads, with what it needs to be run. */
interface PendingBlock {
  readonly client: Client
  readonly block: Block
  readonly loads: BlockLoads
  readonly watch: Watch | undefined
  readonly protocol: 2 | 3
  readonly isSilent: boolean
  readonly exec: Command
  args: Args
  /** When it began, ms of the monotonic time. */
  readonly since: number
  /** Takes the reply if that was deferred. */
  complete?: (reply: Buffer) => void
}

export class TransactionExecutor implements Transactions {
  readonly #runner: Runner
  readonly #context: Context
  readonly #host: Host
  readonly #blocks: BlockRunner

  constructor(runner: Runner, host: Host) {
    this.#runner = runner
    this.#context = runner.context
    this.#host = host
    this.#blocks = new BlockRunner(runner, host)
  }

  multi(): void {
    const { client, reply } = this.#context
    if (client.transaction !== undefined) {
      reply.error('ERR MULTI calls can not be nested')
      return
    }
    if (this.#host.cluster?.isAlone === false) {
      reply.error('ERR transactions are not possible in a cluster of several nodes')
      return
    }
    client.transaction = new QueuedCommands()
    reply.ok()
  }

  /** Queues the context's command, which has passed all other checks, and replies; or says that it is to be run. */
  queue(client: Client, command: Command): Queueing {
    if (RUNS_AT_ONCE.has(command.fullName)) return RUN
    if (this.#host.mustPause(client, command)) return PAUSED
    const { args, reply } = this.#context
    const transaction = client.transaction as QueuedCommands
    const refusal = refusalOf(command)
    client.lastCommand = command.fullName
    if (refusal !== undefined) {
      transaction.abort()
      command.stats.rejectedCalls++
      reply.error(refusal)
      return QUEUED
    }
    // An aborted transaction will not run: its commands need no memory.
    if (!transaction.isAborted && client.watch?.isBroken !== true) transaction.add(command, args)
    if (transaction.bytes > this.#host.clientQueryBufferLimit) {
      this.#host.stats.queryBufferDisconnections++
      client.close(false)
    } else reply.simple('QUEUED')
    return QUEUED
  }

  /** A request was refused before it could be queued or run; `command`: if there is such a command. Returns the reply. */
  refused(client: Client, command: Command | undefined, error: string): string {
    if (command?.fullName === 'exec') {
      discardTransaction(client)
      return `EXECABORT Transaction discarded because of: ${error.replace(/^ERR /, '')}`
    }
    client.transaction?.abort()
    return error
  }

  watch(): void {
    const { args, client, group, reply } = this.#context
    if (client.transaction !== undefined) {
      reply.error('ERR WATCH inside MULTI is not allowed')
      return
    }
    let watch = client.watch as Watch | undefined
    if (watch === undefined) {
      watch = new Watch()
      client.watch = watch
    }
    for (let i = 1; i < args.count; i++) watch.add(group, args.buf, args.start[i], args.end[i])
    reply.ok()
  }

  exec(): void {
    const context = this.#context
    const { client, reply } = context
    const transaction = client.transaction as QueuedCommands | undefined
    if (transaction === undefined) {
      reply.error('ERR EXEC without MULTI')
      return
    }
    if (this.#host.mustPause(client, transaction)) {
      context.stall()
      return
    }
    const watch = client.watch as Watch | undefined
    client.transaction = undefined
    client.watch = undefined
    if (transaction.isAborted) reply.error(EXEC_ABORT)
    else if (watch?.check() === false) reply.nullArray()
    else if (transaction.size === 0) reply.array(0)
    else {
      this.#begin(blockOf(transaction.requests, client.group, context), watch)
      return
    }
    watch?.release()
  }

  /** Runs a block, or defers its reply until all its keys are loaded. */
  #begin(block: Block, watch: Watch | undefined): void {
    const context = this.#context
    const writing = block.find(({ command, group }) => command.isWrite && group.writes !== undefined)
    if (writing !== undefined) {
      watch?.release()
      context.reply.error(
        `ERR group ${writing.group.name} writes to its origin: transactions cannot write there`,
      )
      return
    }
    const { args, client } = context
    const { protocol } = client
    const isSilent = client.replyMode === 'off' || client.replyMode === 'skip'
    const loads = new BlockLoads(block, (entry) => entry.command.loadsFirst(entry.args))
    const exec = context.command as Command
    const since = context.instant.monotonicMs
    const pending: PendingBlock = { client, block, loads, watch, protocol, isSilent, exec, args, since }
    if (!this.#load(pending)) {
      this.#run(pending)
      context.keepsReply = client.replyMode !== 'on'
      return
    }
    pending.args = args.detach()
    pending.complete = this.#defer(pending)
  }

  /** False: nothing has to be loaded (any more). */
  #load(pending: PendingBlock): boolean {
    const { instant } = this.#context
    return pending.loads.begin(instant.monotonicMs - pending.since, (error) => {
      instant.refresh()
      if (error !== undefined || !this.#load(pending)) this.#finish(pending, error)
    })
  }

  #run({ block, client, isSilent, loads, watch }: PendingBlock): void {
    watch?.release()
    loads.storeTemporarily()
    this.#blocks.run(block, { client, isSilent }, (entry) => loads.isCounted(entry))
  }

  /** Reserves the place of the reply, and lets later commands of the client on the same keys wait for it. */
  #defer({ block, client, args }: PendingBlock): (reply: Buffer) => void {
    const context = this.#context
    const { pending } = client
    const isExclusive = changesSession(block)
    const bytes = block.reduce((sum, each) => sum + each.args.buf.length, args.buf.length)
    const held = { keys: keyNamesOf(block), bytes, write: true }
    pending.add(held)
    if (isExclusive) pending.isExclusive = true
    // The block itself applies CLIENT REPLY.
    const { replyMode } = client
    client.replyMode = 'on'
    const complete = context.defer()
    if (replyMode === 'off') client.replyMode = 'off'
    return (reply) => {
      if (isExclusive) pending.isExclusive = false
      pending.delete(held)
      complete(reply)
      pending.runQueued()
    }
  }

  /** The loads of a block have ended: runs it. */
  #finish(pending: PendingBlock, error: string | undefined): void {
    const { client, watch, exec, args, protocol, isSilent } = pending
    const context = this.#context
    const { reply } = context
    const { telemetry } = this.#host
    const startedAt = telemetry.now()
    this.#runner.resume({ client, command: exec, args, protocol }, client.group)
    try {
      if (error === undefined && watch?.check() !== false) this.#run(pending)
      else if (!isSilent && error !== undefined) reply.error(error)
      else if (!isSilent) reply.nullArray()
    } catch (fault) {
      this.#runner.fail(exec, 0, fault)
    }
    watch?.release()
    const bytes = reply.take()
    telemetry.finish(exec.stats, startedAt, client, args, [])
    pending.complete?.(bytes)
  }
}

/** Why a command cannot be queued, whatever its keys are. */
function refusalOf({ spec }: Command): string | undefined {
  return spec.flags.includes('no_multi') ? 'ERR Command not allowed inside a transaction' : undefined
}
