// Steps 2 and 3 of the read path: decides whether this node runs a command, and forwards it to the owner if not.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Link } from '../../cluster/links/link.ts'
import type { Peer } from '../../cluster/links/peer.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import { Waiters } from '../../cluster/waiters.ts'
import { type Client, type CompleteReply, deferReply } from '../../commands/spec/client.ts'
import type { FanOut } from '../../commands/spec/command.ts'
import type { Context } from '../../commands/spec/context.ts'
import { NO_MAJORITY, UNKNOWN_PEER_GROUP } from '../../commands/spec/errors.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { isTracing } from '../../telemetry/tracing.ts'
import { beginCommand, endingWith } from '../spans.ts'
import { CROSS_SLOT, type Dispatcher } from './dispatcher.ts'
import { fanOut } from './fan-out.ts'
import { type ForwardedRequest, forwardContextOf, movedTo } from './forwarded-request.ts'
import type { ReplyTarget } from './gather.ts'
import { askSize, type Nodes } from './key-reports.ts'
import { fanOutList } from './lists.ts'
import { requestBytes } from './request.ts'
import { fanOutByCursor, isOfAllNodes } from './scans.ts'
import type { Ask, Part } from './scatter.ts'

/** This node runs the command. */
export const HERE = 0
/** The command runs on this node's hot copy of the value. */
export const COPY = 1
/** The reply is written or deferred. */
const SENT = 2
/** The command cannot be routed yet: offer it again when the client is resumed. */
export const WAIT = 3
export type Route = typeof HERE | typeof COPY | typeof SENT | typeof WAIT

/** `forwardsMost` is updated after this many commands with one key. */
const SAMPLE_SIZE = 256

/** How many commands may list the keys of all nodes at a time: each holds the replies of all nodes in memory. */
const MAX_LISTS = 4

export class Routing {
  /** Whether most commands of clients are forwarded: prefetching from the local store is then wasted work. */
  forwardsMost = false
  /** Running commands that list the keys of all nodes, and clients that wait to run one. */
  #lists = 0
  readonly #listWaiters = new Waiters()
  #routed = 0
  #sent = 0
  readonly #cluster: Cluster
  readonly #context: Context
  readonly #dispatcher: Dispatcher

  constructor(cluster: Cluster, context: Context, dispatcher: Dispatcher) {
    this.#cluster = cluster
    this.#context = context
    this.#dispatcher = dispatcher
  }

