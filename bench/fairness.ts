// The fairness benchmark: how long a client that sends one PING at a time waits beside others with endless pipelines.

import { setTimeout as pause } from 'node:timers/promises'
import { median } from './figures.ts'
import { startFlood, startPing } from './helper.ts'
import { fillKeys, keyOf } from './load.ts'
import { build, conditions, type Server, startErinys, startRedis } from './servers.ts'

const CLIENTS = 100
const VALUE_BYTES = 32

const FLOODS: readonly (readonly [name: string, request: string])[] = [
  ['PING', 'PING'],
  ['GET', `GET ${keyOf(0)}`],
  ['SET', `SET ${keyOf(1)} ${'x'.repeat(VALUE_BYTES)}`],
]

/** No more than this many times as long as at redis-server. */
const GOAL = 3

interface Waits {
  /** ms. */
  readonly longest: number
  readonly p99: number
  /** Replies to the others, MB/s. */
  readonly rate: number
}

/** Prints the waits of each server. Returns what misses the goal. */
export async function benchFairness({ smoke }: { readonly smoke: boolean }): Promise<readonly string[]> {
  build()
  const rounds = smoke ? 1 : 5
  const started = [await startErinys({ maxBytes: '256mb' }), await startRedis('redis-server')]
  const servers = started.filter((server) => server !== undefined)
  try {
    for (const { port } of servers) await fillKeys(port, 0, 2, VALUE_BYTES)
    const samples = new Map<string, Waits[]>()
    for (let round = 0; round < rounds; round++) {
      for (const [name, request] of FLOODS) {
        for (const server of servers) {
          const waits = await measure(server, request, smoke ? 200 : 4000)
          const key = `${name} ${server.name}`
          samples.set(key, [...(samples.get(key) ?? []), waits])
        }
      }
      if (!smoke) console.log(`fairness: round ${round + 1} of ${rounds} done`)
    }
    const missed = print(servers, samples)
    // A smoke test is too short to judge.
    return smoke ? [] : missed
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function measure({ port }: Server, request: string, milliseconds: number): Promise<Waits> {
  const flood = await startFlood(port, CLIENTS, request)
  const pinging = await startPing(port)
  const began = performance.now()
  await pause(milliseconds)
  const { longest, p99 } = await pinging.end()
  const seconds = (performance.now() - began) / 1000
  const { received } = await flood.end()
  return { longest, p99, rate: received / 2 ** 20 / seconds }
}

function print(
  servers: readonly Server[],
  samples: ReadonlyMap<string, readonly Waits[]>,
): readonly string[] {
  console.log(Object.values(conditions()).join('; '))
  console.log(servers.map(({ name, version }) => `${name} ${version}`).join(', '))
  const missed: string[] = []
  const rows = FLOODS.flatMap(([flood]) =>
    servers.map(({ name }) => {
      const own = samples.get(`${flood} ${name}`) ?? []
      const redis = samples.get(`${flood} redis`)
      const of = (field: keyof Waits): number => Number(median(own.map((waits) => waits[field])).toFixed(2))
      const ratio = (field: keyof Waits): number | undefined =>
        redis && Number(median(own.map((waits, i) => waits[field] / redis[i][field])).toFixed(2))
      const longest = ratio('longest')
      if (longest !== undefined && longest > GOAL) {
        missed.push(
          `beside ${flood}, the longest PING is ${longest} × that of redis-server, wants at most ${GOAL} ×`,
        )
      }
      return {
        [`${CLIENTS} clients send`]: flood,
        server: name,
        'longest PING ms': of('longest'),
        '× redis': longest,
        'p99 ms': of('p99'),
        'p99 × redis': ratio('p99'),
        'replies MB/s': of('rate'),
      }
    }),
  )
  console.table(rows)
  return missed
}
