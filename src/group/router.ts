// The port that tells which node owns a key.

export interface Router {
  /** Whether this node owns every key: then nothing is ever asked of `owner`. */
  readonly ownsEverything: boolean
  /** The owner of the key `bytes[start, end)`: `undefined` for this node, else the address of another. */
  owner(bytes: Uint8Array, start: number, end: number): string | undefined
}

/** A node on its own. */
export const localRouter: Router = {
  ownsEverything: true,
  owner: () => undefined,
}
