// Forwarding: commands on keys that another process owns, through a node of a cluster and through twemproxy.

import { once } from 'node:events'
import { ownedBy, startNodes, startTwemproxy, stopAll, TWEMPROXY_SETTINGS, withClient } from './clusters.ts'
import { nodeProgram, startRelay } from './contenders.ts'
import { type HopCell, type HopResults, type HopSample, median } from './figures.ts'
import { uniformLoad } from './generators.ts'
import { fillKeys, open } from './load.ts'
import { ANY_CORE, findProgram, SERVER_CORE, type Server, startRedis } from './servers.ts'

const CLIENTS = 50
const DEPTHS = [1, 16, 64] as const
const COMMANDS = ['GET', 'SET'] as const
const VALUE = 'x'.repeat(32)

/** Required programs, and the Debian packages that contain them. */
const NEEDED = { 'redis-benchmark': 'redis-tools', 'redis-server': 'redis-server', nutcracker: 'nutcracker' }

/** The process that receives commands, and the one that owns the keys. */
interface Relay {
  readonly entry: Server
  readonly owner: Server
  /** It reads neither requests nor replies, and forwards only what is measured. */
  readonly isFloor?: boolean
}

/** Undefined, after a message, if a program to compare with is missing. */
export async function measureHop(smoke: boolean): Promise<HopResults | undefined> {
  const missing = Object.entries(NEEDED).filter(([program]) => findProgram(program) === undefined)
  if (missing.length > 0) {
    const names = missing.map(([program, packaged]) => `${program} (Debian: ${packaged})`)
    console.error(`\ncluster: FORWARDING IS NOT MEASURED, not on PATH: ${names.join(', ')}\n`)
    return undefined
  }
  const servers: Server[] = []
  try {
    servers.push(...(await startNodes({ maxBytes: '1gb', cores: [SERVER_CORE, ANY_CORE] })))
    const redis = (await startRedis('redis-server', ANY_CORE)) as Server
    servers.push(redis)
    const twemproxy = (await startTwemproxy(redis)) as Server
    servers.push(twemproxy)
    const floor = await startRelay(nodeProgram(process.execPath), redis)
    servers.push(floor)
    const relays = [
      { entry: servers[0], owner: servers[1] },
      { entry: twemproxy, owner: redis },
      { entry: floor, owner: redis, isFloor: true },
    ]
    return await compare(relays, smoke)
  } finally {
    await stopAll(servers.reverse())
  }
}

async function compare(relays: readonly Relay[], smoke: boolean): Promise<HopResults> {
  const [ours] = relays
  const keys = smoke ? 20_000 : 1_000_000
  const rounds = smoke ? 1 : 5
  // A hash tag of one letter: all keys have 16 bytes and the same owner.
  const tag = await ownedBy(ours.owner, ours.entry, 'abcdefghijklmnopqrstuvwxyz', (letter) => `{${letter}}:`)
  const start = `{${tag}}:`
  for (const { entry, owner, isFloor } of relays) {
    await fillKeys(owner.port, 0, keys, VALUE.length, start)
    if (!isFloor) await check(entry, owner, start)
    for (const depth of DEPTHS) {
      const operations = (depth === 1 ? 50_000 : 500_000) / (smoke ? 50 : 1)
      await benchmark({ entry, owner }, { command: 'GET', depth, operations, keys, start })
    }
  }
  const samples = new Map<string, HopSample[]>()
  for (let round = 0; round < rounds; round++) {
    for (const depth of DEPTHS) {
      const operations = (depth === 1 ? 200_000 : depth === 16 ? 1_500_000 : 3_000_000) / (smoke ? 40 : 1)
      for (const command of COMMANDS) {
        for (const relay of relays) {
          const sample = await benchmark(relay, { command, depth, operations, keys, start })
          const key = cellKey(relay.entry.name, command, depth)
          samples.set(key, [...(samples.get(key) ?? []), sample])
        }
      }
    }
    if (!smoke) console.log(`forwarding: round ${round + 1} of ${rounds} done`)
  }
  const names = relays.map(({ entry }) => entry.name)
  const programs = relays.flatMap(({ entry, owner, isFloor }) => (isFloor ? [] : [entry, owner]))
  const versions = new Map(programs.map(({ name, version }) => [name, version]))
  return {
    rounds,
    conditions: `${CLIENTS} connections, values of ${VALUE.length} B; entry on core 0, load on core 1, owners anywhere; twemproxy: ${TWEMPROXY_SETTINGS}`,
    servers: [...versions].map(([name, version]) => ({ name, version })),
    cells: cellsOf(samples, names),
  }
}

