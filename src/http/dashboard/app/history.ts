// The answers of the last minutes. The difference of two answers turns counters into rates.

import type { DashboardState, GroupState, MemberState } from './types.ts'

/** Five minutes, one answer each second. */
const MAX_SAMPLES = 300
/** Figures in text are means over this many seconds: those of a single second would fluctuate. */
const WINDOW_SECONDS = 5

/** Rates per second of a group, or of several together. */
export interface Rates {
  readonly reads: number
  readonly hits: number
  readonly negativeHits: number
  readonly misses: number
  readonly staleHits: number
  readonly loads: number
  readonly failures: number
  readonly joined: number
  readonly evicted: number
  /** The share of reads that spared the origin; `null`: there were none. */
  readonly hitRatio: number | null
  /** Of loads that ended, in seconds; `null`: none did. */
  readonly p50: number | null
  readonly p99: number | null
}

/** Rates of a node between two answers. */
export interface Point {
  /** Seconds since the epoch. */
  readonly at: number
  readonly total: Rates
  readonly groups: Readonly<Record<string, Rates>>
  readonly commands: number
  readonly httpRequests: number
  readonly cpu: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Delay of the event loop, 99th percentile in seconds; `null`: unknown. */
  readonly delay: number | null
}

const COUNTERS = [
  'hits',
  'negativeHits',
  'misses',
  'staleHits',
  'loads',
  'failures',
  'joined',
  'evicted',
] as const

/** The rates between two answers. A counter that was reset counts from 0. */
export function pointOf(before: DashboardState, after: DashboardState): Point {
  const elapsed = Math.max(0.001, (after.at - before.at) / 1000)
  const earlier = new Map(before.groups.map((group) => [group.name, group]))
  const pairs = after.groups.map((group) => ({ now: group, was: earlier.get(group.name) }))
  const groups = Object.fromEntries(
    pairs.map((pair) => [pair.now.name, isIdle(pair) ? IDLE : ratesOf([pair], elapsed, after.loadLimits)]),
  )
  const delta = (of: (state: DashboardState) => number): number => increase(of(before), of(after))
  return {
    at: after.at / 1000,
    total: ratesOf(pairs, elapsed, after.loadLimits),
    groups,
    commands: delta(({ node }) => node.commands) / elapsed,
    httpRequests: delta(({ node }) => node.http?.requests ?? 0) / elapsed,
    cpu: delta(({ node }) => node.cpuMicros) / 1e6 / elapsed,
    bytesIn: delta(({ node }) => node.bytesIn) / elapsed,
    bytesOut: delta(({ node }) => node.bytesOut) / elapsed,
    delay: quantile(0.99, after.loadLimits, increases(before.node.delayCounts, after.node.delayCounts)),
  }
}

interface Pair {
  readonly now: GroupState
  readonly was: GroupState | undefined
}

/** Of groups that nobody uses, which may be many: they share it. */
const IDLE: Rates = ratesOf([], 1, [])

/** Whether no counter of a group has changed. */
function isIdle({ now, was }: Pair): boolean {
  return (
    was !== undefined &&
    COUNTERS.every((name) => now[name] === was[name]) &&
    now.loadCounts.at(-1) === was.loadCounts.at(-1)
  )
}

function ratesOf(pairs: readonly Pair[], elapsed: number, limits: readonly number[]): Rates {
  const sums = Object.fromEntries(
    COUNTERS.map((name) => [
      name,
      pairs.reduce((sum, { now, was }) => sum + increase(was?.[name] ?? 0, now[name]), 0) / elapsed,
    ]),
  ) as Record<(typeof COUNTERS)[number], number>
  const buckets = pairs.map(({ now, was }) => increases(was?.loadCounts ?? [], now.loadCounts))
  const counts = Array.from({ length: limits.length + 1 }, (_, i) =>
    buckets.reduce((sum, each) => sum + (each[i] ?? 0), 0),
  )
  const reads = sums.hits + sums.negativeHits + sums.misses
  return {
    ...sums,
    reads,
    hitRatio: reads === 0 ? null : (sums.hits + sums.negativeHits) / reads,
    p50: quantile(0.5, limits, counts),
    p99: quantile(0.99, limits, counts),
  }
}

function increase(before: number, after: number): number {
  return after >= before ? after - before : after
}

function increases(before: readonly number[], after: readonly number[]): number[] {
  const wasReset = (before.at(-1) ?? 0) > (after.at(-1) ?? 0)
  return after.map((count, i) => count - (wasReset ? 0 : (before[i] ?? 0)))
}

/**
 * A quantile from cumulative counts, linear within a bucket. `null`: there are no observations.
 *
 * @param counts one more than there are limits: the last one is of all
 */
export function quantile(q: number, limits: readonly number[], counts: readonly number[]): number | null {
  const all = counts.at(-1) ?? 0
  if (all === 0) return null
  const rank = q * all
  const i = counts.findIndex((count) => count >= rank)
  if (i >= limits.length) return limits.at(-1) ?? null
  const below = i === 0 ? 0 : counts[i - 1]
  const from = i === 0 ? 0 : limits[i - 1]
  return from + ((limits[i] - from) * (rank - below)) / Math.max(1, counts[i] - below)
}

export class History {
  /** The rates between consecutive answers, the oldest first. */
  readonly points: Point[] = []
  #states: DashboardState[] = []
  #recent: Point | undefined
  readonly #unlisted = new Map<string, MemberState>()

  /** Members that were listed when an earlier answer came, and are not any more. */
  get unlisted(): readonly MemberState[] {
    return [...this.#unlisted.values()]
  }

  /** The latest answer. */
  get latest(): DashboardState | undefined {
    return this.#states.at(-1)
  }

  /** The rates of the last seconds. */
  get recent(): Point | undefined {
    return this.#recent
  }

  add(state: DashboardState): void {
    this.#compareLists(this.latest, state)
    this.#add(state)
    const [first] = this.#states
    this.#recent = first === state ? undefined : pointOf(first, state)
  }

  #compareLists(before: DashboardState | undefined, { cluster, at }: DashboardState): void {
    const listed = new Set(cluster?.members.map(({ name }) => name))
    for (const member of before?.cluster?.members ?? [])
      if (!listed.has(member.name))
        this.#unlisted.set(member.name, {
          ...member,
          state: 'unlisted',
          since: at,
          slots: 0,
          latencyMs: null,
        })
    for (const name of listed) this.#unlisted.delete(name)
  }

  #add(state: DashboardState): void {
    const before = this.latest
    // Another process answers: its counters started at 0.
    if (before !== undefined && before.node.startedAt !== state.node.startedAt) {
      this.#states = [state]
      return
    }
    if (before !== undefined && state.at > before.at) {
      this.points.push(pointOf(before, state))
      if (this.points.length > MAX_SAMPLES) this.points.shift()
    }
    this.#states.push(state)
    if (this.#states.length > WINDOW_SECONDS + 1) this.#states.shift()
  }
}
