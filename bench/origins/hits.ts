// Hits: the same reads of a group without an origin and of one with an origin and every policy of freshness.

import { uniformLoad } from '../generators.ts'
import { fillKeys } from '../load.ts'
import type { Server } from '../servers.ts'
import type { Ask, Waits } from './asking.ts'
import { type HitCell, hitCell, type ReadSample } from './figures.ts'
import type { Helper } from './helper.ts'
import type { Database } from './postgres.ts'

const CLIENTS = 50
const VALUE_BYTES = 32

/** By depth of pipelining. */
const OPERATIONS = [
  [1, 150_000],
  [16, 1_500_000],
  [64, 2_500_000],
] as const

/** Keys of one MGET while filling. */
const STEP = 1000

export interface HitBench {
  readonly node: Server
  /** The indexes of the groups. */
  readonly plain: number
  readonly fresh: number
  readonly database: Database
  readonly asker: Helper<Ask, Waits>
  readonly keys: number
  readonly rounds: number
  readonly smoke: boolean
  readonly blame: (fault: string) => void
}

export async function measureHits(bench: HitBench): Promise<HitCell[]> {
  const { node, plain, fresh, database, asker, keys, rounds, smoke, blame } = bench
  await fillKeys(node.port, 0, keys, VALUE_BYTES)
  await database.forget()
  await asker.run({
    first: 0,
    count: keys,
    of: { port: node.port, group: fresh, clients: 1, command: 'MGET', step: STEP },
  })
  const filling = await database.asked()
  if (filling.rows !== keys) blame(`hits: ${filling.rows} rows were loaded for ${keys} keys`)
  const scale = smoke ? 50 : 1
  // Both groups are warmed up first.
  for (const [depth, operations] of OPERATIONS) {
    for (const group of [plain, fresh]) await read(bench, group, depth, operations / scale / 3)
  }
  await database.forget()
  const samples = new Map<string, ReadSample[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [depth, operations] of OPERATIONS) {
      // The order alternates.
      const sides = round % 2 === 0 ? [plain, fresh] : [fresh, plain]
      for (const group of sides) {
        const sample = await read(bench, group, depth, operations / scale)
        const key = `${group} ${depth}`
        samples.set(key, [...(samples.get(key) ?? []), sample])
      }
    }
    if (!smoke) console.log(`hits: round ${round + 1} of ${rounds} done`)
  }
  const { queries } = await database.asked()
  if (queries > 0) blame(`hits: the database was asked ${queries} times for cached keys`)
  return OPERATIONS.map(([depth]) => {
    const of = (group: number): ReadSample[] => samples.get(`${group} ${depth}`) ?? []
    return hitCell(depth, of(plain), of(fresh))
  })
}

async function read(
  { node, keys }: HitBench,
  group: number,
  depth: number,
  operations: number,
): Promise<ReadSample> {
  const count = Math.ceil(operations)
  const before = node.cpuMicros()
  const load = { port: node.port, group, clients: CLIENTS, depth, operations: count, keys }
  const { opsPerSecond, p50, p99 } = await uniformLoad({ ...load, asks: ['-t', 'get'] })
  return { opsPerSecond, cpuMicros: (node.cpuMicros() - before) / count, p50, p99 }
}
