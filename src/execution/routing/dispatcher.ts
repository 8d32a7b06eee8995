// Sends requests to the nodes that own their keys; retries and redirects each until it has a reply.

/*
 * The order of a client's commands on a key, while owners change
 *
 * A node forwards the requests of a client to one node on one link, in order, and changes to another node only when it
 * has all replies (`Routing.route`). What the receiver does with a request whose keys it does not own:
 *
 *   - It becomes the request's coordinator: it defers the reply, sends the request to the owner it knows, and sends it
 *     elsewhere, or again a little later, until an owner has run it. Until then later requests of the same connection
 *     on these keys wait (`holdKeys`). So none overtakes it, even if this node becomes the owner meanwhile.
 *   - If another node already coordinates it (the request's context says so), it answers `?` and the owner it knows.
 *     It never lets such a request wait behind others: two nodes that coordinate each other's requests would deadlock.
 *
 * Only the owner runs a command. While a slot is between two owners, each of them names the other one; the request then
 * waits until the new owner knows that it owns the slot.
 *
 * A request that was not run, because its owner refuses connections, has left or has said farewell, waits in the same way
 * until another owner is known. What bounds the wait is time (`Cluster.agreementTimeout`), never a number of attempts: a
 * refused connection takes a fraction of a millisecond, a change of the owner several messages. From the first loss of
 * its link this node coordinates it; requests on the same keys that were lost with it are sent one after the other. Only a
 * request that may have been run and must not run twice fails at once when its link breaks.
 */

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import { type Client, type CompleteReply, deferReply } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import { timeoutMsOf, timeoutText } from '../../commands/spec/session/timeout.ts'
import type { Args } from '../../resp/args.ts'
import { RemoteWait } from '../blocking/remote-wait.ts'
import { keyName } from '../loading/load-results.ts'
import { holdKeys } from '../ordering.ts'
import type { Permissions } from '../permissions.ts'
import type { CommandTable } from '../table.ts'
import {
  type ForwardContext,
  ForwardedRequest,
  type ForwardedRequests,
  forwardContextOf,
} from './forwarded-request.ts'
import { readRequest, requestBytes, withArguments } from './request.ts'
import { type Part, scatter } from './scatter.ts'

export const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"

/** A request whose links have broken this often is sent again after a backoff, like one without an owner. */
const MAX_QUICK_RETRIES = 2
/** A request that only one node can answer fails after this many broken links; it is sent again every 5 ms. */
const MAX_ATTEMPTS = 1000
/** Attempts at an owner that only this node finds unreachable: other nodes may still reach it and keep it in the cluster. */
const MAX_TRIES_OF_DEAD_OWNER = 2
/** After this many redirections in a row a request waits before each further one: a slot is between two owners. */
const MAX_QUICK_REDIRECTIONS = 2
/** The wait before a request is sent again: the first one, doubled up to the longest, ms. */
const FIRST_WAIT = 2
const LONGEST_WAIT = 50
/** How long to wait while slots move if keys that must have one owner have two, ms. */
const CROSS_SLOT_WAIT = 1000

interface DispatcherParts {
  readonly cluster: Cluster
  readonly context: Context
  readonly table: CommandTable
  readonly permissions: Permissions
  /** Runs a request on this node; `context.reply` must be empty. */
  readonly runHere: (forwarded: ForwardedRequest, args: Args) => void
}

export class Dispatcher implements ForwardedRequests {
  readonly #parts: DispatcherParts

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  forwardedRequest(forwardContext: ForwardContext, complete: CompleteReply): ForwardedRequest {
    return new ForwardedRequest(forwardContext, this, complete)
  }

  /** As `forwardedRequest`, for a command that may block at the owner of its keys (BLPOP). */
  requestOf(
    forwardContext: ForwardContext,
    command: Command,
    args: Args,
    complete: CompleteReply,
  ): ForwardedRequest {
    if (!command.mayWait) return this.forwardedRequest(forwardContext, complete)
    const { client, group } = forwardContext
    const waiting = { client, command, args: args.detach(), group }
    const refusal = (): string | undefined => this.#parts.permissions.refusalOfWaiting(waiting)
    const deadline = complete.deadline ?? this.#deadlineOf(command, args)
    const wait = new RemoteWait(client, complete, refusal, deadline)
    const forwarded = this.forwardedRequest(forwardContext, (reply, rest) => wait.complete(reply, rest))
    forwarded.wait = wait
    return forwarded
  }

