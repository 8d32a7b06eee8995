// The memory benchmark: bytes per entry compared to redis-server, pauses while filling, latency at ten million entries.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Hasher, randomSeed } from '../src/bytes/hash.ts'
import { Instant } from '../src/bytes/instant.ts'
import { NULL_REF } from '../src/store/arena.ts'
import { ValueType } from '../src/store/record.ts'
import { Store } from '../src/store/store.ts'
import { startPing } from './helper.ts'
import { fillKeys, runLoad, ZIPF } from './load.ts'
import { build, conditions, type Server, startErinys, startRedis } from './servers.ts'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))
const MIB = 2 ** 20

export interface MemoryRow {
  readonly server: string
  readonly entries: number
  readonly valueBytes: number
  /** Growth of resident memory (RSS) per entry with a key of 16 bytes. */
  readonly bytesPerEntry: number
  readonly ratio?: number
  /** The longest PING on another connection while filling, ms. */
  readonly longestPing: number
}

export interface LatencyRow {
  readonly server: string
  readonly entries: number
  readonly opsPerSecond: number
  /** Latency of a request in ms: 50 clients, 90 % reads, Zipf. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface MemoryResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly rows: readonly MemoryRow[]
  readonly latency: readonly LatencyRow[]
  /** Peak RSS of a group at its budget, with values of changing sizes. */
  readonly budget: { readonly budgetBytes: number; readonly growthBytes: number; readonly ratio: number }
  /** In one process, without a server: the longest single `put` while the store grows to `entries`. */
  readonly growth: {
    readonly entries: number
    readonly gib: number
    readonly longestPutMs: number
    readonly over2ms: number
  }
}

