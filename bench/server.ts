// The server benchmark: this server, redis-server and valkey-server, interleaved in one run.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { serverChart } from './chart.ts'
import { type Cell, median, type Sample, type ServerResults, type Workload } from './figures.ts'
import { mixedLoad, uniformLoad } from './generators.ts'
import { ZIPF } from './load.ts'
import { build, conditions, findProgram, type Server, startErinys, startRedis } from './servers.ts'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))

const KEYS = 1_000_000
const VALUE_BYTES = 32
const CLIENTS = 50
/** The mix uses our own load generator, which is slower than redis-benchmark: its share of the operations. */
const MIX_SHARE = 6

const WORKLOADS: readonly Workload[] = ['SET', 'GET', 'mix']

export interface ServerBenchOptions {
  readonly smoke: boolean
}

/** Runs the benchmark, prints its results, and saves them in bench/results unless it is a smoke test. */
export async function benchServers({ smoke }: ServerBenchOptions): Promise<void> {
  if (findProgram('redis-benchmark') === undefined) {
    console.log('server: skipped, redis-benchmark is not on PATH (Debian: redis-tools)')
    return
  }
  build()
  const rounds = smoke ? 1 : 5
  const servers = [
    await startErinys({ maxBytes: '1gb' }),
    await startRedis('redis-server'),
    await startRedis('valkey-server'),
  ]
  const running = servers.filter((server) => server !== undefined)
  try {
    const results = await measure(running, rounds, smoke)
    print(results)
    if (smoke) return
    mkdirSync(RESULTS, { recursive: true })
    writeFileSync(`${RESULTS}server.json`, `${JSON.stringify(results, null, 2)}\n`)
    writeFileSync(`${RESULTS}server.svg`, serverChart(results))
  } finally {
    await Promise.all(running.map((server) => server.stop()))
  }
}

async function measure(servers: readonly Server[], rounds: number, smoke: boolean): Promise<ServerResults> {
  const samples = new Map<string, Sample[]>()
  const scale = smoke ? 20 : 1
  // All keys exist and every server is warm before the measurement.
  for (const server of servers) await benchmark(server, 'SET', 64, 3_000_000 / scale)
  for (let round = 0; round < rounds; round++) {
    for (const depth of [1, 16, 64]) {
      for (const workload of WORKLOADS) {
        const operations = (depth === 1 ? 200_000 : depth === 16 ? 1_500_000 : 3_000_000) / scale
        for (const server of servers) {
          const sample = await benchmark(server, workload, depth, operations)
          const key = cellKey(server.name, workload, depth)
          samples.set(key, [...(samples.get(key) ?? []), sample])
        }
      }
    }
    if (!smoke) console.log(`round ${round + 1} of ${rounds} done`)
  }
  const cells: Cell[] = []
  for (const depth of [1, 16, 64]) {
    for (const workload of WORKLOADS) {
      for (const { name } of servers) {
        const own = samples.get(cellKey(name, workload, depth)) ?? []
        const redis = samples.get(cellKey('redis', workload, depth))
        const ratio = (field: keyof Sample): number | undefined =>
          redis && median(own.map((sample, round) => sample[field] / redis[round][field]))
        cells.push({
          server: name,
          workload,
          depth,
          opsPerSecond: median(own.map((sample) => sample.opsPerSecond)),
          cpuMicros: median(own.map((sample) => sample.cpuMicros)),
          throughputRatio: ratio('opsPerSecond'),
          cpuRatio: ratio('cpuMicros'),
        })
      }
    }
  }
  return {
    command: 'npm run bench -- server',
    conditions: conditions(),
    servers: servers.map(({ name, version }) => ({ name, version })),
    rounds,
    cells,
  }
}

async function benchmark(
  server: Server,
  workload: Workload,
  depth: number,
  operations: number,
): Promise<Sample> {
  const before = server.cpuMicros()
  const count = workload === 'mix' ? Math.ceil(operations / MIX_SHARE) : operations
  const run = workload === 'mix' ? mixed : uniform
  const opsPerSecond = await run(server, depth, count, workload)
  return { opsPerSecond, cpuMicros: (server.cpuMicros() - before) / count }
}

async function uniform(
  server: Server,
  depth: number,
  operations: number,
  workload: Workload,
): Promise<number> {
  const load = { port: server.port, clients: CLIENTS, depth, operations, keys: KEYS, valueBytes: VALUE_BYTES }
  return (await uniformLoad({ ...load, asks: ['-t', workload.toLowerCase()] })).opsPerSecond
}

/** Nine reads to a write, Zipf-distributed. */
async function mixed(server: Server, depth: number, operations: number): Promise<number> {
  const result = await mixedLoad({
    ports: [server.port],
    keys: KEYS,
    skew: ZIPF,
    clients: CLIENTS,
    depth,
    operations,
    reads: 90,
    valueBytes: VALUE_BYTES,
    seed: 7,
  })
  return result.operations / result.seconds
}

function print({ cells, servers, conditions: where }: ServerResults): void {
  console.log(Object.values(where).join('; '))
  console.log(servers.map(({ name, version }) => `${name} ${version}`).join(', '))
  const rows = cells.map((cell) => ({
    load: `${cell.workload} P=${cell.depth}`,
    server: cell.server,
    'k ops/s': Math.round(cell.opsPerSecond / 1000),
    'CPU µs/op': Number(cell.cpuMicros.toFixed(2)),
    '× redis': cell.throughputRatio && Number(cell.throughputRatio.toFixed(2)),
    'CPU × redis': cell.cpuRatio && Number(cell.cpuRatio.toFixed(2)),
  }))
  console.table(rows)
}

function cellKey(server: string, workload: Workload, depth: number): string {
  return `${server} ${workload} ${depth}`
}
