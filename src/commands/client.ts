// What commands see of the connection that sent them; the server implements it.

import type { Group } from '../group/group.ts'
import type { HeldCommands } from './held.ts'

/** The place of a reply that comes later: replies behind it wait. */
export interface HeldReply {
  /** Fills the place; an empty buffer leaves no reply. Ignored when the client has gone. */
  complete(reply: Buffer): void
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
  /** Commands whose replies are held. */
  readonly held: HeldCommands
  readonly queryBufferBytes: number
  readonly outputBufferBytes: number
  /** Reserves the place of the reply to the command that runs now. */
  hold(): HeldReply
  /** Sends bytes outside the order of replies (MONITOR's feed, pushes). */
  push(bytes: Buffer): void
  /** Closes; with `afterReplies`, once everything written so far has left. */
  close(afterReplies: boolean): void
}
