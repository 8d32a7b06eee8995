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

import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import { NO_MAJORITY } from '../../commands/spec/errors.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { ClientWatch, Transactions } from '../../commands/spec/session/transaction.ts'
import { discardTransaction } from '../../commands/transactions/transactions.ts'
import { Watch } from '../../group/watches/watched-keys.ts'
import type { Args } from '../../resp/args.ts'
import { CROSS_SLOT } from '../routing/dispatcher.ts'
import { forwardContextOf } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import type { CommandTable } from '../table.ts'
import { type Block, type BlockCommand, blockOf, changesSession, keyNamesOf } from './block.ts'
import { BlockLoads } from './block-loads.ts'
import { BlockRunner } from './block-run.ts'
import { BlockWrites } from './block-writes.ts'
import { BlockForwarding, type ForwardingParts } from './forwarding.ts'
import { QueuedCommands } from './queue.ts'
import { RemoteWatch } from './remote-watch.ts'
import { elementsOf } from './splice.ts'

const NOT_ALLOWED = 'ERR Command not allowed inside a transaction'
const EXEC_ABORT = 'EXECABORT Transaction discarded because of previous errors.'

/** Commands that run at once within a transaction. */
const RUNS_AT_ONCE: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** Instead of the number of a watch. */
const NO_WATCH = '0'
const HERE: { readonly owner: number; readonly error?: string } = { owner: SELF }
const OK = Buffer.from('+OK\r\n')

/** What `queue` did with a command. */
export const RUN = 0
const QUEUED = 1
export const PAUSED = 2
type Queueing = typeof RUN | typeof QUEUED | typeof PAUSED

/** A block that runs, or waits for loads, with what it needs to be run. */
interface PendingBlock {
  /** For a block of another node: its connection. */
  readonly client: Client
  readonly block: Block
  readonly loads: BlockLoads
  readonly watch: Watch | undefined
  readonly protocol: 2 | 3
  readonly isSilent: boolean
  /** EXEC or PEER EXEC, and its arguments. */
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
  readonly #table: CommandTable
  /** `undefined`: this node is not in a cluster. */
  #forwarding: BlockForwarding | undefined
  /** The number of the last watch at another node. */
  #lastWatch = 0

  constructor(runner: Runner, host: Host, table: CommandTable) {
    this.#table = table
    this.#runner = runner
    this.#context = runner.context
    this.#host = host
    this.#blocks = new BlockRunner(runner, host)
  }

  /** The node is in a cluster. */
  join(parts: ForwardingParts): void {
    this.#forwarding = new BlockForwarding(parts, this.#context, this.#table)
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
    const context = this.#context
    const { args, client, group, reply } = context
    if (client.transaction !== undefined) {
      reply.error('ERR WATCH inside MULTI is not allowed')
      return
    }
    const positions = Array.from({ length: args.count - 1 }, (_, i) => i + 1)
    const { owner, error } = this.#forwarding?.ownerOf(client, args, positions) ?? HERE
    if (this.#forwarding?.mustWait(client, owner)) {
      context.stall()
      return
    }
    client.asking = false
    if (error !== undefined) reply.error(error)
    else if (client.watch?.isBroken === true) reply.ok()
    else if (client.watch !== undefined && ownerOfWatch(client.watch) !== owner) reply.error(CROSS_SLOT)
    else if (owner !== SELF) this.#watchThere(client, positions, owner)
    else {
      const watch = (client.watch ?? new Watch()) as Watch
      client.watch = watch
      for (const i of positions) watch.add(group, args.buf, args.start[i], args.end[i])
      reply.ok()
    }
  }

