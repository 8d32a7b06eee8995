// The peers of a node by name and number, and their links, which are flushed together once per event-loop batch.

import { connect, type Socket } from 'node:net'
import type { Clock, Timers } from '../../bytes/clock.ts'
import type { Log } from '../log.ts'
import type { Member } from '../member.ts'
import type { Hello, Identity } from './handshake.ts'
import type { Link, LinkFailure } from './link.ts'
import { LinkPool } from './link-pool.ts'
import type { ContextBytes } from './outgoing.ts'
import { Peer } from './peer.ts'
import { SendBufferPool } from './send-buffers.ts'

export interface MeshOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  /** The timeout for a connection, a handshake and a reply, ms. */
  readonly timeout: number
  /** Data links to each peer. */
  readonly links: number
  readonly connect: ((member: Member) => Socket) | undefined
  readonly contextBytes: ContextBytes
  /**
   * The node at the address of a peer announces another name. Returns whether it is known by that name now; otherwise
   * the link is closed.
   */
  readonly renamed: (peer: Peer, hello: Hello) => boolean
  /** The control link of a peer is ready. `isNew`: another process ran there before. */
  readonly ready: (peer: Peer, isNew: boolean) => void
  /** A link of a peer was closed. `how`: undefined if this says nothing about the peer, as with a data link. */
  readonly closed: (peer: Peer, link: Link, how: LinkFailure | undefined) => void
  /** Called before and after the replies of one read from a link. */
  readonly receiving: () => void
  readonly received: () => void
  /** A peer has sent a push. */
  readonly pushed: (frame: Buffer) => void
}

/** The reasons of links that were closed by a timeout. */
const SILENCE = /^no (?:answer|connection|handshake) /

export class Mesh {
  /** By number. 0 is this node, which is not a peer. */
  readonly peers: (Peer | undefined)[] = [undefined]
  readonly #options: MeshOptions
  readonly #buffers = new SendBufferPool()
  readonly #byName = new Map<string, Peer>()
  /** A number is never reused for another name. */
  readonly #numbers = new Map<string, number>()
  #dirty: Link[] = []
  #isFlushing = false
  #inBatch = false

  constructor(options: MeshOptions) {
    this.#options = options
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#byName.values()
  }

  get(name: string): Peer | undefined {
    return this.#byName.get(name)
  }

  /** @throws Error for a name that is not a peer's */
  existing(name: string): Peer {
    const peer = this.#byName.get(name)
    if (peer === undefined) throw new Error(`${name} is not a member`)
    return peer
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

  /** Adds a peer, and keeps a control link to it. */
  add(member: Member, identity: Identity): void {
    const { timeout, links, pushed, closed } = this.#options
    const options = {
      ...this.#options,
      peer: member.name,
      connect: () => (this.#options.connect ?? connectTo)({ ...member, ...member.listed }),
      identity,
      buffers: this.#buffers,
      connectTimeout: timeout,
      handshakeTimeout: timeout,
      responseTimeout: timeout,
      size: links,
    }
    const pool = new LinkPool(options, {
      onDirty: (link) => this.#markDirty(link),
      onPush: (_link, frame) => pushed(frame),
      onDrain: () => peer.resumeWaiters(),
      onReady: (link, hello) => {
        if (!pool.isControl(link)) return
        if (hello.name === member.name) this.#identify(peer, hello.runId)
        else if (!this.#options.renamed(peer, hello)) link.close()
      },
      onClose: (link, reason, refused) => {
        peer.linkClosed(link)
        this.#logBroken(peer, reason)
        const isSilent = SILENCE.test(reason)
        const how = pool.isControl(link) ? (isSilent ? 'silent' : 'closed') : undefined
        closed(peer, link, refused ? 'refused' : how)
        peer.resumeWaiters()
      },
    })
    const peer = new Peer(member, this.numberOf(member.name), pool)
    this.#byName.set(member.name, peer)
    this.peers[peer.index] = peer
    pool.control()
  }

  /** Tries to reach every peer at once whose name is not confirmed yet. */
  identifyNow(): void {
    for (const peer of this.#byName.values()) if (peer.runId === '') peer.pool.reconnectNow()
  }

  /** The member is no longer listed: no new request is sent to it. */
  remove(peer: Peer): void {
    this.#byName.delete(peer.name)
    this.peers[peer.index] = undefined
  }

  /** Requests sent from now on leave at `endBatch`, together. */
  beginBatch(): void {
    this.#inBatch = true
  }

  endBatch(): void {
    this.#inBatch = false
    this.#flush()
  }

  close(): void {
    for (const peer of this.#byName.values()) peer.pool.close()
  }

  #identify(peer: Peer, runId: string): void {
    const isNew = peer.runId !== '' && peer.runId !== runId
    peer.identify(runId)
    peer.isBroken = false
    this.#options.ready(peer, isNew)
  }

  /** Logs that the link is broken, once and not at each further attempt. */
  #logBroken(peer: Peer, reason: string): void {
    if (peer.isBroken) return
    peer.isBroken = true
    this.#options.log.info({ peer: peer.name, reason }, 'no link to another node')
  }

  #markDirty(link: Link): void {
    this.#dirty.push(link)
    if (this.#inBatch || this.#isFlushing) return
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
