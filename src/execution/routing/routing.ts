// Steps 2 and 3 of the read path: decides whether this node runs a command, and sends it to its owner if not.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Peer } from '../../cluster/links/peer.ts'
import { SELF } from '../../cluster/ownership/protocol.ts'
import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { FanOut } from '../../commands/spec/command.ts'
import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import { CROSS_SLOT, type Dispatcher } from './dispatcher.ts'
import { fanOut, fanOutByCursor } from './fan-out.ts'
import { type ForwardedRequest, forwardContextOf } from './forwarded-request.ts'
import { requestBytes } from './request.ts'
import type { Ask, Part } from './scatter.ts'

/** This node runs the command. */
export const HERE = 0
/** It is run on a copy of the value that this node holds. */
export const COPY = 1
/** The reply is written, or has its place. */
const SENT = 2
/** It cannot be sent yet: offer it again when the client is resumed. */
export const WAIT = 3
export type Route = typeof HERE | typeof COPY | typeof SENT | typeof WAIT

/** Of so many commands with one key, it is counted how many were sent elsewhere. */
const SAMPLE_SIZE = 256

export class Routing {
  /** Whether most commands of clients go elsewhere: then reading ahead in the store for them is wasted. */
  forwardsMost = false
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

  /** Where the context's request goes; only for commands that are routed. */
  route(client: Client, command: Command): Route {
    const cluster = this.#cluster
    if (cluster.isLeasePending) {
      cluster.whenLeaseHeld(client)
      return WAIT
    }
    if (cluster.isAlone) return HERE
    if (client.peer !== undefined) return this.#checkPeer(client, command)
    if (client.routedByView !== cluster.ownersVersion) {
      // What was sent before the view changed is answered before anything is sent elsewhere.
      if (client.awaitsReplies) return WAIT
      client.routedByView = cluster.ownersVersion
    }
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
    if (peer === undefined) return HERE
    if (command.loadsThrough) {
      if (cluster.copies.serve(client.group, args, i, peer.name)) return COPY
    } else if (command.isWrite) cluster.copies.beforeForwardedWrite(client.group, args, i)
    return this.#forward(client, args, peer)
  }

  #endSample(): void {
    this.forwardsMost = this.#sent > SAMPLE_SIZE / 2
    this.#routed = 0
    this.#sent = 0
  }

  /** Sends the request as it came in; its reply leaves as it comes. */
  #forward(client: Client, args: Args, peer: Peer): Route {
    const link = peer.data(client.id)
    if (link.isFull) {
      peer.whenDrained(client)
      return WAIT
    }
    const context = this.#cluster.contextOf(client.group, client.protocol, client.noTouch, false)
    const isPlain = client.replyMode === 'on' && !link.isClosed
    const receiver = isPlain ? client.deferForwardedReply(link, context) : this.#forwardedRequest(client)
    if (args.frameStart >= 0) link.send(receiver, context, args.buf, args.frameStart, args.frameEnd)
    else {
      const request = requestBytes(args)
      link.send(receiver, context, request, 0, request.length)
    }
    return SENT
  }

  /** What a peer sent is run here if its keys are owned here, if the peer shares our view, or if it insists. */
  #checkPeer(client: Client, command: Command): Route {
    const cluster = this.#cluster
    const { agreedGeneration, isFinal, isUnknownGroup } = client.peer as NonNullable<Client['peer']>
    if (isUnknownGroup) {
      this.#context.reply.error('PEERDOWN the owner of the key has no group of this name')
      return SENT
    }
    if (agreedGeneration === cluster.generation) return HERE
    const { args, reply } = this.#context
    for (const i of command.keysOf(this.#context)) {
      const slot = keySlot(args.buf, args.start[i], args.end[i])
      const owner = cluster.owners[slot]
      if (owner === SELF) continue
      if (isFinal) {
        cluster.ranMisrouted(slot)
        continue
      }
      reply.raw(Buffer.from(`?${cluster.peers[owner]?.name ?? ''}\r\n`))
      return SENT
    }
    return HERE
  }

  #routeMany(client: Client, command: Command): Route {
    const span = command.fanOutOf(this.#context.args)
    if (span !== undefined) return this.#fanOut(client, span)
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
      const peer = cluster.peers[parts[0].owner]
      return peer === undefined ? HERE : this.#forward(client, args, peer)
    }
    if (command.spec.merge === undefined) reply.error(CROSS_SLOT)
    else this.#dispatcher.scatter(this.#forwardedRequest(client), command, args, parts)
    return SENT
  }

  /** As Redis Cluster answers: all keys are in one slot, and it is ours. */
  #redirectMany(positions: readonly number[], parts: readonly Part[]): Route {
    const { args, reply } = this.#context
    const slots = new Set(positions.map((i) => keySlot(args.buf, args.start[i], args.end[i])))
    const { owner } = parts[0]
    if (slots.size === 1) return owner === SELF ? HERE : this.#redirect([...slots][0], owner)
    reply.error(CROSS_SLOT)
    return SENT
  }

  #redirect(slot: number, owner: number): Route {
    const peer = this.#cluster.peers[owner]
    if (peer === undefined) return HERE
    const { host, port } = peer.member
    this.#context.reply.error(`MOVED ${slot} ${host}:${port}`)
    return SENT
  }

  #fanOut(client: Client, span: FanOut): Route {
    const cluster = this.#cluster
    if (cluster.redirects && !client.isProgram) return HERE
    // It sees all keys: what was sent before is done first.
    if (client.awaitsReplies) return WAIT
    const { args, reply } = this.#context
    const { context, complete } = this.#forwardedRequest(client)
    const whole = { protocol: context.protocol, reply, complete }
    const ask: Ask = (owner, request, done) => {
      const forwarded = this.#dispatcher.forwardedRequest({ ...context, protocol: 2 }, done)
      this.#dispatcher.sendToMember(forwarded, request, owner)
    }
    if (span === 'cursor') fanOutByCursor({ ...whole, args, steps: cluster.scanOrder }, ask)
    else {
      const request = requestBytes(args)
      const { random } = cluster
      const owners = (): readonly number[] => cluster.liveOwners
      fanOut({ ...whole, merge: span, request, owners, isCutOff: () => cluster.isCutOff, random }, ask)
    }
    return SENT
  }

  /** An forwarded for this command's place. */
  #forwardedRequest(client: Client): ForwardedRequest {
    return this.#dispatcher.forwardedRequest(forwardContextOf(client), deferReply(client))
  }
}
