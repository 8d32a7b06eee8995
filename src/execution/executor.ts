// Runs requests: finds the command, checks whether it may run, loads what it misses, and keeps the order per key.
//
// An adapter (the RESP connection, the embedded program, an HTTP gateway) brings requests in and replies out:
// 1. It implements `Client`: it extends `ClientState`, and reserves the places of deferred replies (`deferReply`,
//    `deferForwardedReply` with the receiver that `receiverFor` makes). Completed places are sent in order.
// 2. It refreshes the context's clock (`Instant`) before a batch, and calls `execute` for each request, never from
//    within another one. Afterwards the reply is in `Context.reply`, or its place is reserved.
// 3. On `STALLED` it keeps the request, takes no more from this client, and offers it again after `resume`.
// 4. Optionally it calls `prefetch` around a batch of requests. It must keep their bytes unchanged until `prefetch.end`.
//
// More than 300 lines: what runs for every request stays in one class, so that its calls are monomorphic and inlined.

import type { Hasher } from '../bytes/hash.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type Client, deferReply } from '../commands/spec/client.ts'
import type { Context } from '../commands/spec/context.ts'
import {
  FLUSH_LATER,
  MAX_SHOWN,
  NO_MAJORITY,
  NOT_A_PEER,
  printable,
  unknownCommand,
  wrongArguments,
} from '../commands/spec/errors.ts'
import type { Host } from '../commands/spec/host.ts'
import type { Command } from '../commands/spec/ready-command.ts'
import { removedGroup } from '../commands/spec/selection.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { errorReply } from '../resp/reply.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { KeyWaits } from './blocking/key-waits.ts'
import type { Waiting } from './blocking/waiting.ts'
import { isHttp } from './http.ts'
import { keyName } from './loading/load-results.ts'
import { Loading } from './loading/loading.ts'
import { isAtLimit, mustWait, usesWholeKeyspace } from './ordering.ts'
import { Permissions } from './permissions.ts'
import { Prefetch } from './prefetch.ts'
import { Dispatcher } from './routing/dispatcher.ts'
import { type DeferredCommand, type ForwardedRequest, forwardContextOf } from './routing/forwarded-request.ts'
import { MovedCommands } from './routing/moved-commands.ts'
import { readRequest, requestBytes, withArguments } from './routing/request.ts'
import { COPY, HERE, Routing, WAIT } from './routing/routing.ts'
import { Runner } from './runner.ts'
import type { CommandTable } from './table.ts'
import { PAUSED, RUN, TransactionExecutor } from './transactions/transactions.ts'
import { OriginWrites } from './writing/origin-writes.ts'

/** The request was run; its reply is written or deferred. */
const DONE = 0
/** The request must not run yet: offer it again when the client is resumed. */
export const STALLED = 1
export type Outcome = typeof DONE | typeof STALLED

/** The error for a waiting command whose group wrote to its origin when the wait began, and since a reload does not. */
const POLICY_CHANGED = 'TRYAGAIN the `write` of the group has just changed: repeat the command'

export class Executor {
  readonly #table: CommandTable
  readonly #context: Context
  readonly #host: Host
  readonly #telemetry: Telemetry
  /** `undefined`: this node is not in a cluster. */
  readonly #routing: Routing | undefined
  readonly #dispatcher: Dispatcher | undefined
  readonly #moved: MovedCommands | undefined
  readonly #runner: Runner
  readonly #loading: Loading
  readonly #originWrites: OriginWrites
  readonly #transactions: TransactionExecutor
  readonly #waits: KeyWaits
  readonly #permissions: Permissions
  /** Set by `#resolve`: the request has to wait for an earlier command, see `awaitsExclusive`. */
  #isTooEarly = false
  readonly prefetch: Prefetch

