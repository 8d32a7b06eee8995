// Sends requests to the nodes that own their keys; retries and redirects each until it has a reply.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import type { CommandTable } from '../table.ts'
import { type ForwardContext, ForwardedRequest, type ForwardedRequests } from './forwarded-request.ts'
import { readRequest, requestBytes } from './request.ts'
import { type Part, scatter } from './scatter.ts'

export const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"

/** A request fails after it was lost with this many broken links. */
const MAX_LOSSES = 8
/** The same for a request that only one node can answer; it is retried every 5 ms. */
const MAX_ATTEMPTS = 1000
/** Attempts at an owner that only this node finds unreachable: other nodes may still reach it and keep it in the cluster. */
const MAX_TRIES_OF_DEAD_OWNER = 2
/** After this many redirections the next node must serve the request, whoever owns the key in its view. */
const MAX_REDIRECTIONS = 3

interface DispatcherParts {
  readonly cluster: Cluster
  readonly context: Context
  readonly table: CommandTable
  /** Runs a request on this node; `context.reply` must be empty. */
  readonly runHere: (forwarded: ForwardedRequest, args: Args) => void
}

export class Dispatcher implements ForwardedRequests {
  readonly #parts: DispatcherParts

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  forwardedRequest(forwardContext: ForwardContext, complete: (reply: Buffer) => void): ForwardedRequest {
    return new ForwardedRequest(forwardContext, this, complete)
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
      this.send(forwarded, request, owner)
    })
  }

  /** Sends a request to a node. A request that only this node can answer uses its control link and is never redirected. */
  send(forwarded: ForwardedRequest, request: Buffer, owner: number): void {
    const { cluster, runHere } = this.#parts
    const peer = cluster.peers[owner]
    if (peer === undefined) {
      runHere(forwarded, readRequest(request))
      return
    }
    const { client, group, protocol, noTouch } = forwarded.context
    const isFinal = forwarded.member !== undefined || forwarded.redirections >= MAX_REDIRECTIONS
    const context = cluster.contextOf(group, protocol, noTouch, isFinal, forwarded.redirections > 0)
    const link = forwarded.member === undefined ? peer.data(client.id) : peer.control
    link.send(forwarded, context, request, 0, request.length)
  }

  /** Sends a request to the one node that can answer it, and retries for as long as that node is alive. */
  sendToMember(forwarded: ForwardedRequest, request: Buffer, owner: number): void {
    forwarded.member = owner
    this.send(forwarded, request, owner)
  }

  /**
   * Sends a request that was deferred here to the owners of its keys.
   *
   * @param mayRedirect whether the owners may redirect it, because they may not know yet that they own the keys
   */
  resend(
    forwardContext: ForwardContext,
    args: Args,
    complete: (reply: Buffer) => void,
    mayRedirect = false,
  ): void {
    const forwarded = this.forwardedRequest(forwardContext, complete)
    forwarded.redirections = mayRedirect ? 0 : MAX_REDIRECTIONS
    this.#sendToOwners(forwarded, requestBytes(args))
  }

  redirect(forwarded: ForwardedRequest, request: Buffer, to: string): void {
    const { cluster } = this.#parts
    const owner = cluster.indexOf(to)
    forwarded.redirections++
    if (this.#sendBySlot(forwarded, request)) return
    if (owner === SELF) cluster.afterInvalidations(() => this.#sendToOwners(forwarded, request))
    else if (owner === undefined) this.#sendToOwners(forwarded, request)
    else this.send(forwarded, request, owner)
  }

  /** Sends one request per slot: during a migration the slots may have several owners in other views. False: it is one slot. */
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

  retry(forwarded: ForwardedRequest, request: Buffer, sent: boolean, reason: string): void {
    forwarded.losses++
    if (forwarded.member !== undefined) {
      this.#retryMember(forwarded, request, forwarded.member, reason)
      return
    }
    const args = readRequest(request)
    const command = this.#parts.table.resolve(args)
    const mayRepeat = !sent || command === undefined || command.isRepeatable(args)
    if (!mayRepeat) forwarded.fail(`PEERDOWN ${reason}, and the command may have been run`)
    else if (forwarded.losses >= MAX_LOSSES) forwarded.fail(`PEERDOWN ${reason}`)
    // Later: the requests behind it on the same link must be reported lost first, and no command may be running.
    else queueMicrotask(() => this.#sendToOwners(forwarded, request))
  }

  /** A broken link does not mean that the node is dead, and its keys must not be left out. */
  #retryMember(forwarded: ForwardedRequest, request: Buffer, member: number, reason: string): void {
    const { cluster } = this.#parts
    const mayAnswer = forwarded.losses < MAX_ATTEMPTS && cluster.liveOwners.includes(member)
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
    else if (parts.length > 1 && command.spec.merge === undefined) forwarded.fail(CROSS_SLOT)
    else if (parts.length > 1) this.scatter(forwarded, command, args, parts)
    else if (forwarded.losses < MAX_TRIES_OF_DEAD_OWNER || !cluster.isDown(parts[0].owner))
      this.send(forwarded, request, parts[0].owner)
    else this.#runWithoutOwner(forwarded, command, args, parts[0])
  }

  /** Only this node cannot reach the owner: a read is loaded from the origin here, and the result is not stored. */
  #runWithoutOwner(
    forwarded: ForwardedRequest,
    command: Command,
    args: Args,
    { owner, positions }: Part,
  ): void {
    const { cluster, runHere } = this.#parts
    if (!command.loadsThrough || forwarded.context.group.flights === undefined) {
      forwarded.fail(`PEERDOWN ${cluster.peers[owner]?.name} cannot be reached from here`)
      return
    }
    for (const i of positions) cluster.ranMisrouted(keySlot(args.buf, args.start[i], args.end[i]))
    runHere(forwarded, args)
  }
}
