// The commands of data types under the load of redis-benchmark: this server and redis-server, in turn in one run.

import { median, type Sample } from '../figures.ts'
import { type UniformResult, uniformLoad } from '../generators.ts'
import { open } from '../load.ts'
import { type Command, fill, send } from '../requests.ts'
import { findProgram, type Server, startErinys, startRedis } from '../servers.ts'
import type { CommandRow } from './figures.ts'

const CLIENTS = 50
const VALUE = 'x'.repeat(32)
/** What redis-benchmark replaces by twelve digits. */
const RANDOM = '__rand_int__'
const MEMBER = `element:${RANDOM}`
/** Different numbers, for commands on members that may be there; for those that take members out, nearly each is another one. */
const FEW = 100_000
const MANY = 100_000_000

interface Case {
  readonly name: string
  readonly command: readonly string[]
  /** At a pipeline of 16; at one of 1 there are fewer. */
  readonly operations: number
  /** Before each measurement: the key is removed … */
  readonly isFresh?: true
  /** … and filled by as many of these. */
  readonly fill?: readonly string[]
}

const CASES: readonly Case[] = [
  // For comparison: neither has a type.
  { name: 'PING', command: ['PING'], operations: 400_000 },
  { name: 'GET', command: ['GET', `key:${RANDOM}`], operations: 400_000 },
  { name: 'LPUSH', command: ['LPUSH', 'list', VALUE], operations: 300_000, isFresh: true },
  { name: 'RPUSH', command: ['RPUSH', 'list', VALUE], operations: 300_000, isFresh: true },
  { name: 'LPOP', command: ['LPOP', 'list'], operations: 300_000, fill: ['RPUSH', 'list', VALUE] },
  { name: 'RPOP', command: ['RPOP', 'list'], operations: 300_000, fill: ['RPUSH', 'list', VALUE] },
  { name: 'SADD', command: ['SADD', 'set', MEMBER], operations: 300_000, isFresh: true },
  { name: 'SISMEMBER', command: ['SISMEMBER', 'set', MEMBER], operations: 300_000 },
  { name: 'SPOP', command: ['SPOP', 'popped'], operations: 200_000, fill: ['SADD', 'popped', MEMBER] },
  { name: 'SMEMBERS (100)', command: ['SMEMBERS', 'set100'], operations: 50_000 },
  { name: 'HSET', command: ['HSET', 'hash', MEMBER, VALUE], operations: 300_000, isFresh: true },
  { name: 'HGET', command: ['HGET', 'hash', MEMBER], operations: 300_000 },
  { name: 'HGETALL (20 fields)', command: ['HGETALL', 'hash20'], operations: 100_000 },
  { name: 'ZADD', command: ['ZADD', 'zset', RANDOM, MEMBER], operations: 200_000, isFresh: true },
  { name: 'ZSCORE', command: ['ZSCORE', 'zset', MEMBER], operations: 300_000 },
  {
    name: 'ZPOPMIN',
    command: ['ZPOPMIN', 'popped'],
    operations: 200_000,
    fill: ['ZADD', 'popped', RANDOM, MEMBER],
  },
  { name: 'ZRANGE (100 of 10k)', command: ['ZRANGE', 'zset10k', '5000', '5099'], operations: 50_000 },
  ...[100, 300, 500, 600].map((count) => ({
    name: `LRANGE_${count}`,
    command: ['LRANGE', 'list1k', '0', String(count - 1)],
    operations: 4_000_000 / count,
  })),
  { name: 'MSET (10 keys)', command: ['MSET', ...tenPairs()], operations: 50_000 },
  { name: 'XADD', command: ['XADD', 'stream', '*', 'field', VALUE], operations: 200_000, isFresh: true },
]

/** What reading commands find. */
const PREPARED: readonly { readonly count: number; readonly command: (i: number) => Command }[] = [
  { count: FEW, command: (i) => ['SET', `key:${digits(i)}`, VALUE] },
  { count: 100, command: (i) => ['SADD', 'set100', `element:${digits(i)}`] },
  { count: 20, command: (i) => ['HSET', 'hash20', `field${i}`, VALUE] },
  { count: 10_000, command: (i) => ['ZADD', 'zset10k', i, `element:${digits(i)}`] },
  { count: 1000, command: () => ['RPUSH', 'list1k', VALUE] },
]

function tenPairs(): string[] {
  return Array.from({ length: 10 }, () => [`key:${RANDOM}`, VALUE]).flat()
}

/** As redis-benchmark writes numbers. */
function digits(i: number): string {
  return String(i).padStart(12, '0')
}

/** A row for each command and depth; none without redis-benchmark. */
export async function measureCommands(smoke: boolean, rounds: number): Promise<readonly CommandRow[]> {
  if (findProgram('redis-benchmark') === undefined) {
    console.log('types: commands are skipped, redis-benchmark is not on PATH (Debian: redis-tools)')
    return []
  }
  const own = await startErinys({ maxBytes: '2gb' })
  const redis = await startRedis('redis-server')
  const servers = redis === undefined ? [own] : [own, redis]
  try {
    for (const server of servers) await prepare(server)
    const rows: CommandRow[] = []
    for (const depth of [16, 1])
      for (const each of CASES) {
        const operations = Math.ceil(each.operations / (depth === 1 ? 4 : 1) / (smoke ? 50 : 1))
        rows.push(await measureCommand(servers, each, depth, Math.max(depth * CLIENTS, operations), rounds))
      }
    return rows
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function prepare(server: Server): Promise<void> {
  const socket = await open(server.port)
  for (const { count, command } of PREPARED) await fill(socket, count, command)
  socket.destroy()
}

async function measureCommand(
  servers: readonly Server[],
  { name, ...each }: Case,
  depth: number,
  operations: number,
  rounds: number,
): Promise<CommandRow> {
  const samples = new Map<Server, Sample[]>(servers.map((server) => [server, []]))
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++)
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const sample = await measure(server, each, depth, operations)
      if (round > 0) samples.get(server)?.push(sample)
    }
  const [own, redis] = servers.map((server) => samples.get(server) ?? [])
  const medians = (list: readonly Sample[]): Sample => ({
    opsPerSecond: median(list.map((sample) => sample.opsPerSecond)),
    cpuMicros: median(list.map((sample) => sample.cpuMicros)),
  })
  const ratio = (field: keyof Sample): number | undefined =>
    redis && median(own.map((sample, round) => sample[field] / redis[round][field]))
  return {
    command: name,
    depth,
    own: medians(own),
    theirs: redis && medians(redis),
    throughputRatio: ratio('opsPerSecond'),
    cpuRatio: ratio('cpuMicros'),
  }
}

async function measure(
  server: Server,
  { command, isFresh, fill: filling }: Omit<Case, 'name'>,
  depth: number,
  operations: number,
): Promise<Sample> {
  if (isFresh || filling !== undefined) {
    const socket = await open(server.port)
    await send(socket, [['DEL', command[1]]])
    socket.destroy()
  }
  const load = (asks: readonly string[], pipeline: number, keys: number): Promise<UniformResult> =>
    uniformLoad({ port: server.port, clients: CLIENTS, depth: pipeline, operations, keys, asks })
  if (filling !== undefined) await load(filling, 16, MANY)
  const before = server.cpuMicros()
  const { opsPerSecond } = await load(command, depth, FEW)
  return { opsPerSecond, cpuMicros: (server.cpuMicros() - before) / operations }
}
