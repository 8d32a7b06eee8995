// The benchmark of origins with PostgreSQL: hits, misses, batches, stale values, and a stampede.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withClient } from '../clusters.ts'
import { build, conditions, type Groups, startErinys } from '../servers.ts'
import type { Ask, Waits } from './asking.ts'
import { type OriginResults, type PathRow, TARGETS } from './figures.ts'
import { startHelper } from './helper.ts'
import { measureHits } from './hits.ts'
import { measureMisses, measureStale } from './misses.ts'
import { type Database, QUERIES, startPostgres } from './postgres.ts'
import { measureStampede } from './stampede.ts'

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))

/** The default settings of a group. */
const BATCH_MAX = 100
/** The TTL of values that become stale, ms: longer than reading all of them takes. */
const STALE_TTL = { smoke: 800, full: 2000 } as const
const STALE_KEYS = { smoke: 60, full: 300 } as const

/** Runs the benchmark, prints its results, and saves them in bench/results unless it is a smoke test. Returns wrong counts. */
export async function benchOrigins({ smoke }: { readonly smoke: boolean }): Promise<readonly string[]> {
  build()
  const keys = smoke ? 20_000 : 500_000
  const database = await startPostgres(keys)
  if (database === undefined) return []
  const faults = new Set<string>()
  const blame = (fault: string): unknown => faults.add(`origins: ${fault}`)
  try {
    const rounds = smoke ? 1 : 7
    const ofOne = await measureNode(database, keys, rounds, smoke, blame)
    const stampede = await measureStampede({
      database,
      repeats: smoke ? 2 : 20,
      warmUps: smoke ? 1 : 15,
      blame,
    })
    const where = { postgres: `PostgreSQL ${database.version} on a Unix socket, on the core of the load` }
    const results: OriginResults = {
      command: 'npm run bench -- origins',
      conditions: { ...conditions(), ...where },
      rounds,
      keys,
      ...ofOne,
      stampede,
    }
    print(results)
    // Results with wrong counts are not saved.
    if (smoke || faults.size > 0) return [...faults]
    mkdirSync(RESULTS, { recursive: true })
    writeFileSync(`${RESULTS}origins.json`, `${JSON.stringify(results, null, 2)}\n`)
    return []
  } finally {
    await database.stop()
  }
}

async function measureNode(
  database: Database,
  keys: number,
  rounds: number,
  smoke: boolean,
  blame: (fault: string) => void,
): Promise<Pick<OriginResults, 'hits' | 'batch' | 'stale'>> {
  const origin = { kind: 'sql', url: database.url, ...QUERIES } as const
  const size = smoke ? 'smoke' : 'full'
  const policies = { staleWhileRevalidate: '1m', staleIfError: '10m', refreshAhead: 1, jitter: 0.1 }
  const groups = {
    plain: {},
    fresh: { ttl: '1h', ...policies, origin },
    cold: { ttl: '1h', ...policies, batchMax: BATCH_MAX, origin },
    wide: { ttl: '1h', ...policies, batchMax: 1000, origin },
    stale: { ttl: STALE_TTL[size], jitter: 0, staleWhileRevalidate: '1h', origin },
  } satisfies Groups
  const index = (name: keyof typeof groups): number => Object.keys(groups).indexOf(name)
  const node = await startErinys({ maxBytes: '256mb', groups })
  const asker = startHelper<Ask, Waits>(new URL('./asking.ts', import.meta.url))
  const flush = (): Promise<void> =>
    withClient(node, async (client) => {
      for (const name of ['cold', 'wide', 'stale']) await client.call('GROUP', 'FLUSH', name)
    })
  try {
    const common = { node, database, asker, blame }
    const misses = {
      ...common,
      cold: index('cold'),
      wide: index('wide'),
      batchMax: BATCH_MAX,
      stale: index('stale'),
      staleTtl: STALE_TTL[size],
      staleKeys: STALE_KEYS[size],
      warmUps: smoke ? 1 : 3,
      flush,
    }
    return {
      batch: await measureMisses({ ...misses, rounds: smoke ? 2 : 15 }),
      stale: await measureStale({ ...misses, rounds }),
      hits: await measureHits({
        ...common,
        plain: index('plain'),
        fresh: index('fresh'),
        keys,
        rounds,
        smoke,
      }),
    }
  } finally {
    await asker.stop()
    await node.stop()
  }
}

function print({ hits, batch, stale, stampede, conditions: where }: OriginResults): void {
  console.log(Object.values(where).join('; '))
  console.table(
    hits.map(({ depth, plain, fresh, throughputRatio, cpuRatio }) => ({
      load: `GET P=${depth}`,
      'plain, k ops/s': Math.round(plain.opsPerSecond / 1000),
      fresh: Math.round(fresh.opsPerSecond / 1000),
      '×': round(throughputRatio),
      'wants ≥': TARGETS.hit,
      'plain µs': round(plain.cpuMicros),
      'fresh µs': round(fresh.cpuMicros),
      'CPU ×': round(cpuRatio),
      'p50 ms': `${round(plain.p50)} → ${round(fresh.p50)}`,
      'p99 ms': `${round(plain.p99)} → ${round(fresh.p99)}`,
    })),
  )
  printPaths(batch.rows)
  console.log(
    `by one MGET ${round(batch.speedup)} ×, by one query ${round(batch.wideSpeedup)} × (wants ≥ ${TARGETS.speedup})`,
  )
  printPaths(stale.rows)
  console.table(
    stampede.rows.map((row) => ({
      key: row.key,
      'p99 ms': round(row.p99),
      'worst p99': round(row.worstP99),
      'wants ≤': TARGETS.stampedeMs,
      last: round(row.max),
      'CPU of nodes': round(row.nodesCpuMs),
      'of clients': round(row.crowdCpuMs),
      queries: row.queries,
    })),
  )
  console.log(`the origin took ${round(stampede.originMs)} ms, asking ${round(stampede.sentMs)} ms`)
}

function printPaths(rows: readonly PathRow[]): void {
  console.table(
    rows.map((row) => ({
      path: row.path,
      'k keys/s': round(row.keysPerSecond / 1000),
      'CPU µs/key': row.cpuMicros === undefined ? '' : round(row.cpuMicros),
      'p50 ms': round(row.p50),
      'p99 ms': round(row.p99),
      queries: row.queries,
      rows: row.rows,
    })),
  )
}

function round(x: number): number {
  return Number(x.toFixed(2))
}
