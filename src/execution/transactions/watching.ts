// WATCH: on this node, at the owner of the keys, and for clients of other nodes.

import type { Cluster } from '../../cluster/cluster.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { ClientWatch } from '../../commands/spec/session/transaction.ts'
import { Watch } from '../../group/watches/watched-keys.ts'
import { errorReply, OK } from '../../resp/reply.ts'
import { CROSS_SLOT } from '../routing/dispatcher.ts'
import { type BlockForwarding, HERE } from './forwarding.ts'
import { RemoteWatch } from './remote-watch.ts'

export class Watching {
  /** `undefined`: this node is not in a cluster. */
  forwarding: BlockForwarding | undefined
  /** The number of the last watch at another node. */
  #lastWatch = 0
  readonly #context: Context
  readonly #host: Host

  constructor(context: Context, host: Host) {
    this.#context = context
    this.#host = host
  }

  watch(): void {
    const context = this.#context
    const { args, client, group, reply } = context
    if (client.transaction !== undefined) {
      reply.error('ERR WATCH inside MULTI is not allowed')
      return
    }
    const positions = Array.from({ length: args.count - 1 }, (_, i) => i + 1)
    const { owner, error } = this.forwarding?.ownerOf(client, args, positions) ?? HERE
    if (this.forwarding?.mustWait(client, owner)) {
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
      complete(error === undefined ? OK : errorReply(error))
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

  /** Whether no watched key is known to have changed. */
  isIntact(client: Client, watch: Watch | RemoteWatch | undefined): boolean {
    if (watch === undefined || watch instanceof Watch) return watch?.check() !== false
    const cluster = this.#host.cluster as Cluster
    const isSameLink = watch.peer.data(client.id) === watch.link
    return isSameLink && watch.check((key) => cluster.ownerOf(key, 0, key.length))
  }
}

/** The number of the node that holds a watch. */
export function ownerOfWatch(watch: ClientWatch): number {
  return watch instanceof RemoteWatch ? watch.peer.index : SELF
}
