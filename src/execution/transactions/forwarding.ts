// Transactions in a cluster: which node owns the keys of a block, and how the block travels there as one piece.

/*
 *   PEER EXEC <watch> <n> <n keys> { <group>[ <protocol>] <request> }…
 *
 * The keys are those of the commands, so that the block is routed, sent again and kept in order as any command of several
 * keys (`Dispatcher`). `watch` is the number of the client's watch on this connection; 0: none.
 *
 * Commands without keys (PING, SELECT, CLIENT…) belong to the client's node. It runs them when the reply comes, and puts
 * their replies in between.
 */

import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { CROSS_SLOT, type Dispatcher } from '../routing/dispatcher.ts'
import type { ForwardContext } from '../routing/forwarded-request.ts'
import { readRequest, requestBytes, requestOf } from '../routing/request.ts'
import type { Routing } from '../routing/routing.ts'
import type { CommandTable } from '../table.ts'
import { type Block, type BlockCommand, blockCommand, protocolOf } from './block.ts'

export interface ForwardingParts {
  readonly cluster: Cluster
  readonly dispatcher: Dispatcher
  readonly routing: Routing
}

/** Instead of the number of a watch. */
export const NO_WATCH = '0'

/** The owner of keys, or why they cannot be used together. */
export interface KeyOwner {
  readonly owner: number
  readonly error?: string
}

export const HERE: KeyOwner = { owner: SELF }

/** PEER EXEC as a command, and where its keys begin. */
const PEER_EXEC = 'peer|exec'
const FIRST_KEY = 4

/** Commands whose handlers wait for other nodes. */
const WAIT_FOR_NODES: ReadonlySet<string> = new Set(['explain', 'cluster|drain'])

export class BlockForwarding {
  readonly #parts: ForwardingParts
  readonly #context: Context
  readonly #table: CommandTable
  readonly #peerExec: Command

  constructor(parts: ForwardingParts, context: Context, table: CommandTable) {
    this.#parts = parts
    this.#context = context
    this.#table = table
    this.#peerExec = table.byName(PEER_EXEC) as Command
  }

