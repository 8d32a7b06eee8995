// Misses: the same cold keys one by one, pipelined, and with one MGET; and stale values, which are served while revalidated.

import { setTimeout as pause } from 'node:timers/promises'
import { median } from '../figures.ts'
import type { Server } from '../servers.ts'
import type { Ask, Waits } from './asking.ts'
import { type BatchResults, type PathRow, type PathSample, pathRow, type StaleResults } from './figures.ts'
import type { Helper } from './helper.ts'
import { type Database, QUERIES } from './postgres.ts'

/** Cold keys of a round: the same for every access path. */
const KEYS = 1000

/**
 * Connections that read all the keys that become stale in a round. They pause between reads: the benchmark measures the
 * latency of a read whose value is reloaded, not the number of loads that a node can do.
 */
const STALE_CLIENTS = 4
const PAUSE_MS = 1

/** The time limit for background loads, ms. */
const TIMEOUT_MS = 5000

export interface MissBench {
  readonly node: Server
  /** The indexes of the groups with cold keys: with the default `batchMax`, and with a `batchMax` of all keys. */
  readonly cold: number
  readonly wide: number
  readonly batchMax: number
  /** The index of the group whose values have a TTL of `staleTtl` ms and are then served stale, and the number of keys. */
  readonly stale: number
  readonly staleTtl: number
  readonly staleKeys: number
  readonly database: Database
  readonly asker: Helper<Ask, Waits>
  readonly rounds: number
  /** Rounds before these that do not count. */
  readonly warmUps: number
  /** Makes every key cold again. */
  readonly flush: () => Promise<void>
  readonly blame: (fault: string) => void
}

export async function measureMisses(bench: MissBench): Promise<BatchResults> {
  const { node, cold, wide, batchMax, rounds, warmUps, database, flush, blame } = bench
  const get = { port: node.port, group: cold, clients: 1, command: 'GET' } as const
  const mget = { ...get, command: 'MGET', step: KEYS } as const
  const batches = Math.ceil(KEYS / batchMax)
  /** The maximal number of queries. */
  const ways: readonly (readonly [path: PathRow['path'], of: Ask['of'], max: number])[] = [
    ['database', { database: database.url, query: QUERIES.query }, KEYS],
    ['one by one', { ...get, step: 1 }, KEYS],
    // A pipeline is served in shares of bounded time, on a slow machine in many: they do not divide a batch.
    ['pipelined', { ...get, step: KEYS }, batches],
    ['MGET', mget, batches],
    ['wide MGET', { ...mget, group: wide }, 1],
  ]
  const samples = new Map<PathRow['path'], PathSample[]>()
  for (let round = -warmUps; round < rounds; round++) {
    for (const [path, of, max] of ways) {
      await flush()
      const sample = await measure(bench, { first: (round + warmUps) * KEYS, count: KEYS, of }, KEYS)
      if (sample.rows !== KEYS) blame(`${path}: ${sample.rows} rows were loaded for ${KEYS} keys`)
      if (sample.queries > max) blame(`${path}: ${sample.queries} queries, at most ${max} are right`)
      if (round >= 0) samples.set(path, [...(samples.get(path) ?? []), sample])
    }
  }
  const of = (path: PathRow['path']): readonly PathSample[] => samples.get(path) ?? []
  const speedup = (path: PathRow['path']): number =>
    median(of(path).map(({ seconds }, round) => of('one by one')[round].seconds / seconds))
  return {
    keys: KEYS,
    rows: ways.map(([path]) => pathRow(path, of(path), KEYS)),
    speedup: speedup('MGET'),
    wideSpeedup: speedup('wide MGET'),
  }
}

/** Several clients read the same keys, within their TTL and after it. */
export async function measureStale(bench: MissBench): Promise<StaleResults> {
  const { node, stale: group, staleTtl, staleKeys, database, asker, rounds, flush, blame } = bench
  const samples: Record<'hit' | 'stale', PathSample[]> = { hit: [], stale: [] }
  const get = { port: node.port, group, clients: STALE_CLIENTS, command: 'GET', step: 1 } as const
  const paced = { ...get, pauseMs: PAUSE_MS }
  // The first round is a warm-up.
  for (let round = -1; round < rounds; round++) {
    await flush()
    const keys = { first: (round + 1) * staleKeys, count: staleKeys }
    await asker.run({ ...keys, of: { ...get, clients: 1, command: 'MGET', step: staleKeys } })
    const hit = await measure(bench, { ...keys, of: paced }, 0)
    await pause(staleTtl * 1.1)
    const stale = await measure(bench, { ...keys, of: paced }, staleKeys)
    // Each key has been reloaded.
    await database.forget()
    await asker.run({ ...keys, of: { ...get, clients: 1, command: 'MGET', step: staleKeys } })
    const again = await database.asked()
    const isInTime = Math.max(hit.seconds, stale.seconds) * 1000 < staleTtl / 2
    if (!isInTime) {
      console.error('stale: a round does not count, the machine is too slow for it')
      continue
    }
    if (hit.rows + again.rows > 0) blame(`stale: ${hit.rows + again.rows} rows were loaded of what was fresh`)
    if (stale.rows !== staleKeys) blame(`stale: ${stale.rows} rows were loaded for ${staleKeys} keys`)
    if (round < 0) continue
    samples.hit.push(hit)
    samples.stale.push(stale)
  }
  const answers = staleKeys * STALE_CLIENTS
  const rows = [pathRow('hit', samples.hit, answers), pathRow('stale', samples.stale, answers)]
  return { keys: staleKeys, clients: STALE_CLIENTS, rows }
}

/** Waits until the database has returned this many rows; further rows shortly afterwards are counted too. */
async function measure({ node, database, asker }: MissBench, ask: Ask, rows: number): Promise<PathSample> {
  await database.forget()
  const before = node.cpuMicros()
  const { seconds, waits } = await asker.run(ask)
  let asked = await database.asked()
  for (const deadline = Date.now() + TIMEOUT_MS; asked.rows < rows && Date.now() < deadline; ) {
    await pause(20)
    asked = await database.asked()
  }
  return { seconds, waits, cpuMicros: node.cpuMicros() - before, queries: asked.queries, rows: asked.rows }
}