  /** Decides where the context's request runs, and forwards it if needed; only for routed commands. */
  route(client: Client, command: Command): Route {
    const cluster = this.#cluster
    if (cluster.isLeasePending) {
      cluster.whenLeaseHeld(client)
      return WAIT
    }
    if (cluster.partition?.isRefusing && this.refuses(client, client.group, command)) {
      this.#context.reply.error(NO_MAJORITY)
      return SENT
    }
    if (client.peer !== undefined) return cluster.isAlone ? HERE : this.#checkPeer(client, command)
    if (client.routedByView !== cluster.ownersVersion) {
      // The order per key: requests routed by the previous view are answered before one is sent to another owner.
      if (client.awaitsReplies) return WAIT
      client.routedByView = cluster.ownersVersion
    }
    if (cluster.isAlone && !(command.spec.fanOut === 'cursor' && isOfAllNodes(this.#context.args)))
      return HERE
    if (!command.hasOneKey) return this.#routeMany(client, command)
    const { args } = this.#context
    const i = command.firstKey
    const slot = keySlot(args.buf, args.start[i], args.end[i])
    const owner = cluster.owners[slot]
    if (++this.#routed === SAMPLE_SIZE) this.#endSample()
    if (owner === SELF) return HERE
    this.#sent++
    if (cluster.redirects && !client.isProgram) return client.asking ? HERE : this.#redirect(slot, owner)
    const peer = cluster.peers[owner]
    if (peer === undefined || peer.hasLeft) return this.#coordinate(client, command)
    if (command.mayUseCopy) {
      // A copy may be older than a WATCH of its key, or than the client's own write.
      const mayBeCopy = client.watch === undefined && !(client.hasForwardedWrite && awaitsWrite(client))
      if (mayBeCopy && cluster.copies.serve(client.group, args, i, peer.name)) return COPY
    } else if (command.isWrite && cluster.keepsCopy(client, args, i, peer)) client.hasForwardedWrite = true
    return this.#forward(client, command, args, peer)
  }

  /**
   * Whether the group refuses the context's request because of a partition: a write, or a read that no origin can
   * answer, of keys that this node owns, or of any keys while it is in a minority.
   */
  refuses(client: Client, group: Group, command: Command): boolean {
    if (!group.refuses) return false
    const { owners, partition } = this.#cluster
    const { args } = this.#context
    partition?.check()
    if (!partition?.isRefusing || (!command.isWrite && group.flights !== undefined)) return false
    if (command.fanOutOf(args) !== undefined) return partition.isMinority
    const positions = command.keysOf(this.#context)
    if (partition.isMinority && client.peer === undefined) return positions.length > 0
    return positions.some((i) => {
      const slot = keySlot(args.buf, args.start[i], args.end[i])
      return owners[slot] === SELF && partition.isWithheld(slot)
    })
  }

  #endSample(): void {
    this.forwardsMost = this.#sent > SAMPLE_SIZE / 2
    this.#routed = 0
    this.#sent = 0
  }

  /** Forwards the request's bytes unchanged; the reply's bytes are passed back unchanged. */
  #forward(client: Client, command: Command, args: Args, peer: Peer): Route {
    const link = peer.data(client.id)
    if (link.isFull) {
      peer.whenDrained(client)
      return WAIT
    }
    const context = this.#cluster.contextOf(client.group, client.protocol, client.noTouch, false)
    const isPlain = client.replyMode === 'on' && !link.isClosed && !command.mayWait
    if (!isPlain || isTracing()) {
      this.#forwardAlone(client, command, args, link, context, isPlain)
      return SENT
    }
    const receiver = client.deferForwardedReply(link, context)
    if (args.frameStart >= 0) link.send(receiver, context, args.buf, args.frameStart, args.frameEnd)
    else {
      const request = requestBytes(args)
      link.send(receiver, context, request, 0, request.length)
    }
    return SENT
  }

  /** The same for a request that is traced or may block: its reply has a place of its own in the output queue. */
  #forwardAlone(
    client: Client,
    command: Command,
    args: Args,
    link: Link,
    context: number,
    isPlain: boolean,
  ): void {
    const span = isTracing() ? beginCommand(client, command, client.group, client.trace) : undefined
    const receiver = isPlain
      ? client.deferForwardedReply(link, context).deferred(link, 0)
      : this.#dispatcher.requestOf(
          { ...forwardContextOf(client), trace: span?.context },
          command,
          args,
          endingWith(span, deferReply(client)),
        )
    const forwarded = receiver as ForwardedRequest
    if (isPlain) forwarded.traceAs(span)
    const isWhole = args.frameStart >= 0
    const request = isWhole ? args.buf : requestBytes(args)
    const [from, to] = isWhole ? [args.frameStart, args.frameEnd] : [0, request.length]
    forwarded.sendOver(link, context, request, from, to)
  }

  /** A peer's request runs here if this node owns its keys or the peer has the same view. */
  #checkPeer(client: Client, command: Command): Route {
    const cluster = this.#cluster
    const { agreedGeneration, isCoordinated, isUnknownGroup } = client.peer as NonNullable<Client['peer']>
    if (isUnknownGroup) {
      this.#context.reply.error(UNKNOWN_PEER_GROUP)
      return SENT
    }
    if (agreedGeneration === cluster.generation) return HERE
    const { args, reply } = this.#context
    for (const i of command.keysOf(this.#context)) {
      const slot = keySlot(args.buf, args.start[i], args.end[i])
      const owner = cluster.owners[slot]
      if (owner === SELF) continue
      if (!isCoordinated && !command.mayWait) return this.#coordinate(client, command)
      reply.raw(movedTo(cluster.peers[owner]?.name ?? ''))
      return SENT
    }
    return HERE
  }

  #coordinate(client: Client, command: Command): Route {
    this.#dispatcher.coordinate(client, command)
    return SENT
  }

  #routeMany(client: Client, command: Command): Route {
    const kind = command.fanOutOf(this.#context.args)
    if (kind !== undefined) return this.#fanOut(client, command, kind)
    const cluster = this.#cluster
    const { args, reply } = this.#context
    const positions = command.keysOf(this.#context)
    if (positions.length === 0) return HERE
    const parts = this.#dispatcher.partsOf(args, positions)
    if (cluster.redirects && !client.isProgram)
      return client.asking ? HERE : this.#redirectMany(positions, parts)
    const full = parts.map(({ owner }) => cluster.peers[owner]).find((peer) => peer?.data(client.id).isFull)
    if (full !== undefined) {
      full.whenDrained(client)
      return WAIT
    }
    if (command.isWrite) for (const i of positions) cluster.copies.beforeForwardedWrite(client.group, args, i)
    if (parts.length === 1) {
      const { owner } = parts[0]
      if (owner === SELF) return HERE
      const peer = cluster.peers[owner]
      return peer === undefined || peer.hasLeft
        ? this.#coordinate(client, command)
        : this.#forward(client, command, args, peer)
    }
    if (command.spec.merge === undefined) reply.error(CROSS_SLOT)
    else this.#dispatcher.scatter(this.#forwardedRequest(client, command), command, args, parts)
    return SENT
  }

  /** Redis Cluster's rule: all keys must be in one slot, and this node must own it. */
  #redirectMany(positions: readonly number[], parts: readonly Part[]): Route {
    const { args, reply } = this.#context
    const slots = new Set(positions.map((i) => keySlot(args.buf, args.start[i], args.end[i])))
    const { owner } = parts[0]
    if (slots.size === 1) return owner === SELF ? HERE : this.#redirect([...slots][0], owner)
    reply.error(CROSS_SLOT)
    return SENT
  }

