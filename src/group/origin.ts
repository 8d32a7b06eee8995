// The port to where the data lives: a group asks its origin for what it does not hold.

/**
 * What an origin gives for a key. `null` and `undefined`: the key does not exist. A string (stored as UTF-8) or
 * bytes become a string value; the bytes are taken as they are, so they must not change afterwards.
 */
export type OriginValue = string | Uint8Array | null | undefined

export interface LoadContext {
  /** The name of the group that asks. */
  readonly group: string
  /** Aborted when the answer is no longer wanted: the load timed out, or the node closes. */
  readonly signal: AbortSignal
}

export interface Origin {
  /** Names the implementation: 'function', 'file', … */
  readonly kind: string
  /** Loads one key, given as UTF-8 text. Throwing or rejecting is an error for every waiter and is not cached. */
  load(key: string, context: LoadContext): Promise<OriginValue> | OriginValue
  /** Releases what the origin holds; called once, when the node closes. */
  close?(): Promise<void> | void
}
