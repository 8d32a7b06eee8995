// What the benchmarks of servers and of clusters measure, as their result files have it.

/** What is asked of a server: writes, reads, or nine reads to a write with Zipf-distributed keys. */
export type Workload = 'SET' | 'GET' | 'mix'

export interface Sample {
  readonly opsPerSecond: number
  readonly cpuMicros: number
}

/** One workload at one depth of pipelining, for one server: medians over the rounds. */
export interface Cell extends Sample {
  readonly server: string
  readonly workload: Workload
  readonly depth: number
  /** Throughput and CPU per operation as multiples of redis's: medians of the rounds' own ratios. */
  readonly throughputRatio?: number
  readonly cpuRatio?: number
}

export interface ServerResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly rounds: number
  readonly cells: readonly Cell[]
}

/** What a relay does for a command on a key that another process owns. */
export interface HopSample {
  readonly opsPerSecond: number
  /** CPU time per operation of the process that is asked, and of the one that owns the key. */
  readonly entryMicros: number
  readonly ownerMicros: number
}

/** One command at one depth of pipelining, through a node and through twemproxy: medians over the rounds. */
export interface HopCell {
  readonly command: 'GET' | 'SET'
  readonly depth: number
  readonly ours: HopSample
  readonly theirs: HopSample
  /** Ours as multiples of theirs: medians of the rounds' own ratios. */
  readonly throughputRatio: number
  readonly entryRatio: number
  readonly ownerRatio: number
}

export interface HopResults {
  readonly rounds: number
  readonly conditions: string
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly cells: readonly HopCell[]
}

/** What a forwarded GET is to reach, by depth of pipelining: least throughput, most CPU time at the entry. */
export const HOP_MARKS: Readonly<Record<number, { readonly throughput: number; readonly entry: number }>> = {
  1: { throughput: 0.97, entry: 1.2 },
  16: { throughput: 1.4, entry: 0.75 },
  64: { throughput: 1.8, entry: 0.4 },
}

/** Nine requests of ten are for one key, and none of them is sent to its owner: medians over the rounds. */
export interface HotRow {
  /** Whether nodes keep copies of others' keys. */
  readonly copies: boolean
  /** Writes among a thousand requests. */
  readonly writes: number
  readonly opsPerSecond: number
  /** CPU time of the key's owner, and of the nodes that are asked together, per operation. */
  readonly ownerMicros: number
  readonly entryMicros: number
  /** Share of the requests that reached another node. */
  readonly forwarded: number
}

export interface HotResults {
  readonly rounds: number
  readonly conditions: string
  readonly rows: readonly HotRow[]
}

/** A cluster of so many members, by simulation: what it costs one of them. Times are of this machine's processor. */
export interface ScalingRow {
  readonly members: number
  /** Milliseconds to make the table of slots. */
  readonly buildMs: number
  /** The most slots that one member has, as a multiple of its share. */
  readonly worstLoad: number
  /** Slots that change hands at a join, and as a multiple of the joiner's share: averages. */
  readonly moved: number
  readonly movedRatio: number
  /** Claims and answers about slots at a join, in the whole cluster, and their bytes. */
  readonly claims: number
  readonly claimBytes: number
  /** Connections at one node, those of others to it included. */
  readonly connections: number
  /** Bytes that one node holds for the table, and for all that it knows of the others. */
  readonly tableBytes: number
  readonly peerBytes: number
  /** Pings and answers that one node sends a second. */
  readonly messagesPerSecond: number
  /** Bytes of one, when all is well and when a tenth of the listed members is dead. */
  readonly messageBytes: number
  readonly messageBytesTenthDead: number
  /** Share of a core that pings and answers take. */
  readonly coreShare: number
  readonly coreShareTenthDead: number
  /** A tenth of the members dies at once: seconds of CPU time of one of the others until it has heard so from all. */
  readonly deathSeconds: number
  /**
   * All members start at once: seconds of CPU time, and bytes sent, of one node until it knows them. Undefined: more
   * than a minute.
   */
  readonly startSeconds?: number
  readonly startBytes?: number
}

export interface ClusterResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  /** Undefined where there was nothing to compare with. */
  readonly hop?: HopResults
  readonly hot: HotResults
  readonly scaling: readonly ScalingRow[]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
