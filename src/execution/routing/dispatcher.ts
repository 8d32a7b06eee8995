// Sends requests to the nodes that own their keys, and sees to it that a reply comes of each.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/ownership.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import type { CommandTable } from '../table.ts'
import { type Circumstances, Errand, type Errands } from './forwarded-request.ts'
import { readRequest, requestBytes } from './request.ts'
import { type Part, scatter } from './scatter.ts'

export const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"

/** A request is given up when it was lost with so many links. */
const MAX_LOSSES = 8
/** The same for what only one node can answer, which is asked every 5 ms. */
const MAX_ATTEMPTS = 1000
/** An owner that this node has found dead itself is tried so often: others, which still reach it, may let it stay. */
const BEFORE_GIVING_UP = 2
/** After so many nodes have named another one, the next is made to answer. */
const MAX_REDIRECTIONS = 3

interface DispatcherParts {
  readonly cluster: Cluster
  readonly context: Context
  readonly table: CommandTable
  /** Runs a request here; nothing may be pending in `context.reply`. */
  readonly perform: (errand: Errand, args: Args) => void
}

export class Dispatcher implements Errands {
  readonly #parts: DispatcherParts

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  errand(circumstances: Circumstances, complete: (reply: Buffer) => void): Errand {
    return new Errand(circumstances, this, complete)
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
  scatter(whole: Errand, command: Command, args: Args, parts: readonly Part[]): void {
    const { circumstances, complete } = whole
    const { reply } = this.#parts.context
    const apart: Circumstances = { ...circumstances, protocol: 2 }
    scatter(
      { command, args, parts, protocol: circumstances.protocol, reply, complete },
      (owner, request, done) => {
        const errand = this.errand(apart, done)
        errand.redirections = whole.redirections
        errand.losses = whole.losses
        this.send(errand, request, owner)
      },
    )
  }

  /** Sends a request to a node. What only that one can answer goes by its control link, and is run there. */
  send(errand: Errand, request: Buffer, owner: number): void {
    const { cluster, perform } = this.#parts
    const peer = cluster.peers[owner]
    if (peer === undefined) {
      perform(errand, readRequest(request))
      return
    }
    const { client, group, protocol, noTouch } = errand.circumstances
    const isFinal = errand.member !== undefined || errand.redirections >= MAX_REDIRECTIONS
    const context = cluster.contextOf(group, protocol, noTouch, isFinal, errand.redirections > 0)
    const link = errand.member === undefined ? peer.data(client.id) : peer.control
    link.send(errand, context, request, 0, request.length)
  }

  /** Sends a request to a node that alone can answer it: again for as long as that lives. */
  sendToMember(errand: Errand, request: Buffer, owner: number): void {
    errand.member = owner
    this.send(errand, request, owner)
  }

  /**
   * Sends a request that has waited here to the owners of its keys, who are to run it.
   *
   * @param isFresh whether they may not know yet that they own them
   */
  sendOn(circumstances: Circumstances, args: Args, complete: (reply: Buffer) => void, isFresh = false): void {
    const errand = this.errand(circumstances, complete)
    errand.redirections = isFresh ? 0 : MAX_REDIRECTIONS
    this.#sendToOwners(errand, requestBytes(args))
  }

  redirect(errand: Errand, request: Buffer, to: string): void {
    const { cluster } = this.#parts
    const owner = cluster.indexOf(to)
    errand.redirections++
    if (this.#sendApart(errand, request)) return
    if (owner === SELF) cluster.soon(() => this.#sendToOwners(errand, request))
    else if (owner === undefined) this.#sendToOwners(errand, request)
    else this.send(errand, request, owner)
  }

  /** Asks slot by slot: while they change hands, what is one owner's here may be several others'. False: it is one slot. */
  #sendApart(errand: Errand, request: Buffer): boolean {
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
    this.scatter(errand, command, args, [...bySlot.values()])
    return true
  }

  retry(errand: Errand, request: Buffer, sent: boolean, reason: string): void {
    errand.losses++
    if (errand.member !== undefined) {
      this.#retryMember(errand, request, errand.member, reason)
      return
    }
    const args = readRequest(request)
    const command = this.#parts.table.resolve(args)
    const mayRepeat = !sent || command === undefined || command.isRepeatable(args)
    if (!mayRepeat) errand.fail(`PEERDOWN ${reason}, and the command may have been run`)
    else if (errand.losses >= MAX_LOSSES) errand.fail(`PEERDOWN ${reason}`)
    // Not before those behind it on the same link are lost too, nor within a command that is being run.
    else queueMicrotask(() => this.#sendToOwners(errand, request))
  }

  /** A link that broke says nothing of the node, whose keys must not be passed over. */
  #retryMember(errand: Errand, request: Buffer, member: number, reason: string): void {
    const { cluster } = this.#parts
    const mayAnswer = errand.losses < MAX_ATTEMPTS && cluster.liveOwners.includes(member)
    if (mayAnswer) cluster.soon(() => this.sendToMember(errand, request, member))
    else errand.fail(`PEERDOWN ${reason}`)
  }

  /** Asks whoever owns the keys now. */
  #sendToOwners(errand: Errand, request: Buffer): void {
    const { table, context, cluster } = this.#parts
    const args = readRequest(request)
    const command = table.resolve(args)
    context.args = args
    const parts = command === undefined ? [] : this.partsOf(args, command.keysOf(context))
    if (command === undefined || parts.length === 0) errand.fail('PEERDOWN the node that was asked has gone')
    else if (parts.length > 1 && command.spec.merge === undefined) errand.fail(CROSS_SLOT)
    else if (parts.length > 1) this.scatter(errand, command, args, parts)
    else if (errand.losses < BEFORE_GIVING_UP || !cluster.isDown(parts[0].owner))
      this.send(errand, request, parts[0].owner)
    else this.#doWithout(errand, command, args, parts[0])
  }

  /** Others reach the owner, this node does not: it asks the origin itself, and keeps nothing of what it gives. */
  #doWithout(errand: Errand, command: Command, args: Args, { owner, positions }: Part): void {
    const { cluster, perform } = this.#parts
    if (!command.loadsThrough || errand.circumstances.group.flights === undefined) {
      errand.fail(`PEERDOWN ${cluster.peers[owner]?.name} cannot be reached from here`)
      return
    }
    for (const i of positions) cluster.ranForeign(keySlot(args.buf, args.start[i], args.end[i]))
    perform(errand, args)
  }
}
