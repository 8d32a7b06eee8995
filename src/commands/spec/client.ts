// What commands see of the connection that sent them; the server implements it.

import type { Link, Receiver } from '../../cluster/links/link.ts'
import type { Group } from '../../group/group.ts'
import type { PendingCommands } from './pending-commands.ts'

/** The place of a reply that comes later: replies behind it wait. */
export interface PendingReply {
  /** Fills the place; an empty buffer leaves no reply. Ignored when the client has gone. */
  complete(reply: Buffer): void
}

/** What a connection is when another node of the cluster has opened it. */
export interface PeerSession {
  /** The member's name: its announced address. */
  readonly name: string
  readonly runId: string
  /** The generation of this node's view in which the peer had the same one; -1: it has another. */
  agreesIn: number
  /** They are run here whoever owns their keys. */
  isFinal: boolean
  /** They are for a group that this node does not have. */
  isLost: boolean
}

export interface Client {
  readonly id: number
  /** 'host:port' of both ends. */
  readonly address: string
  readonly localAddress: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  lastActiveAt: number
  lastCommand: string
  name: string
  libName: string
  libVersion: string
  protocol: 2 | 3
  authenticated: boolean
  group: Group
  /** CLIENT REPLY: 'skip' silences the command after the one that asked for it. */
  replyMode: 'on' | 'off' | 'skip' | 'skip-next'
  noTouch: boolean
  noEvict: boolean
  /** Whether it is in MONITOR: set by the host. */
  monitor: boolean
  /** It is served no more, and closed once its replies have left. */
  readonly closing: boolean
  /** Another node of the cluster, which has shown that it is one; `undefined`: an ordinary client. */
  peer: PeerSession | undefined
  /** The program that the node is part of: it is not told to ask another node itself. */
  readonly isProgram?: boolean
  /** What PEER CHALLENGE gave it; empty: nothing. */
  nonce: string
  /** ASKING, until the next command: it is served here whoever owns its key. */
  asking: boolean
  /** The view of the cluster by which its requests under way were routed: its counter. */
  routedIn: number
  /** Whether some reply that was asked for is still to come. */
  readonly isWaiting: boolean
  /** Commands whose replies are held. */
  readonly pending: PendingCommands
  readonly queryBufferBytes: number
  readonly outputBufferBytes: number
  /** Reserves the place of the reply to the command that runs now. */
  hold(): PendingReply
  /** Reserves the place of the reply to the command that runs now, which comes by a link to its owner. */
  relay(link: Link, context: number): Receiver
  /** Goes on, in the next turn, with what had to wait. */
  resume(): void
  /** Sends bytes outside the order of replies (MONITOR's feed, pushes). */
  push(bytes: Buffer): void
  /** Closes; with `afterReplies`, once everything written so far has left. */
  close(afterReplies: boolean): void
}

/** Reserves the place of the reply to the command that runs now; if the client wants no reply, it stays empty. */
export function placeOf(client: Client): (reply: Buffer) => void {
  const isSilent = client.replyMode === 'off' || client.replyMode === 'skip'
  if (client.replyMode === 'skip') client.replyMode = 'on'
  const place = client.hold()
  return (reply) => place.complete(isSilent ? NOTHING : reply)
}

const NOTHING: Buffer = Buffer.alloc(0)
