// The results of the benchmarks of servers and clusters, as in their result files.

/** The load: writes, reads, or nine reads to a write with Zipf-distributed keys. */
export type Workload = 'SET' | 'GET' | 'mix'

export interface Sample {
  readonly opsPerSecond: number
  readonly cpuMicros: number
}

/** A Node.js binary. */
export interface NodeVersion {
  /** `20.18.1`. */
  readonly version: string
  /** Whether it is a release with long-term support. */
  readonly isLts: boolean
}

/** A server of the benchmark. `erinys` and `floor` run with one Node.js or with several. */
export interface ServerRow {
  /** Unique: `redis`; with several Node.js binaries `erinys, Node 20.18.1`. */
  readonly name: string
  readonly version: string
  readonly node?: NodeVersion
}

/** One workload at one depth of pipelining, for one server: medians over the rounds. */
export interface Cell extends Sample {
  readonly server: string
  readonly workload: Workload
  readonly depth: number
  /** Throughput and CPU per operation relative to redis: medians of the ratios of each round. */
  readonly throughputRatio?: number
  readonly cpuRatio?: number
}

export interface ServerResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly servers: readonly ServerRow[]
  readonly rounds: number
  readonly cells: readonly Cell[]
}

/** The programs of the servers with their versions; the versions of Node.js are among the conditions. */
export function programsOf(servers: readonly ServerRow[]): string {
  const programs = servers.filter(({ name }) => !/^(floor|nearly full)\b/.test(name))
  return [...new Set(programs.map(({ name, version }) => `${name.split(',')[0]} ${version}`))].join(', ')
}

/** The goals for throughput relative to redis: with the newest LTS release of Node.js, and with the oldest supported one. */
export const SERVER_GOALS: Readonly<
  Record<'newest' | 'oldest', Readonly<Record<Workload, Readonly<Record<number, number>>>>>
> = {
  newest: {
    SET: { 1: 1, 16: 1.25, 64: 1.5 },
    GET: { 1: 1, 16: 1.25, 64: 1.5 },
    mix: { 1: 1, 16: 1.15, 64: 1.3 },
  },
  oldest: {
    SET: { 1: 0.9, 16: 1.05, 64: 1.25 },
    GET: { 1: 0.9, 16: 1.05, 64: 1.25 },
    mix: { 1: 0.9, 16: 1.05, 64: 1.25 },
  },
}

/**
 * Which of the servers are this project's with the oldest Node.js, and with the newest LTS release (with the newest of
 * all if none is one). Undefined: there is none, or only one, which is the oldest.
 */
export function nodesOf(servers: readonly ServerRow[]): {
  readonly oldest: ServerRow | undefined
  readonly newest: ServerRow | undefined
} {
  const versionOf = (row: ServerRow): string => row.node?.version ?? ''
  const sorted = servers
    .filter(({ name }) => /^erinys\b/.test(name))
    .sort((a, b) => versionOf(a).localeCompare(versionOf(b), 'en', { numeric: true }))
  const [oldest, ...newer] = sorted
  return { oldest, newest: newer.filter(({ node }) => node?.isLts).at(-1) ?? newer.at(-1) }
}

/** The forwarding of a command whose key another process owns. */
export interface HopSample {
  readonly opsPerSecond: number
  /** CPU time per operation of the process that receives the command, and of the one that owns the key. */
  readonly entryMicros: number
  readonly ownerMicros: number
}

/** One command at one depth of pipelining, through a node and through twemproxy: medians over the rounds. */
export interface HopCell {
  readonly command: 'GET' | 'SET'
  readonly depth: number
  readonly ours: HopSample
  readonly theirs: HopSample
  /** A bare relay in Node.js, in front of Redis too. */
  readonly floor?: HopSample
  /** Ours relative to theirs: medians of the ratios of each round. */
  readonly throughputRatio: number
  readonly entryRatio: number
  readonly ownerRatio: number
  /** CPU time of our entry relative to that of the bare relay. */
  readonly floorRatio?: number
}

export interface HopResults {
  readonly rounds: number
  readonly conditions: string
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly cells: readonly HopCell[]
}

/** The goals for a forwarded GET relative to twemproxy, by pipelining depth: throughput, and CPU time of the entry. */
export const HOP_GOALS: Readonly<Record<number, { readonly throughput: number; readonly entry: number }>> = {
  1: { throughput: 0.97, entry: 1.2 },
  16: { throughput: 1.4, entry: 0.75 },
  64: { throughput: 1.8, entry: 0.4 },
}

/**
 * How the nodes that are asked read the hot key: from a copy, or from its owner; or each owns it: of a key of its own that
 * takes its place, which is the least that copies could cost.
 */
export type HotRead = 'copy' | 'owner' | 'own'

/** A hot key: nine of ten requests are for it, and clients send none to its owner. Medians over the rounds. */
export interface HotRow {
  readonly read: HotRead
  /** Writes among a thousand requests. */
  readonly writes: number
  readonly opsPerSecond: number
  /** CPU time per operation of the key's owner, and of the nodes that receive requests together. */
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

/** The cost of a simulated cluster for one of its members. Times are CPU times. */
export interface ScalingRow {
  readonly members: number
  /** Milliseconds to compute the slot table. */
  readonly buildMs: number
  /** The largest number of slots of a member, as a multiple of its share. */
  readonly worstLoad: number
  /** Slots that a join moves, and the same as a multiple of the new member's share: averages. */
  readonly moved: number
  readonly movedRatio: number
  /** Ownership requests and replies in the whole cluster at a join, and their bytes. */
  readonly slotMessages: number
  readonly slotMessageBytes: number
  /** Connections of one node, incoming and outgoing. */
  readonly connections: number
  /** Memory of one node for the slot table, and for its peers. */
  readonly tableBytes: number
  readonly peerBytes: number
  /** Heartbeats and answers that one node sends per second. */
  readonly messagesPerSecond: number
  /** The size of one, without failures and while a tenth of the listed members is dead. */
  readonly messageBytes: number
  readonly messageBytesTenthDead: number
  /** The share of a core that they take. */
  readonly coreShare: number
  readonly coreShareTenthDead: number
  /** A tenth of the members ends at once: CPU time of one of the others until all have reported it, seconds. */
  readonly deathSeconds: number
  /**
   * All members start at once: simulated time until all have the same view, CPU time of one node (both in seconds), and
   * the bytes that it sends. Undefined: more than a minute.
   */
  readonly startSeconds?: number
  readonly startCpuSeconds?: number
  readonly startBytes?: number
}

export interface ClusterResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  /** Undefined if twemproxy or Redis was missing. */
  readonly hop?: HopResults
  readonly hot: HotResults
}

export interface ScalingResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly rows: readonly ScalingRow[]
}

/** What a cluster of that many members may cost: percent of a core, seconds. */
export const SCALING_GOALS = { members: 1000, core: 3, coreTenthDead: 15, startSeconds: 30 }

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
