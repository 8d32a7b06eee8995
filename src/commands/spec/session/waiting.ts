// The interface of a command that waits for keys.

/** A command of a client that waits, on this node or at the owner of its keys. */
export interface ClientWait {
  /** CLIENT UNBLOCK: ends it as if its timeout had passed, or with an error. */
  unblock(isError: boolean): void
  /** The client is gone. */
  cancel(): void
  /** The rights of its client's user have changed: it ends with an error if they forbid it now. */
  recheck(): void
  /** Continues it as a copy of the same command. */
  continuesAs?(wait: ClientWait): void
}
