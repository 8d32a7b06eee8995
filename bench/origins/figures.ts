// What the benchmark of origins measures, as its result file has it, and what is to be reached.

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
  /** The second as multiples of the first: medians of the rounds' own ratios. */
  readonly throughputRatio: number
  readonly cpuRatio: number
}

/** One way to a thousand keys. */
export interface PathRow {
  readonly path: 'database' | 'one by one' | 'pipelined' | 'MGET' | 'wide MGET' | 'hit' | 'stale'
  /** Medians of the rounds. */
  readonly keysPerSecond: number
  /** CPU time of the node per key, over all rounds; undefined where it took no part. */
  readonly cpuMicros?: number
  /** Milliseconds of one answer, of all rounds. */
  readonly p50: number
  readonly p99: number
  /** Most queries and rows that the database gave in a round. */
  readonly queries: number
  readonly rows: number
}

interface PathResults {
  /** Of each way in each round. */
  readonly keys: number
  readonly rows: readonly PathRow[]
}

export interface BatchResults extends PathResults {
  /** How many times as long the keys one by one took as by one MGET: medians of the rounds' own ratios. */
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
  /** Milliseconds beyond the origin's own, until 99 of 100 had their answer, and until the last one had. */
  readonly p99: number
  readonly worstP99: number
  readonly max: number
  /** CPU time per key of the process that asks for all clients, and of all nodes together, ms: averages. */
  readonly crowdCpuMs: number
  readonly nodesCpuMs: number
  /** Most queries that one key took. */
  readonly queries: number
}

export interface StampedeResults {
  readonly nodes: number
  readonly clients: number
  readonly repeats: number
  /** How long the origin took, ms. */
  readonly originMs: number
  /** How long the crowd took to ask, ms. */
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

/** What is to be reached. */
export const TARGETS = {
  /** A hit's throughput, as a multiple of that without an origin; at least. */
  hit: 0.97,
  /** One MGET, so many times as fast as its keys one by one; at least. */
  speedup: 20,
  /** The stampede's p99 beyond the origin's time, ms; at most. */
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

/** One way in one round. */
export interface PathSample {
  readonly seconds: number
  readonly waits: readonly number[]
  readonly cpuMicros: number
  readonly queries: number
  readonly rows: number
}

/** `keys`: how many a round's answers had in all. */
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

/** The least of the sorted values that so great a part of them does not exceed. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]
}
