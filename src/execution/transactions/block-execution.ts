// Runs a block: at once, or after its keys are loaded or fetched, or at the node that owns its keys.

import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import { INTERNAL_ERROR, NO_MAJORITY } from '../../commands/spec/errors.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Watch } from '../../group/watches/watched-keys.ts'
import type { Args } from '../../resp/args.ts'
import { errorReply } from '../../resp/reply.ts'
import { isTracing, type Traced } from '../../telemetry/tracing.ts'
import type { Permissions } from '../permissions.ts'
import { forwardContextOf } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import { beginCommand, errorOf } from '../spans.ts'
import { type Block, type BlockCommand, changesSession, keyNamesOf } from './block.ts'
import { BlockLoads } from './block-loads.ts'
import { BlockRunner } from './block-run.ts'
import { BlockWrites } from './block-writes.ts'
import { type BlockForwarding, NO_WATCH } from './forwarding.ts'
import type { RemoteWatch } from './remote-watch.ts'
import { withoutUncertain } from './rights.ts'
import { elementsOf } from './splice.ts'

/** A block that runs or waits for loads, with the state that it needs to run. */
interface PendingBlock {
  /** The client; for a block that another node has sent, the connection of that node. */
  readonly client: Client
  readonly block: Block
  readonly loads: BlockLoads
  readonly watch: Watch | undefined
  readonly protocol: 2 | 3
  readonly isSilent: boolean
  /** EXEC or PEER EXEC, and its arguments. */
  readonly exec: Command
  args: Args
  /** When it began, ms of the monotonic clock. */
  readonly since: number
  /** Why commands that need loads do not run, although those on groups that write to their origin have. */
  lateError?: string | undefined
  /** The span, which begins with the first load; `undefined`: nothing is loaded, or it is not traced. */
  span?: Traced | undefined
  /** Takes the reply; `undefined`: the reply is not deferred. */
  complete?: (reply: Buffer) => void
}

export class BlockExecution {
  /** `undefined`: this node is not in a cluster. */
  forwarding: BlockForwarding | undefined
  readonly #runner: Runner
  readonly #context: Context
  readonly #host: Host
  readonly #blocks: BlockRunner

  constructor(runner: Runner, host: Host, permissions: Permissions) {
    this.#runner = runner
    this.#context = runner.context
    this.#host = host
    this.#blocks = new BlockRunner(runner, host, permissions)
  }

  /** Sends a block to the owner of its keys. */
  forward(forwarding: BlockForwarding, block: Block, watch: RemoteWatch | undefined, owner: number): void {
    const context = this.#context
    const { client } = context
    const { pending } = client
    const encoded = forwarding.encode(block, watch?.id ?? NO_WATCH, watch?.key)
    const isExclusive = changesSession(block)
    const complete = context.defer()
    if (isExclusive) pending.isExclusive = true
    const exec = context.command as Command
    const span = isTracing() ? beginCommand(client, exec, client.group, client.trace) : undefined
    const trace = span?.context
    forwarding.send({ ...forwardContextOf(client), trace }, encoded, block, owner, (bytes) => {
      span?.end(errorOf(bytes))
      if (isExclusive) pending.isExclusive = false
      const reply = this.#withOwnReplies(client, exec, block, bytes)
      this.#host.telemetry.count(exec.stats)
      complete(reply)
    })
  }

