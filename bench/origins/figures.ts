// The results of the benchmark of origins, as in its result file, and the goals.

import { median } from '../figures.ts'

/** Reads of cached values, at one depth of pipelining. */
export interface ReadSample {
  readonly opsPerSecond: number
  readonly cpuMicros: number
  /** Milliseconds of a pipeline. */
  readonly p50: number
  readonly p99: number
}

/** The same reads of a group without an origin and of one with all of its policies: medians over the rounds. */
export interface HitCell {
  readonly depth: number
  readonly plain: ReadSample
  readonly fresh: ReadSample
  /** The second relative to the first: medians of the ratios of each round. */
  readonly throughputRatio: number
  readonly cpuRatio: number
}

/** One access path to a thousand keys. */
export interface PathRow {
  readonly path: 'database' | 'one by one' | 'pipelined' | 'MGET' | 'wide MGET' | 'hit' | 'stale'
  /** Medians of the rounds. */
  readonly keysPerSecond: number
  /** CPU time of the node per key, over all rounds; undefined if it took no part. */
  readonly cpuMicros?: number
  /** Latency of one reply in ms, over all rounds. */
  readonly p50: number
  readonly p99: number
  /** The maximal number of queries and rows in a round. */
  readonly queries: number
  readonly rows: number
}

interface PathResults {
  /** The number of keys of each access path in each round. */
  readonly keys: number
  readonly rows: readonly PathRow[]
}

export interface BatchResults extends PathResults {
  /** The speedup of one MGET over keys one by one: medians of the ratios of each round. */
  readonly speedup: number
  /** The same with the whole MGET in one query. */
  readonly wideSpeedup: number
}

export interface StaleResults extends PathResults {
  /** Connections that read the same keys at the same time. */
  readonly clients: number
}

/** Many clients miss one key at once, or find it: medians over the repeats, and the worst. */
export interface CrowdRow {
  readonly key: 'cold' | 'cached'
  /** Milliseconds beyond the time of the origin: the p99 and the maximum of the latencies. */
  readonly p99: number
  readonly worstP99: number
  readonly max: number
  /** CPU time per key of the process of all clients, and of all nodes together, ms: averages. */
  readonly crowdCpuMs: number
  readonly nodesCpuMs: number
  /** The maximal number of queries for one key. */
  readonly queries: number
}

export interface StampedeResults {
  readonly nodes: number
  readonly clients: number
  readonly repeats: number
  /** The time of the origin, ms. */
  readonly originMs: number
  /** The time until all clients had sent their request, ms. */
  readonly sentMs: number
  readonly rows: readonly CrowdRow[]
}

export interface OriginResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly keys: number
  readonly hits: readonly HitCell[]
  readonly batch: BatchResults
  readonly stale: StaleResults
  readonly stampede: StampedeResults
}

/** The goals. */
export const TARGETS = {
  /** The minimal throughput of hits relative to a group without an origin. */
  hit: 0.97,
  /** The minimal speedup of one MGET over keys one by one. */
  speedup: 20,
  /** The maximal p99 of the stampede beyond the time of the origin, ms. */
  stampedeMs: 25,
} as const

/** Medians of both sides, and of their ratios in the same round. */
export function hitCell(depth: number, plain: readonly ReadSample[], fresh: readonly ReadSample[]): HitCell {
  const ratio = (field: keyof ReadSample): number =>
    median(fresh.map((sample, round) => sample[field] / plain[round][field]))
  return {
    depth,
    plain: medians(plain),
    fresh: medians(fresh),
    throughputRatio: ratio('opsPerSecond'),
    cpuRatio: ratio('cpuMicros'),
  }
}

function medians(samples: readonly ReadSample[]): ReadSample {
  const of = (field: keyof ReadSample): number => median(samples.map((sample) => sample[field]))
  return { opsPerSecond: of('opsPerSecond'), cpuMicros: of('cpuMicros'), p50: of('p50'), p99: of('p99') }
}

/** One access path in one round. */
export interface PathSample {
  readonly seconds: number
  readonly waits: readonly number[]
  readonly cpuMicros: number
  readonly queries: number
  readonly rows: number
}

/** @param keys the number of keys in a round */
export function pathRow(path: PathRow['path'], samples: readonly PathSample[], keys: number): PathRow {
  const waits = samples.flatMap((sample) => sample.waits).sort((a, b) => a - b)
  const cpu = samples.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0)
  return {
    path,
    keysPerSecond: median(samples.map(({ seconds }) => keys / seconds)),
    ...(path !== 'database' && { cpuMicros: cpu / (keys * samples.length) }),
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    queries: Math.max(...samples.map(({ queries }) => queries)),
    rows: Math.max(...samples.map(({ rows }) => rows)),
  }
}

/** The smallest of the sorted values that this part of them does not exceed. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]
}
