// The other members, numbered, and the links to them: opened, told apart, flushed.

import { connect, type Socket } from 'node:net'
import type { Clock, Timers } from '../../bytes/clock.ts'
import type { Log } from '../log.ts'
import type { Member } from '../member.ts'
import type { Identity } from './handshake.ts'
import type { Link, LinkFailure } from './link.ts'
import { LinkPool } from './link-pool.ts'
import { Peer } from './peer.ts'
import { SendBufferPool } from './send-buffers.ts'

export interface MeshOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  /** How long a connection, a handshake or an answer is waited for, ms. */
  readonly timeout: number
  /** Links for requests to each member. */
  readonly links: number
  readonly connect: ((member: Member) => Socket) | undefined
  readonly contextBytes: (context: number) => Buffer
  /** The control link of a peer is ready. `isNew`: another process was there before. */
  readonly ready: (peer: Peer, isNew: boolean) => void
  /** A link of a peer is over; `how` is `undefined` when that tells nothing of the peer. */
  readonly closed: (peer: Peer, link: Link, how: LinkFailure | undefined) => void
  /** A peer says something that nobody asked for. */
  readonly pushed: (frame: Buffer) => void
}

/** A link that ended for one of these reasons may lead to a node that is there. */
const SILENCE = /^no (?:answer|connection|handshake) /

export class Mesh {
  /** By number; 0, this node, is no peer. */
  readonly peers: (Peer | undefined)[] = [undefined]
  readonly #options: MeshOptions
  readonly #buffers = new SendBufferPool()
  readonly #byName = new Map<string, Peer>()
  /** Numbers are never given to another name. */
  readonly #numbers = new Map<string, number>()
  #dirty: Link[] = []
  #isFlushing = false
  #inTurn = false

  constructor(options: MeshOptions) {
    this.#options = options
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#byName.values()
  }

  get(name: string): Peer | undefined {
    return this.#byName.get(name)
  }

  /** The number of a member, from 1. */
  numberOf(name: string): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#numbers.size + 1
      this.#numbers.set(name, number)
    }
    return number
  }

  /** Keeps a control link to a member from now on. */
  add(member: Member, identity: Identity): void {
    const { timeout, links, pushed, closed } = this.#options
    const options = {
      ...this.#options,
      peer: member.name,
      connect: () => (this.#options.connect ?? connectTo)(member),
      identity,
      buffers: this.#buffers,
      connectTimeout: timeout,
      handshakeTimeout: timeout,
      responseTimeout: timeout,
      size: links,
    }
    const lanes = new LinkPool(options, {
      onDirty: (link) => this.#markDirty(link),
      onPush: (_link, frame) => pushed(frame),
      onDrain: () => peer.resumeWaiters(),
      onReady: (link, hello) => {
        if (!lanes.isControl(link)) return
        if (hello.name === member.name) this.#greet(peer, hello.runId)
        else {
          this.#tellWrongName(member, hello.name, identity)
          link.close()
        }
      },
      onClose: (link, reason, refused) => {
        peer.linkClosed(link)
        this.#tellBroken(peer, reason)
        const isSilent = SILENCE.test(reason)
        const how = lanes.isControl(link) ? (isSilent ? 'silent' : 'closed') : undefined
        closed(peer, link, refused ? 'refused' : how)
        peer.resumeWaiters()
      },
    })
    const peer = new Peer(member, this.numberOf(member.name), lanes)
    this.#byName.set(member.name, peer)
    this.peers[peer.index] = peer
    lanes.control()
  }

  /** The member is listed no longer: no new request goes there. */
  remove(peer: Peer): void {
    this.#byName.delete(peer.name)
    this.peers[peer.index] = undefined
  }

  /** What is sent from now until `endTurn` leaves then. */
  beginBatch(): void {
    this.#inTurn = true
  }

  endBatch(): void {
    this.#inTurn = false
    this.#flush()
  }

  close(): void {
    for (const peer of this.#byName.values()) peer.pool.close()
  }

  #greet(peer: Peer, runId: string): void {
    const isNew = peer.runId !== '' && peer.runId !== runId
    peer.runId = runId
    peer.isBroken = false
    this.#options.ready(peer, isNew)
  }

  /** Once, not at every attempt to reach it again. */
  #tellBroken(peer: Peer, reason: string): void {
    if (peer.isBroken) return
    peer.isBroken = true
    this.#options.log.info({ peer: peer.name, reason }, 'no link to another node')
  }

  /** A node is known by the name it gives itself: by another one, it would own other slots than it thinks. */
  #tellWrongName({ name: listed }: Member, name: string, self: Identity): void {
    const message =
      name === self.name
        ? `this node calls itself ${name} but is listed as ${listed}: announce ${listed}, or list ${name}`
        : `the node listed as ${listed} calls itself ${name}: list it so, or let it announce ${listed}`
    this.#options.log.warn({ listed, name }, message)
  }

  #markDirty(link: Link): void {
    this.#dirty.push(link)
    if (this.#inTurn || this.#isFlushing) return
    this.#isFlushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushing = false
    const dirty = this.#dirty
    if (dirty.length === 0) return
    this.#dirty = []
    for (const link of dirty) link.flush()
  }
}

function connectTo({ host, port }: Member): Socket {
  return connect({ host, port })
}