export async function benchMemory({ smoke }: { readonly smoke: boolean }): Promise<void> {
  build()
  const sizes = smoke ? [20_000] : [2_000_000, 10_000_000]
  const rows: MemoryRow[] = []
  const latency: LatencyRow[] = []
  const servers = new Map<string, string>()
  for (const valueBytes of [32, 200]) {
    for (const entries of sizes) {
      for (const start of [() => startErinys({ maxBytes: '8gb' }), () => startRedis('redis-server')]) {
        const server = await start()
        if (server === undefined) continue
        servers.set(server.name, server.version)
        try {
          rows.push(await fill(server, entries, valueBytes))
          if (entries === sizes.at(-1) && valueBytes === 32) latency.push(await load(server, entries, smoke))
        } finally {
          await server.stop()
        }
      }
    }
  }
  const results: MemoryResults = {
    command: 'npm run bench -- memory',
    conditions: conditions(),
    servers: [...servers].map(([name, version]) => ({ name, version })),
    rows: rows.map((row) => ({ ...row, ratio: ratioOf(row, rows) })),
    latency,
    budget: await atBudget(smoke ? 16 * MIB : 512 * MIB),
    growth: growStore(smoke ? 200_000 : 18_000_000),
  }
  print(results)
  if (smoke) return
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}memory.json`, `${JSON.stringify(results, null, 2)}\n`)
}

/** Fills a server while another process sends PING. */
async function fill(server: Server, entries: number, valueBytes: number): Promise<MemoryRow> {
  await fillKeys(server.port, 0, 1000, valueBytes)
  const before = server.residentBytes()
  const pinging = await startPing(server.port)
  await fillKeys(server.port, 1000, entries, valueBytes)
  const { longest } = await pinging.end()
  return {
    server: server.name,
    entries,
    valueBytes,
    bytesPerEntry: (server.residentBytes() - before) / entries,
    longestPing: longest,
  }
}

async function load(server: Server, entries: number, smoke: boolean): Promise<LatencyRow> {
  const operations = smoke ? 5000 : 500_000
  const options = {
    ports: [server.port],
    keys: entries,
    skew: ZIPF,
    clients: 50,
    depth: 1,
    reads: 90,
    valueBytes: 32,
    seed: 11,
  }
  // The first requests compile the code, of the server and of the load in this process: they would be the slow percent.
  await runLoad({ ...options, seed: 12, operations: operations / 5 })
  const result = await runLoad({ ...options, operations })
  const { p50, p99, p999, max } = result.percentiles
  return {
    server: server.name,
    entries,
    opsPerSecond: result.operations / result.seconds,
    p50,
    p99,
    p999,
    max,
  }
}

/** Peak RSS beyond that of the idle process, at a full budget, while values of several sizes are written. */
async function atBudget(budgetBytes: number): Promise<MemoryResults['budget']> {
  const server = await startErinys({ maxBytes: String(budgetBytes) })
  try {
    const idle = server.residentBytes()
    let growthBytes = 0
    for (const valueBytes of [32, 1000, 100, 4000, 300, 60_000, 12, 350_000, 64]) {
      await fillKeys(server.port, 0, Math.ceil((budgetBytes * 1.5) / (valueBytes + 48)), valueBytes)
      growthBytes = Math.max(growthBytes, server.residentBytes() - idle)
    }
    return { budgetBytes, growthBytes, ratio: growthBytes / budgetBytes }
  } finally {
    await server.stop()
  }
}

/** Grows a store beyond 4 GiB and 16.7 million entries, and times every put. */
function growStore(entries: number): MemoryResults['growth'] {
  const instant = new Instant({ now: Date.now })
  const store = new Store({ maxBytes: 8 * 2 ** 30, hasher: new Hasher(randomSeed()), instant })
  const key = Buffer.alloc(16)
  const value = Buffer.alloc(200, 'x')
  let longest = 0
  let over2ms = 0
  for (let i = 0; i < entries; i++) {
    key.write(String(i).padStart(16, '0'), 'latin1')
    value.writeUInt32LE(i, 100)
    const began = performance.now()
    store.put(key, 0, 16, value, 0, 200, ValueType.STRING, 0)
    const took = performance.now() - began
    if (took > longest) longest = took
    if (took > 2) over2ms++
  }
  if (store.size !== entries) throw new Error(`${store.size} of ${entries} entries are there`)
  for (let i = 0; i < entries; i += 101) {
    key.write(String(i).padStart(16, '0'), 'latin1')
    const ref = store.peek(key, 0, 16)
    if (ref === NULL_REF || store.copyValue(ref).readUInt32LE(100) !== i)
      throw new Error(`entry ${i} is wrong`)
  }
  return { entries, gib: store.usedBytes / 2 ** 30, longestPutMs: longest, over2ms }
}

function ratioOf(row: MemoryRow, rows: readonly MemoryRow[]): number | undefined {
  const redis = rows.find(
    (other) =>
      other.server === 'redis' && other.entries === row.entries && other.valueBytes === row.valueBytes,
  )
  return redis && row.bytesPerEntry / redis.bytesPerEntry
}

function print({ rows, latency, budget, growth }: MemoryResults): void {
  const round = (x: number | undefined, digits = 1): number | undefined => x && Number(x.toFixed(digits))
  console.table(
    rows.map((row) => ({
      server: row.server,
      entries: row.entries,
      'value bytes': row.valueBytes,
      'bytes/entry': round(row.bytesPerEntry),
      '× redis': round(row.ratio, 2),
      'longest PING ms': round(row.longestPing),
    })),
  )
  console.table(
    latency.map(({ server, opsPerSecond, ...rest }) => ({
      server,
      'k ops/s': Math.round(opsPerSecond / 1000),
      ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, round(value as number, 2)])),
    })),
  )
  console.log(
    `at a full budget of ${budget.budgetBytes / MIB} MiB: ${round(budget.ratio, 3)} × of it resident`,
  )
  console.log(
    `a store of ${growth.entries} entries, ${round(growth.gib, 2)} GiB: longest put ${round(growth.longestPutMs, 2)} ms, ` +
      `${growth.over2ms} above 2 ms`,
  )
}
