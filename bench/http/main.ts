// The HTTP benchmark: GET of a held value of 32 bytes, beside a bare node:http server that answers a constant.

import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../figures.ts'
import { startHttpLoad } from '../helper.ts'
import { fillKeys, keyOf } from '../load.ts'
import { build, conditions, freePort, type Server, start, startErinys } from '../servers.ts'

const CONSTANT = fileURLToPath(new URL('./constant.ts', import.meta.url))
const CLIENTS = 50
const VALUE_BYTES = 32

/** The least share of the bare server's requests per CPU second. */
const GOAL = 0.85

interface Measured {
  readonly perSecond: number
  /** Microseconds of CPU time per request. */
  readonly micros: number
}

interface Contender {
  readonly server: Server
  readonly port: number
  readonly path: string
}

/** Prints what each server does. Returns what misses the goal. */
export async function benchHttp({ smoke }: { readonly smoke: boolean }): Promise<readonly string[]> {
  build()
  const rounds = smoke ? 1 : 7
  const httpPort = await freePort()
  const erinys = await startErinys({ maxBytes: '64mb', httpPort })
  const command = (port: number): readonly string[] => [
    process.execPath,
    '--import',
    import.meta.resolve('tsx'),
    CONSTANT,
    String(port),
  ]
  const bare = await start({ name: 'node:http', version: process.version, command })
  try {
    await fillKeys(erinys.port, 0, 2, VALUE_BYTES)
    const path = `/cache/cache/${keyOf(0)}`
    const contenders: readonly Contender[] = [
      { server: bare, port: bare.port, path },
      { server: erinys, port: httpPort, path },
    ]
    const samples = new Map<string, Measured[]>()
    const seconds = smoke ? 0.2 : 4
    for (let round = 0; round < rounds; round++) {
      // Each is first in every other round: the machine may become slower or faster.
      for (const contender of round % 2 === 0 ? contenders : [...contenders].reverse()) {
        const { name } = contender.server
        samples.set(name, [...(samples.get(name) ?? []), await measure(contender, seconds)])
      }
      if (!smoke) console.log(`http: round ${round + 1} of ${rounds} done`)
    }
    const ratio = print(samples)
    // A smoke test is too short to judge.
    if (smoke || ratio >= GOAL) return []
    return [`GET over HTTP is ${ratio.toFixed(2)} × a bare node:http server, wants at least ${GOAL} ×`]
  } finally {
    await Promise.all([erinys.stop(), bare.stop()])
  }
}

async function measure({ server, port, path }: Contender, seconds: number): Promise<Measured> {
  const load = await startHttpLoad(port, CLIENTS, path)
  // The first requests compile the code, on both sides.
  await pause(seconds * 250)
  const micros = server.cpuMicros()
  const began = performance.now()
  const { responses: before } = await load.count()
  await pause(seconds * 1000)
  const { responses } = await load.count()
  const used = server.cpuMicros() - micros
  const elapsed = (performance.now() - began) / 1000
  await load.end()
  return { perSecond: (responses - before) / elapsed, micros: used / (responses - before) }
}

/** Returns the throughput relative to the bare server: the median of the ratios of each round, by CPU time. */
function print(samples: ReadonlyMap<string, readonly Measured[]>): number {
  console.log(Object.values(conditions()).join('; '))
  const bare = samples.get('node:http') ?? []
  const ratioOf = (own: readonly Measured[]): number =>
    median(own.map(({ micros }, i) => bare[i].micros / micros))
  console.table(
    [...samples].map(([server, own]) => ({
      server,
      'requests/s': Math.round(median(own.map(({ perSecond }) => perSecond))),
      'CPU µs': Number(median(own.map(({ micros }) => micros)).toFixed(1)),
      '× node:http': Number(ratioOf(own).toFixed(2)),
      '× by requests/s': Number(
        median(own.map(({ perSecond }, i) => perSecond / bare[i].perSecond)).toFixed(2),
      ),
    })),
  )
  return ratioOf(samples.get('erinys') ?? [])
}
