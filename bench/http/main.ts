// The HTTP benchmark: GET of a held value of 32 bytes, beside a bare node:http server that answers a constant, a plain
// Fastify that does, and pogocache; these two where they are there.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../figures.ts'
import { startHttpLoad } from '../helper.ts'
import { fillKeys, keyOf } from '../load.ts'
import { build, conditions, findProgram, freePort, type Server, start, startErinys } from '../servers.ts'

const CONSTANT = fileURLToPath(new URL('./constant.ts', import.meta.url))
const FASTIFY = fileURLToPath(new URL('./fastify.ts', import.meta.url))
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
  const bare = await startScript('node:http', process.version, CONSTANT)
  const fastify = await startFastify()
  const pogocache = await startPogocache()
  try {
    await fillKeys(erinys.port, 0, 2, VALUE_BYTES)
    if (pogocache !== undefined) await fillKeys(pogocache.port, 0, 2, VALUE_BYTES)
    const path = `/cache/cache/${keyOf(0)}`
    const contenders: readonly Contender[] = [
      { server: bare, port: bare.port, path },
      { server: erinys, port: httpPort, path },
      ...(fastify === undefined ? [] : [{ server: fastify, port: fastify.port, path }]),
      ...(pogocache === undefined ? [] : [{ server: pogocache, port: pogocache.port, path: `/${keyOf(0)}` }]),
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
    await Promise.all([erinys, bare, fastify, pogocache].map((server) => server?.stop()))
  }
}

/** A server that is a script of this folder. */
function startScript(name: string, version: string, path: string): Promise<Server> {
  const tsx = import.meta.resolve('tsx')
  const command = (port: number): readonly string[] => [process.execPath, '--import', tsx, path, String(port)]
  return start({ name, version, command })
}

/** Fastify is no dependency: NODE_PATH names a folder that has it. */
async function startFastify(): Promise<Server | undefined> {
  const load = createRequire(import.meta.url)
  try {
    const { version } = load('fastify/package.json') as { version: string }
    return await startScript('fastify', version, FASTIFY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    console.log('http: no Fastify, NODE_PATH names no folder with it')
    return undefined
  }
}

async function startPogocache(): Promise<Server | undefined> {
  const program = findProgram('pogocache')
  if (program === undefined) {
    console.log('http: no pogocache on PATH')
    return undefined
  }
  const version = /\d+\.\d+\S*/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0] ?? '?'
  const command = (port: number): readonly string[] => [
    program,
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '--threads',
    '1',
  ]
  return start({ name: 'pogocache', version, command })
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
