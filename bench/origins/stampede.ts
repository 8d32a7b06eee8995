// The stampede: many clients of several nodes miss one key at the same instant, and its origin is slow.

import { startNodes, stopAll } from '../clusters.ts'
import { median } from '../figures.ts'
import { keyOf } from '../load.ts'
import { ANY_CORE } from '../servers.ts'
import type { CrowdJob, Rush } from './crowd.ts'
import { type CrowdRow, quantile, type StampedeResults } from './figures.ts'
import { startHelper } from './helper.ts'
import type { Database } from './postgres.ts'

const NODES = 3
const CLIENTS = 1000
const ORIGIN_MS = 200

/** A bulk string of 32 bytes. */
const REPLY_BYTES = '$32\r\n'.length + 32 + 2

/** The latencies of one stampede, in ms beyond the time of the origin. */
interface Sample {
  readonly p99: number
  readonly max: number
  readonly queries: number
  readonly originMs: number
  readonly sentMs: number
  readonly crowdCpuMs: number
  readonly nodesCpuMs: number
}

export interface StampedeBench {
  readonly database: Database
  readonly repeats: number
  /** The number of warm-up keys: the code of a node is slow in its first runs. */
  readonly warmUps: number
  readonly blame: (fault: string) => void
}

export async function measureStampede(bench: StampedeBench): Promise<StampedeResults> {
  const { database, repeats, warmUps, blame } = bench
  const query = `select body from items, pg_sleep(${ORIGIN_MS / 1000}) where id = $1`
  const groups = { slow: { ttl: '1h', origin: { kind: 'sql', url: database.url, query } } } as const
  const cores = Array.from({ length: NODES }, () => ANY_CORE)
  const nodes = await startNodes({ maxBytes: '64mb', groups, cores })
  const crowd = startHelper<CrowdJob, Rush>(new URL('./crowd.ts', import.meta.url))
  try {
    await crowd.run({ ports: nodes.map(({ port }) => port), size: CLIENTS })
    const samples: Record<CrowdRow['key'], Sample[]> = { cold: [], cached: [] }
    const nodesCpuMs = (): number => nodes.reduce((sum, node) => sum + node.cpuMicros() / 1000, 0)
    const rush = async (key: CrowdRow['key'], name: string): Promise<Sample> => {
      await database.forget()
      const request = `*2\r\n$3\r\nGET\r\n$16\r\n${name}\r\n`
      const before = nodesCpuMs()
      const { waits, replies, sentMs, cpuMs } = await crowd.run({ request, replyBytes: REPLY_BYTES })
      const spent = { crowdCpuMs: cpuMs, nodesCpuMs: nodesCpuMs() - before }
      const { queries, ms: originMs } = await database.asked()
      const right = key === 'cold' ? 1 : 0
      if (queries !== right) blame(`stampede: ${queries} queries for a ${key} key`)
      if (replies.length !== 1 || !replies[0].startsWith('$32\r\n'))
        blame(`stampede: the answers were ${replies.map((reply) => JSON.stringify(reply)).join(', ')}`)
      const beyond = (part: number): number => quantile(waits, part) - originMs
      return { p99: beyond(0.99), max: beyond(1), queries, originMs, sentMs, ...spent }
    }
    for (let repeat = 0; repeat < warmUps + repeats; repeat++) {
      const cold = await rush('cold', keyOf(repeat))
      const cached = await rush('cached', keyOf(repeat))
      if (repeat < warmUps) continue
      samples.cold.push(cold)
      samples.cached.push(cached)
    }
    return {
      nodes: NODES,
      clients: CLIENTS,
      repeats,
      originMs: median(samples.cold.map(({ originMs }) => originMs)),
      sentMs: median(samples.cold.map(({ sentMs }) => sentMs)),
      rows: [crowdRow('cold', samples.cold), crowdRow('cached', samples.cached)],
    }
  } finally {
    await crowd.stop()
    await stopAll(nodes)
  }
}

function crowdRow(key: CrowdRow['key'], samples: readonly Sample[]): CrowdRow {
  return {
    key,
    p99: median(samples.map(({ p99 }) => p99)),
    worstP99: Math.max(...samples.map(({ p99 }) => p99)),
    max: Math.max(...samples.map(({ max }) => max)),
    crowdCpuMs: mean(samples.map(({ crowdCpuMs }) => crowdCpuMs)),
    nodesCpuMs: mean(samples.map(({ nodesCpuMs }) => nodesCpuMs)),
    queries: Math.max(...samples.map(({ queries }) => queries)),
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
