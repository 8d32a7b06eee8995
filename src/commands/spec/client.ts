// The interface of a connection towards the commands that it sends; the server implements it.

import { SUPERUSER, type User } from '../../access/user.ts'
import { ShortLivedMap } from '../../bytes/short-lived.ts'
import type { Link, Receiver } from '../../cluster/links/link.ts'
import type { Group } from '../../group/group.ts'
import type { Context } from '../../telemetry/tracing.ts'
import type { TlsSession } from '../../tls/session.ts'
import { PendingCommands } from './session/pending-commands.ts'
import type { ClientWatch, Transaction } from './session/transaction.ts'
import type { ClientWait } from './session/waiting.ts'

/** Takes a reply. A long one may come in parts, which are not copied: `rest` follows `reply`. */
export interface CompleteReply {
  (reply: Buffer, rest?: readonly Buffer[]): void
  /** See `PendingReply`. */
  number?: number | undefined
  /** When a command that waits for keys ends, ms of the monotonic time. */
  deadline?: number | undefined
  /** Later commands on its keys run before it has its reply: it waits for what they write. */
  release?: () => void
}

/** The reserved place of a deferred reply: replies to later commands wait behind it. */
export interface PendingReply {
  /** For a deferred reply to another node: its number. */
  readonly number?: number
  /** Fills the place; an empty buffer means no reply. Ignored once the client is disconnected. */
  complete: CompleteReply
}

/** The state of a connection that another node of the cluster has opened. */
export interface PeerSession {
  /** The member's name: its announced address. */
  readonly name: string
  readonly runId: string
  /** The generation of this node's view that the peer shares; -1: the peer has a different view. */
  agreedGeneration: number
  /** Whether the peer coordinates its requests: one whose keys this node does not own is sent back to it (`?`). */
  isCoordinated: boolean
  /** The name of the group of its requests; empty: none yet. */
  groupName: string
  /** Its requests are for a group that this node does not have. */
  isUnknownGroup: boolean
}

/** The session state of a client, whichever adapter it comes through: what CLIENT INFO shows and commands change. */
export abstract class ClientState {
  readonly id: number
  /** 'host:port' of both ends. */
  readonly address: string
  readonly localAddress: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  lastActiveAt: number
  lastCommand = ''
  name = ''
  libName = ''
  libVersion = ''
  protocol: 2 | 3 = 2
  group: Group
  /** The user whose rights it has; an adapter may set another one. */
  user: User = SUPERUSER
  /** CLIENT REPLY: 'skip' suppresses the reply to the command after the one that asked for it. */
  replyMode: 'on' | 'off' | 'skip' | 'skip-next' = 'on'
  noTouch = false
  noEvict = false
  /** Its next command waits for the end of CLIENT PAUSE; set by the host. */
  isPaused = false
  /** Whether it is in MONITOR; set by the host. */
  monitor = false
  /** Where the spans of its requests begin; `undefined`: nothing is traced. */
  trace: Context | undefined = undefined
  /** The challenge that PEER CHALLENGE gave it; empty: none. */
  nonce = ''
  /** ASKING, until the next command: this node serves it even if another node owns the key. */
  asking = false
  /**
   * It asks every node itself: `DBSIZE`, `SCAN`, `KEYS`, `RANDOMKEY` and flushes concern this node's own keys. Set once it
   * has asked which nodes there are, or has sent READONLY.
   */
  asksEveryNode = false
  /** Its scans of all nodes that have not ended: their number, and a stamp of what had moved when the first one began. */
  scans: { open: number; stamp: string } | undefined = undefined
  /** The version of the cluster view by which its outstanding requests were routed. */
  routedByView = 0
  /** A write of it was forwarded, and replies are outstanding: until it has them it reads no hot copies, which may be older. */
  hasForwardedWrite = false
  /** The commands queued since MULTI; `undefined` outside a transaction. */
  transaction: Transaction | undefined = undefined
  /** The keys that it watches; `undefined`: none. */
  watch: ClientWatch | undefined = undefined
  /** On a connection of another node: the watches of its clients, by the numbers that it gives them. */
  peerWatches: Map<string, ClientWatch> | undefined = undefined
  /**
   * Its commands that wait for keys (BLPOP): one at most, under 0; those of another node by the numbers of their replies.
   */
  readonly waits = new ShortLivedMap<number, ClientWait>()
  /** Commands that wait for loads or for other commands. */
  readonly pending = new PendingCommands()

  /** A new client is in `group`; `now` is in milliseconds since the epoch. */
  constructor(id: number, group: Group, now: number, address: string, localAddress: string) {
    this.id = id
    this.address = address
    this.localAddress = localAddress
    this.createdAt = now
    this.lastActiveAt = now
    this.group = group
  }

  /** Ends its commands that wait for keys. */
  cancelWaits(): void {
    // A copy: each removes itself.
    for (const wait of [...this.waits.values()]) wait.cancel()
  }
}

/** A client: its state, and what its adapter does for it. */
export interface Client extends ClientState {
  authenticated: boolean
  /** No more commands are served; the connection closes once its replies have been sent. */
  readonly closing: boolean
  /** Its connection is closed: nobody reads its replies. */
  readonly isGone: boolean
  /** Set when another node of the cluster has authenticated on this connection; `undefined`: an ordinary client. */
  peer: PeerSession | undefined
  /** The TLS properties of the connection; `undefined`: it does not use TLS. */
  readonly tls?: TlsSession | undefined
  /** The program that embeds the node: it is never redirected. */
  readonly isProgram?: boolean
  /** Whether a reply is outstanding. */
  readonly awaitsReplies: boolean
  readonly queryBufferBytes: number
  readonly outputBufferBytes: number
  /** Reserves the place of the current command's reply in the order of replies. */
  deferReply(): PendingReply
  /** Reserves the place of the current command's reply, which arrives over a link to the key's owner. */
  deferForwardedReply(link: Link, context: number): Receiver
  /** Continues, in the next event-loop batch, with requests that had to wait. */
  resume(): void
  /** Sends bytes outside the order of replies (the MONITOR feed). */
  push(bytes: Buffer): void
  /** Closes; with `afterReplies`, once everything written so far has been sent. */
  close(afterReplies: boolean): void
}

/** Defers the reply to the current command. Returns what completes it; the reply is dropped if CLIENT REPLY says so. */
export function deferReply(client: Client): CompleteReply {
  const isSilent = client.replyMode === 'off' || client.replyMode === 'skip'
  if (client.replyMode === 'skip') client.replyMode = 'on'
  const place = client.deferReply()
  const complete: CompleteReply = (reply, rest) =>
    place.complete(isSilent ? NOTHING : reply, isSilent ? undefined : rest)
  if (place.number !== undefined) complete.number = place.number
  return complete
}

const NOTHING: Buffer = Buffer.alloc(0)