  #deadlineOf({ spec }: Command, args: Args): number | undefined {
    const timeout = spec.timeout?.(args)
    const ms = timeout === undefined ? 0 : timeoutMsOf(args, timeout)
    return ms === 0 ? undefined : this.#parts.context.instant.monotonicMs + ms
  }

  /** The request with the rest of its timeout: a blocking command may have waited at another node before. */
  #withTimeLeft({ deadline }: RemoteWait, request: Buffer): Buffer {
    if (deadline === undefined) return request
    const args = readRequest(request)
    const timeout = this.#parts.table.resolve(args)?.spec.timeout?.(args)
    if (timeout === undefined) return request
    const { instant } = this.#parts.context
    instant.refresh()
    return withArguments(
      request,
      new Map([[timeout.at, timeoutText(deadline - instant.monotonicMs, timeout)]]),
    )
  }

  /** Groups the positions of keys by owner, in order of appearance. */
  partsOf(args: Args, positions: readonly number[]): Part[] {
    const { owners } = this.#parts.cluster
    const byOwner = new Map<number, Part>()
    for (const i of positions) {
      const owner = owners[keySlot(args.buf, args.start[i], args.end[i])]
      const part = byOwner.get(owner)
      if (part === undefined) byOwner.set(owner, { owner, positions: [i] })
      else part.positions.push(i)
    }
    return [...byOwner.values()]
  }

  /** Sends each part to its owner, and merges the replies. */
  scatter(whole: ForwardedRequest, command: Command, args: Args, parts: readonly Part[]): void {
    const { context, complete } = whole
    const { reply } = this.#parts.context
    const partContext: ForwardContext = { ...context, protocol: 2 }
    scatter({ command, args, parts, protocol: context.protocol, reply, complete }, (owner, request, done) => {
      const forwarded = this.forwardedRequest(partContext, done)
      forwarded.redirections = whole.redirections
      forwarded.losses = whole.losses
      forwarded.isCoordinated = whole.isCoordinated
      forwarded.waitsSince = whole.waitsSince
      this.send(forwarded, request, owner)
    })
  }

  /**
   * Sends a request to a node. A request that only this node can answer is never redirected. A write of that kind uses
   * the control link, so that it arrives in order with the entries that move to that node.
   */
  send(forwarded: ForwardedRequest, bytes: Buffer, owner: number): void {
    const { cluster, runHere } = this.#parts
    const request = forwarded.wait === undefined ? bytes : this.#withTimeLeft(forwarded.wait, bytes)
    if (owner === SELF) {
      runHere(forwarded, readRequest(request))
      return
    }
    const peer = cluster.peers[owner]
    if (peer === undefined || (peer.hasLeft && forwarded.member === undefined)) {
      // The owner has left the cluster. The next view has another owner.
      const args = readRequest(request)
      this.#sendInOrder(forwarded, this.#parts.table.resolve(args), args, () =>
        this.#sendLater(forwarded, request),
      )
      return
    }
    const { client, group, protocol, noTouch } = forwarded.context
    const context = cluster.contextOf(group, protocol, noTouch, forwarded.isCoordinated)
    const own = forwarded.isBulk ? peer.bulk : peer.control
    const link = forwarded.member === undefined ? peer.data(client.id) : own
    forwarded.sendOver(link, context, request, 0, request.length)
  }

  /** Sends a request to the only node that can answer it, and sends it again for as long as that node is alive. */
  sendToMember(forwarded: ForwardedRequest, request: Buffer, owner: number): void {
    forwarded.member = owner
    this.send(forwarded, request, owner)
  }

  /** Coordinates the context's request, which was sent to this node although it does not own all of its keys. */
  coordinate(client: Client, command: Command): void {
    const { context } = this.#parts
    const { args } = context
    const request = requestBytes(args)
    const forwardContext = forwardContextOf(client)
    const positions = command.keysOf(context)
    const complete = deferReply(client)
    const forwarded = this.#coordinated(forwardContext, command, args, positions, complete)
    forwarded.isCoordinated = true
    // Later: this command is running, and a part of it may run here.
    queueMicrotask(() => this.#sendToOwners(forwarded, request))
  }

  /** Sends a request that was deferred here to the owners of its keys; this node coordinates it. */
  resend(
    forwardContext: ForwardContext,
    command: Command,
    args: Args,
    positions: readonly number[],
    complete: CompleteReply,
  ): void {
    const forwarded = this.#coordinated(forwardContext, command, args, positions, complete)
    forwarded.isCoordinated = true
    this.#sendToOwners(forwarded, requestBytes(args))
  }

  /**
   * A request that this node coordinates. A blocking one holds up no others: it may wait for what they write.
   */
  #coordinated(
    forwardContext: ForwardContext,
    command: Command,
    args: Args,
    positions: readonly number[],
    complete: CompleteReply,
  ): ForwardedRequest {
    const { client, group } = forwardContext
    if (command.mayWait) return this.requestOf(forwardContext, command, args, complete)
    return this.forwardedRequest(forwardContext, holdKeys(client, command, group, args, positions, complete))
  }

  redirect(forwarded: ForwardedRequest, request: Buffer, to: string): void {
    const { cluster } = this.#parts
    forwarded.redirections++
    forwarded.isCoordinated = true
    if (this.#sendBySlot(forwarded, request)) return
    if (this.#isOwn(request)) {
      this.#sendToOwners(forwarded, request)
      return
    }
    const owner = cluster.indexOf(to)
    const isQuick = forwarded.redirections <= MAX_QUICK_REDIRECTIONS
    if (isQuick && owner !== undefined && owner !== SELF) this.send(forwarded, request, owner)
    else this.#sendLater(forwarded, request)
  }

  /** Whether this node owns all keys of a request. */
  #isOwn(request: Buffer): boolean {
    const { table, context } = this.#parts
    const args = readRequest(request)
    context.args = args
    const command = table.resolve(args)
    const parts = command === undefined ? [] : this.partsOf(args, command.keysOf(context))
    return parts.length === 1 && parts[0].owner === SELF
  }

  /**
   * Sends one request per slot: in other views the slots may have different owners. False: all keys are in one slot.
   */
  #sendBySlot(forwarded: ForwardedRequest, request: Buffer): boolean {
    const { table, context, cluster } = this.#parts
    const args = readRequest(request)
    const command = table.resolve(args)
    if (command?.spec.merge === undefined) return false
    context.args = args
    const bySlot = new Map<number, Part>()
    for (const i of command.keysOf(context)) {
      const slot = keySlot(args.buf, args.start[i], args.end[i])
      const part = bySlot.get(slot)
      if (part === undefined) bySlot.set(slot, { owner: cluster.owners[slot], positions: [i] })
      else part.positions.push(i)
    }
    if (bySlot.size < 2) return false
    this.scatter(forwarded, command, args, [...bySlot.values()])
    return true
  }

  /**
   * Sends a request after a backoff to the owners that this node knows then; after `Cluster.agreementTimeout` in total it
   * runs without an owner.
   *
   * @param reason why it has none, for the error
   */
  #sendLater(
    forwarded: ForwardedRequest,
    request: Buffer,
    reason = 'no node says that it owns the key',
  ): void {
    const { group } = forwarded.context
    if (!this.#sendAfterBackoff(forwarded, request, this.#parts.cluster.agreementTimeout(group)))
      this.#runWithoutOwner(forwarded, request, reason)
  }

  /** The same for at most `mostMs` in total. False: that time is over. */
  #sendAfterBackoff(forwarded: ForwardedRequest, request: Buffer, mostMs: number): boolean {
    const { cluster, context } = this.#parts
    const { instant } = context
    instant.refresh()
    if (forwarded.waitsSince === 0) forwarded.waitsSince = instant.monotonicMs
    const waited = instant.monotonicMs - forwarded.waitsSince
    if (waited > mostMs) return false
    const wait = Math.min(LONGEST_WAIT, Math.max(FIRST_WAIT, waited))
    cluster.after(wait, () => this.#sendToOwners(forwarded, request))
    return true
  }

  retry(forwarded: ForwardedRequest, request: Buffer, sent: boolean, reason: string): void {
    forwarded.losses++
    if (forwarded.member !== undefined) {
      this.#retryMember(forwarded, request, forwarded.member, reason)
      return
    }
    const args = readRequest(request)
    const command = this.#parts.table.resolve(args)
    const wasWaiting = forwarded.wait?.lost() ?? false
    const mayRepeat = !sent || wasWaiting || command === undefined || command.isRepeatable(args)
    if (forwarded.wait?.isOver) return
    if (!mayRepeat) {
      forwarded.fail(`PEERDOWN ${reason}, and the command may have been run`)
      return
    }
    const send = (): void => {
      if (forwarded.losses < MAX_QUICK_RETRIES) this.#sendToOwners(forwarded, request)
      else this.#sendLater(forwarded, request, reason)
    }
    // Later: the requests behind it on the same link must be reported lost first, and no command may be running.
    this.#sendInOrder(forwarded, command, args, () => queueMicrotask(send))
  }

  /**
   * Sends a request that its owner has not run once those before it on the same keys, which were lost with it, are
   * answered. From now on this node coordinates it: later ones wait.
   */
  #sendInOrder(
    forwarded: ForwardedRequest,
    command: Command | undefined,
    args: Args,
    send: () => void,
  ): void {
    const { context } = this.#parts
    if (command === undefined || command.mayWait || forwarded.isCoordinated) {
      send()
      return
    }
    const { client, group } = forwarded.context
    const positions = context.withArgs(args, () => command.keysOf(context))
    const keys = positions.map((i) => keyName(args, i))
    const conflictsWithReads = !command.loadsThrough
    const run = (): void => {
      forwarded.isCoordinated = true
      forwarded.complete = holdKeys(client, command, group, args, positions, forwarded.complete)
      send()
    }
    const { pending } = client
    if (keys.some((key) => pending.blocks(key, conflictsWithReads)))
      pending.enqueue({ keys, bytes: args.buf.length, conflictsWithReads, run })
    else run()
  }

  /** A broken link does not mean that the node is dead: it is asked again, since its keys must not be left out. */
  #retryMember(forwarded: ForwardedRequest, request: Buffer, member: number, reason: string): void {
    const { cluster } = this.#parts
    const mayAnswer = forwarded.losses < MAX_ATTEMPTS && cluster.status.liveOwners.includes(member)
    if (mayAnswer) cluster.afterInvalidations(() => this.sendToMember(forwarded, request, member))
    else forwarded.fail(`PEERDOWN ${reason}`)
  }

  /** Sends the request to the current owners of its keys. */
  #sendToOwners(forwarded: ForwardedRequest, request: Buffer): void {
    const { table, context, cluster } = this.#parts
    const args = readRequest(request)
    const command = table.resolve(args)
    context.args = args
    const parts = command === undefined ? [] : this.partsOf(args, command.keysOf(context))
    if (command === undefined || parts.length === 0)
      forwarded.fail('PEERDOWN the node that was asked has left the cluster')
    else if (parts.length > 1 && command.spec.merge === undefined) {
      const waits = forwarded.isCoordinated && this.#sendAfterBackoff(forwarded, request, CROSS_SLOT_WAIT)
      if (!waits) forwarded.fail(CROSS_SLOT)
    } else if (parts.length > 1) this.scatter(forwarded, command, args, parts)
    else if (forwarded.losses < MAX_TRIES_OF_DEAD_OWNER || !cluster.status.isDown(parts[0].owner))
      this.send(forwarded, request, parts[0].owner)
    else
      this.#runWithoutOwner(
        forwarded,
        request,
        `${cluster.peers[parts[0].owner]?.name} cannot be reached from here`,
      )
  }

  /** No owner is known, or only this node cannot reach it: a read is loaded from the origin here, and not stored. */
  #runWithoutOwner(forwarded: ForwardedRequest, request: Buffer, reason: string): void {
    const { cluster, table, context, runHere } = this.#parts
    const args = readRequest(request)
    const command = table.resolve(args)
    if (command?.loadsThrough !== true || forwarded.context.group.flights === undefined) {
      forwarded.fail(`PEERDOWN ${reason}`)
      return
    }
    context.args = args
    for (const i of command.keysOf(context))
      cluster.ranMisrouted(keySlot(args.buf, args.start[i], args.end[i]))
    runHere(forwarded, args)
  }
}
