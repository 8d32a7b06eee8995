// The transaction of a client: the commands queued since MULTI and the keys that it watches, and what runs them.

import type { Group } from '../../../group/group.ts'

/** The commands queued since MULTI, until EXEC or DISCARD. */
export interface Transaction {
  /** How many commands are queued. */
  readonly size: number
  /** Bytes of their arguments, with an estimate for the objects that hold them. */
  readonly bytes: number
  /** The group of the commands after a queued SELECT; `undefined`: none is queued. */
  readonly selected: Group | undefined
  /** A command was refused: EXEC will discard the transaction. */
  abort(): void
}

/** The keys that a client watches, on this node or at their owner. */
export interface ClientWatch {
  /** Bytes of its keys, with an estimate for the objects that hold them. */
  readonly bytes: number
  /** Whether one of them is known to have changed. */
  readonly isBroken: boolean
  /** Ends the watch. */
  release(): void
}

/** What the transaction commands do with the context's request; implemented by the executor. */
export interface Transactions {
  multi(): void
  exec(): void
  watch(): void
  /** Runs a block that another node has sent (PEER EXEC). */
  execForPeer(): void
  /** Watches keys for a client of another node (PEER WATCH). */
  watchForPeer(): void
}