  constructor(table: CommandTable, context: Context, host: Host, hasher: Hasher) {
    this.prefetch = new Prefetch(hasher)
    this.#table = table
    this.#context = context
    this.#host = host
    this.#telemetry = host.telemetry
    this.groupsChanged([])
    context.reply.onError = (text) => this.#telemetry.errorReply(text)
    this.#runner = new Runner(context, host)
    const permissions = new Permissions(context)
    this.#permissions = permissions
    const resendIfMoved = (request: DeferredCommand): boolean =>
      this.#moved?.resendIfMoved(request, request.args, request.complete) === true
    this.#loading = new Loading(this.#runner, host.telemetry, resendIfMoved)
    this.#originWrites = new OriginWrites(this.#runner, host.telemetry, resendIfMoved, (wait, written) =>
      this.#waits.addPending(wait, written),
    )
    this.#transactions = new TransactionExecutor(this.#runner, host, table, permissions)
    context.transactions = this.#transactions
    this.#waits = new KeyWaits({
      context,
      host,
      permissions,
      runAgain: (waiting) => queueMicrotask(() => this.#runAgain(waiting)),
      ownerOf: (waiting) => this.#moved?.ownerOf(waiting),
      resend: (waiting) => {
        const { args, command, complete, wait } = waiting
        const { keys, resolved } = wait
        const own = resolved === undefined ? args : readRequest(withArguments(requestBytes(args), resolved))
        ;(this.#dispatcher as Dispatcher).resend(waiting, command, own, keys, complete)
      },
    })
    context.waits = this.#waits
    const { cluster } = host
    if (cluster === undefined) return
    const runHere = (forwarded: ForwardedRequest, args: Args): void => this.#runForwarded(forwarded, args)
    this.#dispatcher = new Dispatcher({ cluster, context, table, permissions, runHere })
    this.#routing = new Routing(cluster, context, this.#dispatcher)
    this.#moved = new MovedCommands({
      cluster,
      context,
      dispatcher: this.#dispatcher,
      routing: this.#routing,
      run: (forwarded, args, isPulled) => this.#runForwarded(forwarded, args, isPulled),
    })
    cluster.onOwnersChanged = () => this.#waits.ownersChanged()
    this.#transactions.join({ cluster, dispatcher: this.#dispatcher, routing: this.#routing })
  }

  /** Groups may have been added. Commands that wait for keys of removed groups end with an error. */
  groupsChanged(removed: readonly Group[]): void {
    const { groups, telemetry } = this.#host
    for (const group of groups) group.originCalls.observer = telemetry
    for (const group of removed) this.#waits.end(group, errorReply(removedGroup(group, groups)))
  }

  /** The receiver of the reply to a client's request that was sent to another node in this context. */
  receiverFor(client: Client, context: number, complete: (reply: Buffer) => void): ForwardedRequest {
    return (this.#dispatcher as Dispatcher).forwardedRequest(
      { client, trace: client.trace, ...(this.#host.cluster as Cluster).requestContextOf(context) },
      complete,
    )
  }

  /** Whether this client's requests will probably use the local store: otherwise `prefetch` is not worth its cost. */
  usesLocalStore(client: Client): boolean {
    return this.#routing === undefined || client.peer !== undefined || !this.#routing.forwardsMost
  }

  /** When a request that was timed individually last ended, µs. */
  get lastTimedAt(): number {
    return this.#telemetry.lastTimedAt
  }

  /** Runs one request of a client. `args` may be reused afterwards, unless the outcome is `STALLED`. */
  execute(client: Client, args: Args): Outcome {
    const context = this.#context
    const { reply } = context
    context.args = args
    context.client = client
    reply.protocol = client.protocol
    const mark = reply.mark()
    const command = this.#resolve(client, args)
    if (command === undefined) {
      if (this.#isTooEarly) {
        this.#isTooEarly = false
        return STALLED
      }
      this.#telemetry.failed = false
      this.#applyReplyMode(client, mark)
      return DONE
    }
    if (client.transaction !== undefined) {
      const queueing = this.#transactions.queue(client, command)
      if (queueing === PAUSED) return STALLED
      if (queueing !== RUN) {
        this.#applyReplyMode(client, mark)
        return DONE
      }
    }
    // A request that another node coordinates never waits: see `Dispatcher`.
    if (
      client.pending.size !== 0 &&
      client.peer?.isCoordinated !== true &&
      mustWait(client, command, context)
    ) {
      if (client.peer === undefined || usesWholeKeyspace(command, args) || isAtLimit(client)) return STALLED
      // Requests of other clients behind it on the same peer connection must not wait with it.
      this.#enqueue(client, command)
      return DONE
    }
    // CLIENT PAUSE must not delay heartbeats: other nodes would declare this node dead.
    const mayPause = client.peer === undefined || command.isRouted
    if (mayPause && this.#host.mustPause(client, command)) return this.#stall(client, command)
    client.lastCommand = command.fullName
    if (this.#routing !== undefined && command.isRouted) {
      const route = this.#routing.route(client, command)
      if (route === WAIT) return this.#stall(client, command)
      client.asking = false
      if (route === COPY) this.#runOnCopy(client, command, mark)
      if (route !== HERE) {
        if (this.#host.monitors !== 0 && command.isShown) this.#host.feedMonitors(client, command, args)
        this.#telemetry.count(command.stats)
        if (reply.mark() > mark) this.#applyReplyMode(client, mark)
        return DONE
      }
      if (this.#host.cluster?.isSettling && this.#moved?.pull(client, command)) return DONE
    } else if (client.asking) client.asking = false
    const { stats } = command
    const telemetry = this.#telemetry
    const timed = telemetry.timesAll || command.isTimed(args)
    const startedAt = timed ? telemetry.now() : 0
    context.group = client.group
    const ran = this.#runOrDefer(client, command, mark)
    if (!ran && this.#isStalled()) return STALLED
    if (this.#host.monitors !== 0 && command.isShown) this.#host.feedMonitors(client, command, args)
    if (!ran) return DONE
    if (timed) telemetry.finish(stats, startedAt, client, args, command.secretsOf(args))
    else telemetry.count(stats)
    this.#applyReplyMode(client, mark)
    if (this.#waits.hasReady) this.#waits.serveReady()
    return DONE
  }

  /**
   * Runs a forwarded request on this node: one that was queued, or whose keys this node owns by now. The reply
   * writer must be empty.
   */
  #runForwarded(forwarded: ForwardedRequest, args: Args, isPulled = false): void {
    const context = this.#context
    const { reply } = context
    const { client, group, protocol } = forwarded.context
    const command = this.#table.resolve(args)
    if (command === undefined || !command.accepts(args.count)) {
      forwarded.fail('ERR the forwarded request is invalid')
      return
    }
    context.instant.refresh()
    context.args = args
    context.client = client
    context.group = group
    reply.protocol = protocol
    if (group.isRemoved) {
      forwarded.fail(removedGroup(group, this.#host.groups))
      return
    }
    if (command.isRouted && this.#routing?.refuses(client, group, command)) {
      forwarded.fail(NO_MAJORITY)
      return
    }
    const mayPull = !isPulled && command.isRouted && this.#host.cluster?.isSettling
    if (mayPull && this.#moved?.pull(client, command, forwarded)) return
    const startedAt = this.#telemetry.now()
    context.forwarded = forwarded.complete
    const ran = this.#runOrDefer(client, command, 0, forwarded)
    context.forwarded = undefined
    if (!ran) return
    const bytes = reply.take()
    this.#telemetry.finish(command.stats, startedAt, client, args, command.secretsOf(args))
    forwarded.complete(bytes)
  }

  /** Runs the command. False: its reply is deferred, since it waits for loads or the origin, or runs in slices. */
  #runOrDefer(client: Client, command: Command, mark: number, forwarded?: ForwardedRequest): boolean {
    const context = this.#context
    const { group } = context
    context.command = command
    context.store = group.store
    context.loaded = false
    context.missed = false
    if (group.writes !== undefined && this.#originWrites.handles(command))
      return !this.#originWrites.begin(client, command, forwarded)
    if (
      group.flights !== undefined &&
      command.loadsFirst(context.args) &&
      this.#loading.begin(client, command, forwarded)
    )
      return false
    if (command.isWrite && group.isWatched && !command.spec.fencesItself) this.#runner.fence(command)
    this.#runner.run(command, mark)
    if (!context.missed) return true
    if (context.isDeferred) {
      context.isDeferred = false
      return false
    }
    context.reply.rewind(mark)
    this.#telemetry.failed = false
    if (this.#loading.begin(client, command, forwarded)) return false
    context.loaded = true
    this.#runner.run(command, mark)
    if (!context.isDeferred) return true
    context.isDeferred = false
    return false
  }

  /** Whether the handler asked for the request to be offered again (`Context.isStalled`). */
  #isStalled(): boolean {
    const { isStalled } = this.#context
    this.#context.isStalled = false
    return isStalled
  }

  /**
   * The context's command cannot run now, and later ones of its connection wait for it. Not on the control link of
   * another node, where heartbeats would wait: a flush that has come over it is refused, and sent again.
   */
  #stall(client: Client, command: Command): typeof STALLED | typeof DONE {
    if (client.peer === undefined || command.fanOutOf(this.#context.args) !== 'ok') return STALLED
    client.isPaused = false
    this.#context.reply.error(FLUSH_LATER)
    return DONE
  }

  /** Runs a read on this node's hot copies of other nodes' values. */
  #runOnCopy(client: Client, command: Command, mark: number): void {
    const context = this.#context
    context.command = command
    context.group = client.group
    context.store = client.group.copies?.store ?? client.group.store
    context.loaded = true
    context.missed = false
    this.#runner.run(command, mark)
  }

  /** A forwarded request that takes the deferred reply of the current command. */
  #forwardedRequest(client: Client): ForwardedRequest {
    return (this.#dispatcher as Dispatcher).forwardedRequest(forwardContextOf(client), deferReply(client))
  }

  /** Queues a peer's command until earlier commands on its keys are done. */
  #enqueue(client: Client, command: Command): void {
    const context = this.#context
    const keys = command.keysOf(context).map((i) => keyName(context.args, i))
    const args = context.args.detach()
    const request = this.#forwardedRequest(client)
    client.pending.enqueue({
      keys,
      bytes: args.buf.length,
      conflictsWithReads: !command.loadsThrough,
      run: () => {
        if (!this.#moved?.resendIfMoved({ ...request.context, command }, args, request.complete))
          this.#runForwarded(request, args)
      },
    })
  }

  /** Runs a command that has waited for its keys, in a group that writes to its origin. */
  #runAgain(waiting: Waiting): void {
    const { client, command, completed: complete } = waiting
    const { reply } = this.#context
    if (waiting.group.writes === undefined) {
      complete(errorReply(POLICY_CHANGED))
      return
    }
    this.#context.instant.refresh()
    this.#runner.resume(waiting, waiting.group)
    if (!this.#originWrites.begin(client, command, { context: waiting, complete })) complete(reply.take())
  }

  /** The command to run; `undefined`: an error was written, or `#isTooEarly` is set. */
  #resolve(client: Client, args: Args): Command | undefined {
    const command = this.#table.resolve(args)
    if (command === undefined) {
      const container = this.#table.find(args, 0)
      const name = container?.spec.name.toUpperCase()
      if (isHttp(args) && !awaitsExclusive(client)) this.#host.refuseHttp(client)
      else if (name === undefined) this.#refuse(client, undefined, unknownCommand(args), 'latin1')
      else {
        const sub = printable(args, 1, MAX_SHOWN)
        this.#refuse(client, undefined, `ERR unknown subcommand '${sub}'. Try ${name} HELP.`, 'latin1')
      }
      return undefined
    }
    if (!command.accepts(args.count)) {
      this.#refuse(client, command, wrongArguments(command.fullName))
      return undefined
    }
    if (!client.authenticated && !command.needsNoAuth) {
      this.#refuse(client, command, 'NOAUTH Authentication required.')
      return undefined
    }
    if (!client.user.isUnlimited && !this.#mayRun(client, command)) return undefined
    if (command.isForPeers && client.peer === undefined) {
      this.#refuse(client, command, NOT_A_PEER)
      return undefined
    }
    if (client.group.isRemoved && command.usesGroup && client.peer === undefined) {
      this.#refuse(client, command, removedGroup(client.group, this.#host.groups))
      return undefined
    }
    return command
  }

  /** Whether the user of a client may run the request. False: an error was written, or `#isTooEarly` is set. */
  #mayRun(client: Client, command: Command): boolean {
    this.#isTooEarly = awaitsExclusive(client)
    if (this.#isTooEarly) return false
    const refusal = this.#permissions.refusalOf(client, command)
    if (refusal !== undefined) this.#refuse(client, command, refusal)
    return refusal === undefined
  }

  /** Refuses a request before it is run, or sets `#isTooEarly`. */
  #refuse(
    client: Client,
    command: Command | undefined,
    error: string,
    encoding: 'utf8' | 'latin1' = 'utf8',
  ): void {
    this.#isTooEarly = awaitsExclusive(client)
    if (this.#isTooEarly) return
    if (command !== undefined) command.stats.rejectedCalls++
    this.#context.reply.error(this.#transactions.refused(client, command, error), encoding)
  }

  /** CLIENT REPLY: drops what was written since `mark` if this client wants no reply. */
  #applyReplyMode(client: Client, mark: number): void {
    if (client.replyMode === 'on') return
    const { keepsReply } = this.#context
    this.#context.keepsReply = false
    if (client.replyMode === 'skip-next') {
      client.replyMode = 'skip'
      return
    }
    if (!keepsReply) this.#context.reply.rewind(mark)
    if (client.replyMode === 'skip') client.replyMode = 'on'
  }
}

/**
 * Whether an earlier command of the client is pending that all later ones wait for, also those that are refused: an AUTH
 * that is delayed may change the user, and a blocking command may end without a reply.
 */
function awaitsExclusive({ pending, peer }: Client): boolean {
  return pending.isExclusive && peer === undefined
}