  #redirect(slot: number, owner: number): Route {
    const moved = this.#moved(slot, owner)
    if (moved === undefined) return HERE
    this.#context.reply.error(moved)
    return SENT
  }

  /** The error that sends a client to the owner of a slot. */
  #moved(slot: number, owner: number): string | undefined {
    const address = this.#cluster.status.clientAddress(owner, this.#context.client.tls !== undefined)
    return address && `MOVED ${slot} ${address.host}:${address.port}`
  }

  /** The error for keys of one owner, if clients are redirected; `undefined`: this node owns them. */
  redirectionOf(args: Args, positions: readonly number[]): string | undefined {
    const slot = keySlot(args.buf, args.start[positions[0]], args.end[positions[0]])
    const owner = this.#cluster.owners[slot]
    return owner === SELF ? undefined : this.#moved(slot, owner)
  }

  #fanOut(client: Client, command: Command, kind: FanOut): Route {
    const cluster = this.#cluster
    const asksEveryNode = client.asksEveryNode || (cluster.redirects && !client.isProgram)
    if (asksEveryNode && command.isForEveryNode) return HERE
    // A command on all keys is ordered with all other commands of the client: it waits for outstanding requests, and
    // later ones wait for it, since they use other links.
    if (client.awaitsReplies) return WAIT
    if (kind === 'list' && this.#lists >= MAX_LISTS) {
      this.#listWaiters.add(client)
      return WAIT
    }
    client.routedByView = 0
    const { args, reply } = this.#context
    const { context, complete: completed } = this.#forwardedRequest(client, command)
    const complete = kind === 'list' ? this.#countList(completed) : completed
    const target: ReplyTarget = { protocol: context.protocol, reply, complete }
    const ask: Ask = (owner, request, done) => {
      const forwarded = this.#dispatcher.forwardedRequest({ ...context, protocol: 2 }, done)
      forwarded.isBulk = kind !== 'ok'
      this.#dispatcher.sendToMember(forwarded, request, owner)
    }
    const nodes: Nodes = {
      ask,
      owners: () => cluster.status.liveOwners,
      after: (ms, run) => cluster.after(ms, run),
    }
    if (kind === 'cursor')
      fanOutByCursor({ ...target, client, args, steps: () => cluster.status.scanOrder }, nodes)
    else if (kind === 'list') fanOutList({ ...target, request: requestBytes(args) }, nodes)
    else {
      const whole = {
        ...target,
        merge: kind,
        request: requestBytes(args),
        isCutOff: () => cluster.status.isCutOff,
        isRepeatable: command.isRepeatable(args),
        timeout: cluster.agreementTimeout(context.group),
        random: cluster.random,
      }
      if (kind !== 'sum') fanOut(whole, nodes)
      else
        askSize(nodes, (size) => {
          // A node of an earlier version is there: nodes are asked one by one.
          if (size === undefined) fanOut(whole, nodes)
          else complete(Buffer.from(`:${size}\r\n`))
        })
    }
    return SENT
  }

  /** Counts a command that lists keys until it is complete. */
  #countList(complete: CompleteReply): CompleteReply {
    this.#lists++
    return (reply, rest) => {
      this.#lists--
      complete(reply, rest)
      this.#listWaiters.resume()
    }
  }

  /** A forwarded request that takes the deferred reply of this command. */
  #forwardedRequest(client: Client, command: Command): ForwardedRequest {
    const forwarded = this.#dispatcher.forwardedRequest(forwardContextOf(client), deferReply(client))
    if (isTracing()) forwarded.traceAs(beginCommand(client, command, client.group, client.trace))
    return forwarded
  }
}

/** Whether a write of a client may still be on its way. */
function awaitsWrite(client: Client): boolean {
  client.hasForwardedWrite = client.awaitsReplies
  return client.hasForwardedWrite
}