  /** Why the context's command cannot be queued here; `undefined`: it can. */
  refusalOf(client: Client, command: Command): string | undefined {
    const { cluster } = this.#parts
    if (cluster.isAlone) return undefined
    const { args } = this.#context
    const name = command.fullName.replace('|', ' ').toUpperCase()
    if (WAIT_FOR_NODES.has(command.fullName))
      return `ERR ${name} cannot be in a transaction: it asks other nodes`
    if (!command.isRouted) return undefined
    if (command.fanOutOf(args) !== undefined) {
      const isOfThisNode = (client.asksEveryNode || this.#redirects(client)) && command.isForEveryNode
      return isOfThisNode ? undefined : `ERR ${name} cannot be in a transaction: it concerns all nodes`
    }
    return this.ownerOf(client, args, command.keysOf(this.#context)).error
  }

  /**
   * The node that owns these keys of a request: 0 is this one. An error if there is more than one, or if the client has to
   * ask another node itself.
   */
  ownerOf(client: Client, args: Args, positions: readonly number[]): KeyOwner {
    const { dispatcher, routing } = this.#parts
    const parts = dispatcher.partsOf(args, positions)
    if (parts.length === 0) return HERE
    if (parts.length > 1) return { owner: SELF, error: CROSS_SLOT }
    const { owner } = parts[0]
    if (!this.#redirects(client)) return { owner }
    return { owner: SELF, error: client.asking ? undefined : routing.redirectionOf(args, positions) }
  }

  #redirects(client: Client): boolean {
    return this.#parts.cluster.redirects && client.isProgram !== true && client.peer === undefined
  }

  /** The request that carries a block; without commands that have keys, it carries the watch only. */
  encode(block: Block, watchId: string, watchKey: Buffer | undefined): Args {
    const keys: Buffer[] = []
    const requests: (string | Buffer)[] = []
    for (const { args, group, positions, protocol } of block) {
      if (positions.length === 0) continue
      for (const i of positions) keys.push(args.copy(i))
      requests.push(protocol === undefined ? group.name : `${group.name} ${protocol}`, requestBytes(args))
    }
    if (keys.length === 0 && watchKey !== undefined) keys.push(watchKey)
    return requestOf(['PEER', 'EXEC', watchId, String(keys.length), ...keys, ...requests])
  }

  /** Where the keys of an encoded block are. */
  keysOf(encoded: Args): number[] {
    return Array.from({ length: Number(encoded.latin1(3)) }, (_, i) => FIRST_KEY + i)
  }

  /** The block that another node has sent, or an error. */
  decode(encoded: Args, groups: readonly Group[]): Block | string {
    const block: BlockCommand[] = []
    const before = this.#context.args
    for (let i = FIRST_KEY + Number(encoded.latin1(3)); i + 1 < encoded.count; i += 2) {
      // Names of groups have no spaces.
      const [name, protocol] = encoded.text(i).split(' ')
      const group = groups.find((each) => each.name === name)
      if (group === undefined) return 'PEERDOWN the owner of the keys has no group of this name'
      const args = readRequest(encoded.copy(i + 1))
      const command = this.#table.resolve(args)
      if (command?.accepts(args.count) !== true) return 'ERR the transaction is invalid'
      this.#context.args = args
      block.push(blockCommand(command, args, group, this.#context, protocolOf(protocol)))
    }
    this.#context.args = before
    return block
  }

  /** Whether a partition forbids a block. */
  refuses(client: Client, block: Block): boolean {
    const { routing } = this.#parts
    const groups = new Set(block.map(({ group }) => group).filter(({ refuses }) => refuses))
    if (groups.size === 0) return false
    return this.#context.withArgs(this.encode(block, NO_WATCH, undefined), () =>
      [...groups].some((group) => routing.refuses(client, group, this.#peerExec)),
    )
  }

  /** Whether a block cannot be sent to `owner` now; the client is resumed when it can. */
  mustWait(client: Client, owner: number): boolean {
    const { cluster } = this.#parts
    if (cluster.isLeasePending) {
      cluster.whenLeaseHeld(client)
      return true
    }
    if (client.routedByView !== cluster.ownersVersion) {
      if (client.awaitsReplies) return true
      client.routedByView = cluster.ownersVersion
    }
    const peer = cluster.peers[owner]
    if (owner === SELF || peer?.data(client.id).isFull !== true) return false
    peer.whenDrained(client)
    return true
  }

  /** Sends a block to its owner. */
  send(
    forwardContext: ForwardContext,
    encoded: Args,
    block: Block,
    owner: number,
    complete: (reply: Buffer) => void,
  ): void {
    const { cluster, dispatcher } = this.#parts
    for (const { command, args, group, positions } of block)
      if (command.isWrite) for (const i of positions) cluster.copies.beforeForwardedWrite(group, args, i)
    const forwarded = dispatcher.forwardedRequest(forwardContext, complete)
    dispatcher.send(forwarded, requestBytes(encoded), owner)
  }

  /** Sends a block to the owner of its keys if that is another node by now. False: this node still owns them. */
  resendIfMoved(forwardContext: ForwardContext, encoded: Args, complete: (reply: Buffer) => void): boolean {
    const { cluster, dispatcher } = this.#parts
    const positions = this.keysOf(encoded)
    if (
      cluster.isAlone ||
      positions.every((i) => cluster.ownerOf(encoded.buf, encoded.start[i], encoded.end[i]) === undefined)
    )
      return false
    dispatcher.resend(forwardContext, this.#peerExec, encoded, positions, complete)
    return true
  }

  /** During a slot migration: fetches the missing keys of a block from their previous owners. `undefined`: none is missing. */
  pull(block: Block): Promise<unknown> | undefined {
    const { cluster } = this.#parts
    if (!cluster.isSettling) return undefined
    const pulls = block.flatMap(({ args, group, positions }) =>
      positions
        .filter((i) => cluster.needsPull(group, args, i))
        .map((i) => cluster.pull(group, args.copy(i))),
    )
    return pulls.length === 0 ? undefined : Promise.all(pulls)
  }
}
