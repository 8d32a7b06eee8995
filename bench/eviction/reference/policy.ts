// The contract of the reference policies: caches of keys without values.

export interface ReferencePolicy {
  /**
   * Asks for a key, and stores it after a miss. A key larger than the capacity is never stored.
   *
   * @returns whether it was a hit
   */
  access(id: number, size: number): boolean
}

/**
 * @param distinct ids are below
 * @param capacity the sum of the sizes that the cache holds
 * @param meanSize the mean size of a key: for what is counted in keys
 */
export type ReferenceFactory = (distinct: number, capacity: number, meanSize: number) => ReferencePolicy