  /** Merges another node's replies to the commands with keys with the replies to the others, which run here now. */
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
  begin(block: Block, watch: Watch | undefined): void {
    const context = this.#context
    const { args, client, reply } = context
    const { protocol } = reply
    const isSilent = client.replyMode === 'off' || client.replyMode === 'skip'
    const { trace } = client
    const exec = context.command as Command
    const loads = new BlockLoads(block, BlockWrites.loadsFirst, () => {
      if (isTracing()) pending.span ??= beginCommand(client, exec, client.group, trace)
      return pending.span?.context
    })
    const since = context.instant.monotonicMs
    const pending: PendingBlock = { client, block, loads, watch, protocol, isSilent, exec, args, since }
    const pulls = this.forwarding?.pull(block)
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
    const { watch, loads, client } = pending
    await pulls
    await writes.exclusive(watch, async () => {
      let error: string | undefined
      // The block runs at the time at which no key is missing: later, one may have expired.
      for (let loaded = this.#nextLoads(pending); loaded !== undefined; loaded = this.#nextLoads(pending)) {
        error = await loaded
        if (error !== undefined) break
      }
      const isIntact = watch?.check() !== false
      if (error === undefined && isIntact) {
        if (this.#resendIfMoved(pending)) return
        loads.storeTemporarily()
        // The block runs now: later changes come after it.
        watch?.release()
        error = await writes
          .write(this.#runner, this.#blocks, client)
          .catch((fault) => this.#faultOf(pending, fault))
        // Keys of other groups may have expired while the origins were written to.
        loads.partlyRun()
        for (let loaded = this.#nextLoads(pending); loaded !== undefined; loaded = this.#nextLoads(pending)) {
          pending.lateError = await loaded
          if (pending.lateError !== undefined) break
        }
        loads.storeTemporarily()
      }
      this.#finish(pending, error, writes)
    })
  }

  /** Loads the keys that are missing now. Resolves to an error; `undefined`: none is missing. */
  #nextLoads({ loads, since }: PendingBlock): Promise<string | undefined> | undefined {
    const { instant } = this.#context
    instant.refresh()
    let isLoading = false
    const loaded = new Promise<string | undefined>((resolve) => {
      isLoading = loads.begin(instant.monotonicMs - since, resolve)
    })
    return isLoading ? loaded : undefined
  }

  #faultOf({ exec }: PendingBlock, fault: unknown): string {
    this.#context.inTransaction = false
    this.#context.reply.rewind(0)
    this.#host.reportFault(fault, exec.fullName)
    return INTERNAL_ERROR
  }

  /** False: nothing has to be loaded (any more). */
  #load(pending: PendingBlock): boolean {
    const { instant } = this.#context
    return pending.loads.begin(instant.monotonicMs - pending.since, (error) => {
      instant.refresh()
      if (error !== undefined || !this.#load(pending)) this.#finish(pending, error)
    })
  }

  #run({ block, client, isSilent, loads, watch, lateError }: PendingBlock, writes?: BlockWrites): void {
    watch?.release()
    if (writes === undefined) loads.storeTemporarily()
    else writes.apply()
    const lateReply = lateError === undefined ? undefined : errorReply(lateError)
    const replyOf =
      writes &&
      ((entry: BlockCommand): Buffer | undefined => {
        const needsLoad = entry.group.flights !== undefined && entry.positions.length > 0
        return writes.replyOf(entry) ?? (needsLoad ? lateReply : undefined)
      })
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
    // The block itself applies CLIENT REPLY to its commands.
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

  /** The loads of a block have ended: runs it, or replies with an error. */
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
    pending.span?.end(errorOf(bytes))
    pending.complete?.(bytes)
  }

  /** Sends a block that has waited to the owner of its keys, if that is another node by now. */
  #resendIfMoved({ client, block: own, watch, protocol, exec, args, span, complete }: PendingBlock): boolean {
    const forwarding = this.forwarding
    const block = withoutUncertain(own)
    if (forwarding === undefined || complete === undefined) return false
    if (forwarding.refuses(client, block)) {
      watch?.release()
      span?.end(NO_MAJORITY)
      complete(errorReply(NO_MAJORITY))
      return true
    }
    const encoded = exec.fullName === 'exec' ? forwarding.encode(block, NO_WATCH, undefined) : args
    const { group, noTouch } = client
    const trace = span?.context
    const isMoved = forwarding.resendIfMoved(
      { client, group, protocol, noTouch, trace },
      encoded,
      (bytes) => {
        span?.end(errorOf(bytes))
        complete(exec.fullName === 'exec' ? this.#withOwnReplies(client, exec, block, bytes) : bytes)
      },
    )
    if (isMoved) watch?.release()
    return isMoved
  }
}
