// The results of the eviction benchmark, as in its result file.

/** One trace at one capacity. Hits are shares of all accesses, 0 to 1, by the name of the policy. */
export interface EvictionRow {
  readonly trace: string
  readonly accesses: number
  readonly distinct: number
  /** Capacity as a share of the distinct keys; for a trace with sizes, of their bytes. */
  readonly share: number
  readonly isSized: boolean
  /** The policies of the store. */
  readonly own: Readonly<Record<string, number>>
  /** Plain implementations of the published policies. */
  readonly reference: Readonly<Record<string, number>>
  /** Undefined for a trace with sizes: finding it would take too long. */
  readonly optimum?: number
}

export interface EvictionResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly rows: readonly EvictionRow[]
  /** By policy of the store: CPU time per access over all rows, ns. */
  readonly cpuNanos: Readonly<Record<string, number>>
  /** Undefined in results of before they were measured. */
  readonly costs?: readonly CostRow[]
  /** By policy of the store. */
  readonly resident?: Readonly<Record<string, Resident>>
}

/** Saved load time of one trace with load times, as a share of that without a cache, by policy of the store. */
export interface CostRow {
  readonly trace: string
  /** What the load time of a key goes with. */
  readonly kind: string
  /** Capacity as a share of the bytes of the distinct keys. */
  readonly share: number
  readonly plain: Readonly<Record<string, number>>
  /** With `evictionCost: 'load-time'`. */
  readonly loadTime: Readonly<Record<string, number>>
}

/** The memory of a store at its budget. */
export interface Resident {
  readonly entries: number
  /** Growth of resident memory (RSS). */
  readonly bytesPerEntry: number
  /** What the policy counts beside the records. */
  readonly ownPerEntry: number
}

/** What one policy of the store did with one trace at one capacity. */
export interface Played {
  readonly trace: string
  readonly share: number
  readonly accesses: number
  readonly hits: number
  /** The time that the loads after misses took, ms; 0 without load times. */
  readonly loadedMs: number
  readonly cpuMicros: number
}

export const SHARES = [0.01, 0.05, 0.1, 0.2] as const
