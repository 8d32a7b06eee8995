// Redis's settings of compact encodings: the sizes up to which OBJECT ENCODING reports one.

/**
 * One object for all stores of a node; CONFIG SET changes it. A collection is converted, as in Redis, when it is next
 * changed, and never back. The names are Redis's own; the memory layout here has limits of its own (`collections.ts`).
 */
export interface EncodingLimits {
  /** Most pairs, and the longest field or value in bytes, of a hash that is a `listpack`. */
  hashMaxListpackEntries: number
  hashMaxListpackValue: number
  /** Kept for clients that set them: a list always is a `quicklist`, and is not compressed. */
  listMaxListpackSize: number
  listCompressDepth: number
  /** Most integers of a set that is an `intset`. */
  setMaxIntsetEntries: number
  /** Most pairs, and the longest member in bytes, of a sorted set that is a `listpack`. */
  zsetMaxListpackEntries: number
  zsetMaxListpackValue: number
  /** Most entries, and bytes, of a node of a stream, which `XTRIM … ~` removes as a whole; 0: no limit. */
  streamNodeMaxEntries: number
  streamNodeMaxBytes: number
}

/** Redis's defaults. */
export function defaultEncodingLimits(): EncodingLimits {
  return {
    hashMaxListpackEntries: 512,
    hashMaxListpackValue: 64,
    listMaxListpackSize: -2,
    listCompressDepth: 0,
    setMaxIntsetEntries: 512,
    zsetMaxListpackEntries: 128,
    zsetMaxListpackValue: 64,
    streamNodeMaxEntries: 100,
    streamNodeMaxBytes: 4096,
  }
}