/** The medians of each relay, and of the ratios of the first one to the others in the same round. */
export function cellsOf(
  samples: ReadonlyMap<string, readonly HopSample[]>,
  [ours, theirs, floor]: readonly string[],
): HopCell[] {
  return DEPTHS.flatMap((depth) =>
    COMMANDS.map((command): HopCell => {
      const own = samples.get(cellKey(ours, command, depth)) ?? []
      const other = samples.get(cellKey(theirs, command, depth)) ?? []
      const least = samples.get(cellKey(floor, command, depth))
      const ratio = (field: keyof HopSample, to = other): number =>
        median(own.map((sample, round) => sample[field] / to[round][field]))
      return {
        command,
        depth,
        ours: medians(own),
        theirs: medians(other),
        throughputRatio: ratio('opsPerSecond'),
        entryRatio: ratio('entryMicros'),
        ownerRatio: ratio('ownerMicros'),
        ...(least && { floor: medians(least), floorRatio: ratio('entryMicros', least) }),
      }
    }),
  )
}

export function cellKey(relay: string, command: string, depth: number): string {
  return `${relay} ${command} ${depth}`
}

function medians(samples: readonly HopSample[]): HopSample {
  return {
    opsPerSecond: median(samples.map(({ opsPerSecond }) => opsPerSecond)),
    entryMicros: median(samples.map(({ entryMicros }) => entryMicros)),
    ownerMicros: median(samples.map(({ ownerMicros }) => ownerMicros)),
  }
}

interface Load {
  readonly command: (typeof COMMANDS)[number]
  readonly depth: number
  readonly operations: number
  readonly keys: number
  /** The prefix of the keys. */
  readonly start: string
}

async function benchmark({ entry, owner }: Relay, load: Load): Promise<HopSample> {
  const { command, depth, operations, keys, start } = load
  const [entryBefore, ownerBefore] = [entry.cpuMicros(), owner.cpuMicros()]
  const { opsPerSecond } = await uniformLoad({
    port: entry.port,
    clients: CLIENTS,
    depth,
    operations,
    keys,
    asks: [command, `${start}__rand_int__`, ...(command === 'SET' ? [VALUE] : [])],
  })
  return {
    opsPerSecond,
    entryMicros: (entry.cpuMicros() - entryBefore) / operations,
    ownerMicros: (owner.cpuMicros() - ownerBefore) / operations,
  }
}

/** Checks that the entry returns the values that the owner has stored, in order. */
async function check(entry: Server, owner: Server, start: string): Promise<void> {
  const keys = Array.from({ length: 640 }, (_, i) => `${start}check:${i}`)
  const contentOf = (key: string): string => `value of ${key}`
  await withClient(owner, (client) => client.mset(...keys.flatMap((key) => [key, contentOf(key)])))
  const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
  const wanted = keys.map((key) => bulk(contentOf(key))).join('')
  // Not with a client library: twemproxy closes connections on commands that it does not know.
  const socket = await open(entry.port)
  const closed = once(socket, 'close')
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    if (answer.length >= wanted.length) socket.destroy()
  })
  socket.write(keys.map((key) => `*2\r\n${bulk('GET')}${bulk(key)}`).join(''))
  await closed
  if (answer !== wanted)
    throw new Error(`${entry.name} does not return the values of ${owner.name} behind it`)
}