  /** Watches keys at their owner. */
  #watchThere(client: Client, positions: readonly number[], owner: number): void {
    const { args, command, group, reply } = this.#context
    const cluster = this.#host.cluster as Cluster
    const peer = cluster.peers[owner]
    if (peer === undefined) {
      reply.error('PEERDOWN the owner of the keys is not known yet')
      return
    }
    const keys = positions.map((i) => args.copy(i))
    const link = peer.data(client.id)
    const watch = (client.watch ?? new RemoteWatch(peer, link, ++this.#lastWatch, keys[0])) as RemoteWatch
    client.watch = watch
    if (watch.link !== link) {
      watch.isBroken = true
      reply.ok()
      return
    }
    const complete = this.#context.defer()
    watch.add(keys, cluster.contextOf(group, 2, false, false), (error) => {
      this.#host.telemetry.count(command.stats)
      complete(error === undefined ? OK : Buffer.from(`-${error}\r\n`))
    })
  }

  watchForPeer(): void {
    const { args, client, group, host, reply } = this.#context
    const positions = Array.from({ length: args.count - 3 }, (_, i) => i + 3)
    const isOwner = positions.every(
      (i) => host.cluster?.ownerOf(args.buf, args.start[i], args.end[i]) === undefined,
    )
    if (!isOwner || client.peer?.isUnknownGroup === true) {
      reply.error('MOVED this node does not own the keys')
      return
    }
    const id = args.latin1(2)
    client.peerWatches ??= new Map()
    const watch = (client.peerWatches.get(id) ?? new Watch()) as Watch
    client.peerWatches.set(id, watch)
    for (const i of positions) watch.add(group, args.buf, args.start[i], args.end[i])
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
    const forwarding = this.#host.cluster?.isAlone === false ? this.#forwarding : undefined
    const watch = client.watch as Watch | RemoteWatch | undefined
    const block = blockOf(transaction.requests, client.group, context)
    const { owner, error } = forwarding === undefined ? HERE : routeOf(forwarding, client, block, watch)
    if (this.#host.mustPause(client, transaction) || forwarding?.mustWait(client, owner) === true) {
      context.stall()
      return
    }
    client.transaction = undefined
    client.watch = undefined
    client.asking = false
    if (transaction.isAborted) reply.error(EXEC_ABORT)
    else if (!this.#isIntact(client, watch)) reply.nullArray()
    else if (error !== undefined) reply.error(error)
    else if (forwarding !== undefined && this.#isRefused(forwarding, client, block)) reply.error(NO_MAJORITY)
    else if (forwarding !== undefined && owner !== SELF) {
      this.#forward(forwarding, block, watch as RemoteWatch | undefined, owner)
      return
    } else if (block.length === 0) reply.array(0)
    else {
      this.#begin(block, watch as Watch | undefined)
      return
    }
    watch?.release()
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
      this.#begin(block, watch)
      return
    }
    watch?.release()
  }

  /** Whether no watched key is known to have changed. */
  #isIntact(client: Client, watch: Watch | RemoteWatch | undefined): boolean {
    if (watch === undefined || watch instanceof Watch) return watch?.check() !== false
    const cluster = this.#host.cluster as Cluster
    const isSameLink = watch.peer.data(client.id) === watch.link
    return isSameLink && watch.check((key) => cluster.ownerOf(key, 0, key.length))
  }

  #isRefused(forwarding: BlockForwarding, client: Client, block: Block): boolean {
    return forwarding.refuses(client, forwarding.encode(block, NO_WATCH, undefined), block)
  }

