// MULTI, EXEC and WATCH: queues the commands of a transaction, and runs them as one piece.

/*
 * EXEC, in this order:
 *
 *   1. A command was refused while queueing: EXECABORT. A watched key has changed: nil.
 *   2. The keys that its commands need and that are not cached are loaded. Meanwhile the watches stay active.
 *   3. The watches are checked once more, and the commands run in one iteration of the event loop.
 *
 * Steps 1 and 3 are the same moment if nothing has to be loaded.
 */

import { SELF } from '../../cluster/ownership/protocol.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import { NO_MAJORITY } from '../../commands/spec/errors.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import { findGroup } from '../../commands/spec/selection.ts'
import type { ClientWatch, Transactions } from '../../commands/spec/session/transaction.ts'
import { discardTransaction } from '../../commands/transactions/transactions.ts'
import type { Watch } from '../../group/watches/watched-keys.ts'
import type { Permissions } from '../permissions.ts'
import { CROSS_SLOT } from '../routing/dispatcher.ts'
import type { Runner } from '../runner.ts'
import type { CommandTable } from '../table.ts'
import { type Block, blockOf } from './block.ts'
import { BlockExecution } from './block-execution.ts'
import { BlockWrites } from './block-writes.ts'
import { BlockForwarding, type ForwardingParts, HERE, type KeyOwner, NO_WATCH } from './forwarding.ts'
import { QueuedCommands } from './queue.ts'
import type { RemoteWatch } from './remote-watch.ts'
import { changesRights, refused, withoutUncertain } from './rights.ts'
import { ownerOfWatch, Watching } from './watching.ts'

const NOT_ALLOWED = 'ERR Command not allowed inside a transaction'
const EXEC_ABORT = 'EXECABORT Transaction discarded because of previous errors.'

/** Commands that run at once within a transaction. */
const RUNS_AT_ONCE: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What `queue` did with a command. */
export const RUN = 0
const QUEUED = 1
export const PAUSED = 2
type Queueing = typeof RUN | typeof QUEUED | typeof PAUSED

export class TransactionExecutor implements Transactions {
  readonly #context: Context
  readonly #host: Host
  readonly #table: CommandTable
  readonly #permissions: Permissions
  readonly #execution: BlockExecution
  readonly #watching: Watching
  /** `undefined`: this node is not in a cluster. */
  #forwarding: BlockForwarding | undefined

  constructor(runner: Runner, host: Host, table: CommandTable, permissions: Permissions) {
    this.#context = runner.context
    this.#permissions = permissions
    this.#host = host
    this.#table = table
    this.#execution = new BlockExecution(runner, host, permissions)
    this.#watching = new Watching(runner.context, host)
  }

  /** The node is in a cluster. */
  join(parts: ForwardingParts): void {
    const forwarding = new BlockForwarding(parts, this.#context, this.#table)
    this.#forwarding = forwarding
    this.#execution.forwarding = forwarding
    this.#watching.forwarding = forwarding
  }

  multi(): void {
    const { client, reply } = this.#context
    if (client.transaction !== undefined) {
      reply.error('ERR MULTI calls can not be nested')
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
    const isForbidden = command.spec.flags.includes('no_multi')
    const refusal = isForbidden ? NOT_ALLOWED : this.#forwarding?.refusalOf(client, command)
    client.asking = false
    client.lastCommand = command.fullName
    if (refusal !== undefined) {
      transaction.abort()
      command.stats.rejectedCalls++
      reply.error(refusal)
      return QUEUED
    }
    // An aborted transaction will not run: its commands need no memory.
    if (!transaction.isAborted && client.watch?.isBroken !== true) transaction.add(command, args)
    if (command.fullName === 'select') transaction.selected = findGroup(this.#context, 1)
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
    this.#watching.watch()
  }

  watchForPeer(): void {
    this.#watching.watchForPeer()
  }

  exec(): void {
    const context = this.#context
    const { client, reply } = context
    const transaction = client.transaction as QueuedCommands | undefined
    if (transaction === undefined) {
      reply.error('ERR EXEC without MULTI')
      return
    }
    const forwarding = this.#forwarding
    const watch = client.watch as Watch | RemoteWatch | undefined
    let block = this.#allowed(client, transaction)
    let { owner, error } = routeOf(forwarding, client, block, watch)
    const certain = withoutUncertain(block)
    if (certain !== block && (owner !== SELF || BlockWrites.of(block) !== undefined)) {
      block = certain
      ;({ owner, error } = routeOf(forwarding, client, block, watch))
    }
    if (this.#host.mustPause(client, transaction) || forwarding?.mustWait(client, owner) === true) {
      context.stall()
      return
    }
    client.transaction = undefined
    client.watch = undefined
    client.asking = false
    if (transaction.isAborted) reply.error(EXEC_ABORT)
    else if (!this.#watching.isIntact(client, watch)) reply.nullArray()
    else if (error !== undefined) reply.error(error)
    else if (forwarding?.refuses(client, block) === true) reply.error(NO_MAJORITY)
    else if (forwarding !== undefined && owner !== SELF) {
      this.#execution.forward(forwarding, block, watch as RemoteWatch | undefined, owner)
      return
    } else if (block.length === 0) reply.array(0)
    else {
      this.#execution.begin(block, watch as Watch | undefined)
      return
    }
    watch?.release()
  }

  /**
   * The block with an error in place of each command that the user may not run any more, as in Redis. Commands after a
   * change of rights are checked when they run.
   */
  #allowed(client: Client, { requests }: QueuedCommands): Block {
    let isCertain = true
    return blockOf(requests, client.group, this.#context, (entry) => {
      const { command, args, group } = entry
      const refusal =
        isCertain && !client.user.isUnlimited
          ? this.#permissions.refusalAtExec(client, command, args, group)
          : undefined
      isCertain &&= !changesRights(command, args)
      return refusal === undefined ? entry : refused(entry, refusal)
    })
  }

  execForPeer(): void {
    const { args, client, host, reply } = this.#context
    const id = args.latin1(2)
    const watch = client.peerWatches?.get(id) as Watch | undefined
    client.peerWatches?.delete(id)
    const block = (this.#forwarding as BlockForwarding).decode(args, host.groups)
    if (id !== NO_WATCH && watch?.check() !== true) reply.nullArray()
    else if (typeof block === 'string') reply.error(block)
    else if (block.length === 0) reply.array(0)
    else {
      this.#execution.begin(block, watch)
      return
    }
    watch?.release()
  }
}

/** The owner of a block and of what its client watches, as `BlockForwarding.ownerOf`. */
function routeOf(
  forwarding: BlockForwarding | undefined,
  client: Client,
  block: Block,
  watch: ClientWatch | undefined,
): KeyOwner {
  if (forwarding === undefined) return HERE
  let owner = watch && ownerOfWatch(watch)
  for (const { args, positions } of block) {
    if (positions.length === 0) continue
    const of = forwarding.ownerOf(client, args, positions)
    if (of.error !== undefined) return of
    if (owner !== undefined && owner !== of.owner) return { owner: SELF, error: CROSS_SLOT }
    owner = of.owner
  }
  return { owner: owner ?? SELF }
}
