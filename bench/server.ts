// The server benchmark: this server with each Node.js, the servers to compare with, and the floor, interleaved in one run.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { serverChart } from './chart.ts'
import { type Contender, nodeProgram, startContenders } from './contenders.ts'
import { type Cell, median, programsOf, type Sample, type ServerResults, type Workload } from './figures.ts'
import { mixedLoad, uniformLoad } from './generators.ts'
import { fillKeys, type LoadOptions, ZIPF } from './load.ts'
import { build, conditions, findProgram } from './servers.ts'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))

const KEYS = 1_000_000
const VALUE_BYTES = 32
const CLIENTS = 50
/** Our own load generator is slower than redis-benchmark: its share of the operations. */
const OWN_SHARE = 6
/** The percentage of reads. */
const READS: Readonly<Record<Workload, number>> = { SET: 0, GET: 100, mix: 90 }

const WORKLOADS: readonly Workload[] = ['SET', 'GET', 'mix']
const DEPTHS = [1, 16, 64] as const

export interface ServerBenchOptions {
  readonly smoke: boolean
  /** Paths of the Node.js programs; none: the one that runs this. */
  readonly nodes?: readonly string[]
}

/** Runs the benchmark, prints its results, and saves them in bench/results unless it is a smoke test. */
export async function benchServers({ smoke, nodes = [] }: ServerBenchOptions): Promise<void> {
  if (findProgram('redis-benchmark') === undefined) {
    console.log('server: skipped, redis-benchmark is not on PATH (Debian: redis-tools)')
    return
  }
  const programs = (nodes.length === 0 ? [process.execPath] : nodes).map(nodeProgram)
  build()
  const rounds = smoke ? 1 : 5
  const contenders = await startContenders(programs)
  try {
    const results = await measure(contenders, rounds, smoke)
    print(results)
    if (smoke) return
    mkdirSync(RESULTS, { recursive: true })
    writeFileSync(`${RESULTS}server.json`, `${JSON.stringify(results, null, 2)}\n`)
    writeFileSync(`${RESULTS}server.svg`, serverChart(results))
  } finally {
    await Promise.all(contenders.map(({ server }) => server.stop()))
  }
}

async function measure(
  contenders: readonly Contender[],
  rounds: number,
  smoke: boolean,
): Promise<ServerResults> {
  const samples = new Map<string, Sample[]>()
  const scale = smoke ? 20 : 1
  // All keys exist and every server is warm before the measurement.
  for (const contender of contenders) {
    const { protocol, server } = contender
    if (protocol !== 'resp') await fillKeys(server.port, 0, KEYS / scale, VALUE_BYTES, undefined, protocol)
    for (const depth of DEPTHS) {
      for (const workload of contender.workloads)
        await benchmark(contender, workload, depth, (depth === 1 ? 50_000 : 1_000_000) / scale)
    }
    if (protocol === 'resp') await benchmark(contender, 'SET', 64, 3_000_000 / scale)
  }
  for (let round = 0; round < rounds; round++) {
    // Each is first in every other round: the machine may become slower or faster.
    const order = round % 2 === 0 ? contenders : [...contenders].reverse()
    for (const depth of DEPTHS) {
      for (const workload of WORKLOADS) {
        const operations = (depth === 1 ? 200_000 : depth === 16 ? 1_500_000 : 3_000_000) / scale
        for (const contender of order) {
          if (!contender.workloads.includes(workload)) continue
          const sample = await benchmark(contender, workload, depth, operations)
          const key = cellKey(contender.name, workload, depth)
          samples.set(key, [...(samples.get(key) ?? []), sample])
        }
      }
    }
    if (!smoke) console.log(`round ${round + 1} of ${rounds} done`)
  }
  return {
    command: 'npm run bench -- server',
    conditions: conditionsOf(contenders),
    servers: contenders.map(({ name, version, node }) => ({ name, version, ...(node && { node }) })),
    rounds,
    cells: cellsOf(
      samples,
      contenders.map(({ name }) => name),
    ),
  }
}

/** The Node.js of the load generator stands for those of the servers if there is one only. */
function conditionsOf(contenders: readonly Contender[]): Record<string, string> {
  const versions = contenders.flatMap(({ name, node }) => (name.startsWith('erinys') && node ? [node] : []))
  const named = versions.map(({ version, isLts }) => `v${version}${isLts ? ' (LTS)' : ''}`)
  return { ...conditions(), node: named.join(', ') }
}

/** The medians of each server, and of its ratios to redis in the same round. */
export function cellsOf(samples: ReadonlyMap<string, readonly Sample[]>, names: readonly string[]): Cell[] {
  const cells: Cell[] = []
  for (const depth of DEPTHS) {
    for (const workload of WORKLOADS) {
      for (const name of names) {
        const own = samples.get(cellKey(name, workload, depth))
        if (own === undefined) continue
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
  return cells
}

async function benchmark(
  { server, protocol }: Contender,
  workload: Workload,
  depth: number,
  operations: number,
): Promise<Sample> {
  const isOwn = workload === 'mix' || protocol !== 'resp'
  const count = isOwn ? Math.ceil(operations / OWN_SHARE) : operations
  const shape = { clients: CLIENTS, depth, operations: count, keys: KEYS, valueBytes: VALUE_BYTES }
  const before = server.cpuMicros()
  const opsPerSecond = isOwn
    ? await own({
        ...shape,
        ports: [server.port],
        reads: READS[workload],
        skew: workload === 'mix' ? ZIPF : 0,
        seed: 7,
        protocol,
      })
    : (await uniformLoad({ ...shape, port: server.port, asks: ['-t', workload.toLowerCase()] })).opsPerSecond
  return { opsPerSecond, cpuMicros: (server.cpuMicros() - before) / count }
}

async function own(options: LoadOptions): Promise<number> {
  const { operations, seconds } = await mixedLoad(options)
  return operations / seconds
}

function print({ cells, servers, conditions: where }: ServerResults): void {
  console.log(Object.values(where).join('; '))
  console.log(programsOf(servers))
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

export function cellKey(server: string, workload: Workload, depth: number): string {
  return `${server} ${workload} ${depth}`
}