  /** Sends a block to the owner of its keys. */
  #forward(forwarding: BlockForwarding, block: Block, watch: RemoteWatch | undefined, owner: number): void {
    const context = this.#context
    const { client } = context
    const { pending } = client
    const encoded = forwarding.encode(block, watch?.id ?? NO_WATCH, watch?.key)
    const isExclusive = changesSession(block)
    const complete = context.defer()
    if (isExclusive) pending.isExclusive = true
    const exec = context.command as Command
    forwarding.send(forwardContextOf(client), encoded, block, owner, (bytes) => {
      if (isExclusive) pending.isExclusive = false
      const reply = this.#withOwnReplies(client, exec, block, bytes)
      this.#host.telemetry.count(exec.stats)
      complete(reply)
    })
  }

  /** The reply of another node to the commands with keys, completed by those of the others, which are run now. */
  #withOwnReplies(client: Client, exec: Command, block: Block, bytes: Buffer): Buffer {
    if (block.every(({ positions }) => positions.length > 0)) return bytes
    const replies = elementsOf(bytes)
    if (replies === undefined) return bytes
    const context = this.#context
    context.instant.refresh()
    this.#runner.resume(
      { client, command: exec, args: context.args, protocol: client.protocol },
      client.group,
    )
    let replied = 0
    const replyOf = ({ positions }: BlockCommand): Buffer | undefined =>
      positions.length > 0 ? replies[replied++] : undefined
    this.#blocks.run(block, { client, isSilent: false }, () => false, replyOf)
    return context.reply.take()
  }

  /** Runs a block on this node, or defers its reply until all its keys are here. */
  #begin(block: Block, watch: Watch | undefined): void {
    const context = this.#context
    const { args, client, reply } = context
    const { protocol } = reply
    const isSilent = client.replyMode === 'off' || client.replyMode === 'skip'
    const loads = new BlockLoads(block, BlockWrites.loadsFirst)
    const exec = context.command as Command
    const since = context.instant.monotonicMs
    const pending: PendingBlock = { client, block, loads, watch, protocol, isSilent, exec, args, since }
    const pulls = this.#forwarding?.pull(block)
    const writes = BlockWrites.of(block)
    if (writes !== undefined) {
      pending.args = args.detach()
      pending.complete = this.#defer(pending)
      void this.#write(pending, writes, pulls)
      return
    }
    if (pulls === undefined && !this.#load(pending)) {
      this.#run(pending)
      context.keepsReply = client.replyMode !== 'on'
      return
    }
    pending.args = args.detach()
    pending.complete = this.#defer(pending)
    void pulls?.then(() => {
      context.instant.refresh()
      if (!this.#load(pending)) this.#finish(pending, undefined)
    })
  }

  /** Runs a block that writes to origins. */
  async #write(
    pending: PendingBlock,
    writes: BlockWrites,
    pulls: Promise<unknown> | undefined,
  ): Promise<void> {
    const { instant } = this.#context
    const { watch, loads, client } = pending
    await pulls
    await writes.exclusive(watch, async () => {
      instant.refresh()
      let error: string | undefined
      for (let isLoading = true; isLoading && error === undefined; ) {
        error = await new Promise((resolve) => {
          isLoading = loads.begin(instant.monotonicMs - pending.since, resolve)
          if (!isLoading) resolve(undefined)
        })
        instant.refresh()
      }
      const isIntact = watch?.check() !== false
      if (error === undefined && isIntact) {
        if (this.#resendIfMoved(pending)) return
        loads.storeTemporarily()
        error = await writes
          .write(this.#runner, this.#blocks, client)
          .catch((fault) => this.#faultOf(pending, fault))
        // The block has taken place: what changes from now on comes after it.
        watch?.release()
      }
      this.#finish(pending, error, writes)
    })
  }

  #faultOf({ exec }: PendingBlock, fault: unknown): string {
    this.#context.inTransaction = false
    this.#context.reply.rewind(0)
    this.#host.reportFault(fault, exec.fullName)
    return 'ERR internal error'
  }

  /** False: nothing has to be loaded (any more). */
  #load(pending: PendingBlock): boolean {
    const { instant } = this.#context
    return pending.loads.begin(instant.monotonicMs - pending.since, (error) => {
      instant.refresh()
      if (error !== undefined || !this.#load(pending)) this.#finish(pending, error)
    })
  }

  #run({ block, client, isSilent, loads, watch }: PendingBlock, writes?: BlockWrites): void {
    watch?.release()
    if (writes === undefined) loads.storeTemporarily()
    else writes.apply()
    const replyOf = writes && ((entry: BlockCommand): Buffer | undefined => writes.replyOf(entry))
    this.#blocks.run(block, { client, isSilent }, (entry) => loads.isCounted(entry), replyOf)
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
  #finish(pending: PendingBlock, error: string | undefined, writes?: BlockWrites): void {
    const { client, watch, exec, args, protocol, isSilent } = pending
    const context = this.#context
    const { reply } = context
    const { telemetry } = this.#host
    const isIntact = watch?.check() !== false
    if (error === undefined && isIntact && writes === undefined && this.#resendIfMoved(pending)) return
    const startedAt = telemetry.now()
    this.#runner.resume({ client, command: exec, args, protocol }, client.group)
    try {
      if (error === undefined && isIntact) this.#run(pending, writes)
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

  /** Sends a block that has waited to the owner of its keys, if that is another node by now. */
  #resendIfMoved({ client, block, watch, protocol, exec, args, complete }: PendingBlock): boolean {
    const forwarding = this.#forwarding
    if (forwarding === undefined || complete === undefined || this.#host.cluster?.isAlone !== false)
      return false
    const encoded = exec.fullName === 'exec' ? forwarding.encode(block, NO_WATCH, undefined) : args
    if (forwarding.refuses(client, encoded, block)) {
      watch?.release()
      complete(Buffer.from(`-${NO_MAJORITY}\r\n`))
      return true
    }
    const { group, noTouch } = client
    const isMoved = forwarding.resendIfMoved({ client, group, protocol, noTouch }, encoded, (bytes) =>
      complete(exec.fullName === 'exec' ? this.#withOwnReplies(client, exec, block, bytes) : bytes),
    )
    if (isMoved) watch?.release()
    return isMoved
  }
}

/** The owner of a block and of what its client watches, as `BlockForwarding.ownerOf`. */
function routeOf(
  forwarding: BlockForwarding,
  client: Client,
  block: Block,
  watch: ClientWatch | undefined,
): { owner: number; error?: string } {
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

function ownerOfWatch(watch: ClientWatch): number {
  return watch instanceof RemoteWatch ? watch.peer.index : SELF
}
