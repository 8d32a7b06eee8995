// Sends requests to the nodes that own their keys, and sees to it that a reply comes of each.

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

/** A request is given up when it was lost with so many links. */
const MAX_LOSSES = 8
/** The same for what only one node can answer, which is asked every 5 ms. */
const MAX_ATTEMPTS = 1000
/** An owner that this node has found dead itself is tried so often: others, which still reach it, may let it stay. */
const MAX_TRIES_OF_DEAD_OWNER = 2
/** After so many nodes have named another one, the next is made to answer. */
const MAX_REDIRECTIONS = 3

interface DispatcherParts {
  readonly cluster: Cluster
  readonly context: Context
  readonly table: CommandTable
  /** Runs a request here; nothing may be pending in `context.reply`. */
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

  /** The positions of keys by the owners of these, in order of appearance. */
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

  /** Asks every owner of a part for its own, and puts the reply together. */
  scatter(whole: ForwardedRequest, command: Command, args: Args, parts: readonly Part[]): void {
    const { context, complete } = whole
    const { reply } = this.#parts.context
    const apart: ForwardContext = { ...context, protocol: 2 }
    scatter({ command, args, parts, protocol: context.protocol, reply, complete }, (owner, request, done) => {
      const forwarded = this.forwardedRequest(apart, done)
      forwarded.redirections = whole.redirections
      forwarded.losses = whole.losses
      this.send(forwarded, request, owner)
    })
  }

  /** Sends a request to a node. What only that one can answer goes by its control link, and is run there. */
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

  /** Sends a request to a node that alone can answer it: again for as long as that lives. */
  sendToMember(forwarded: ForwardedRequest, request: Buffer, owner: number): void {
    forwarded.member = owner
    this.send(forwarded, request, owner)
  }

  /**
   * Sends a request that has waited here to the owners of its keys, who are to run it.
   *
   * @param isFresh whether they may not know yet that they own them
   */
  resend(
    forwardContext: ForwardContext,
    args: Args,
    complete: (reply: Buffer) => void,
    isFresh = false,
  ): void {
    const forwarded = this.forwardedRequest(forwardContext, complete)
    forwarded.redirections = isFresh ? 0 : MAX_REDIRECTIONS
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

  /** Asks slot by slot: while they change hands, what is one owner's here may be several others'. False: it is one slot. */
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
    // Not before those behind it on the same link are lost too, nor within a command that is being run.
    else queueMicrotask(() => this.#sendToOwners(forwarded, request))
  }

  /** A link that broke says nothing of the node, whose keys must not be passed over. */
  #retryMember(forwarded: ForwardedRequest, request: Buffer, member: number, reason: string): void {
    const { cluster } = this.#parts
    const mayAnswer = forwarded.losses < MAX_ATTEMPTS && cluster.liveOwners.includes(member)
    if (mayAnswer) cluster.afterInvalidations(() => this.sendToMember(forwarded, request, member))
    else forwarded.fail(`PEERDOWN ${reason}`)
  }

  /** Asks whoever owns the keys now. */
  #sendToOwners(forwarded: ForwardedRequest, request: Buffer): void {
    const { table, context, cluster } = this.#parts
    const args = readRequest(request)
    const command = table.resolve(args)
    context.args = args
    const parts = command === undefined ? [] : this.partsOf(args, command.keysOf(context))
    if (command === undefined || parts.length === 0)
      forwarded.fail('PEERDOWN the node that was asked has gone')
    else if (parts.length > 1 && command.spec.merge === undefined) forwarded.fail(CROSS_SLOT)
    else if (parts.length > 1) this.scatter(forwarded, command, args, parts)
    else if (forwarded.losses < MAX_TRIES_OF_DEAD_OWNER || !cluster.isDown(parts[0].owner))
      this.send(forwarded, request, parts[0].owner)
    else this.#runWithoutOwner(forwarded, command, args, parts[0])
  }

  /** Others reach the owner, this node does not: it asks the origin itself, and keeps nothing of what it gives. */
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
