// Starts clusters of nodes, and twemproxy in front of a server.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import {
  findProgram,
  freePort,
  type Groups,
  type NodeOptions,
  type Server,
  start,
  startErinys,
} from './servers.ts'

/** The time for nodes to form a cluster, ms. */
const START_TIMEOUT = 20_000

/** The name of a node in its cluster. */
function nameOf({ port }: Server): string {
  return `127.0.0.1:${port}`
}

export interface ClusterOptions {
  readonly maxBytes: string
  /** By default one group without an origin. */
  readonly groups?: Groups
  /** The fraction of the budget for hot copies; by default that of a node. */
  readonly copies?: number
  /** The CPU core of each node. */
  readonly cores: readonly number[]
}

/** Starts a node for each core. Resolves when they agree about the owners of all slots. */
export async function startNodes({ maxBytes, groups, copies, cores }: ClusterOptions): Promise<Server[]> {
  const ports: number[] = []
  while (ports.length < cores.length) {
    const port = await freePort()
    if (!ports.includes(port)) ports.push(port)
  }
  const peers = ports.map((port) => `127.0.0.1:${port}`)
  const cluster: NodeOptions['cluster'] = copies === undefined ? { peers } : { peers, copies }
  const starting = ports.map((port, i) => startErinys({ maxBytes, groups, cluster, port, core: cores[i] }))
  const started = await Promise.allSettled(starting)
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  try {
    if (nodes.length < ports.length) throw new Error('not every node started')
    await Promise.all(nodes.map((node) => agreement(node, nodes.length)))
  } catch (error) {
    await stopAll(nodes)
    throw error
  }
  return nodes
}

export async function stopAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()))
}

/** The first of `candidates` for which `owner` owns the key `keyOf(candidate)`, according to the node `asked`. */
export async function ownedBy(
  owner: Server,
  asked: Server,
  candidates: Iterable<string>,
  keyOf: (candidate: string) => string,
): Promise<string> {
  return withClient(asked, async (client) => {
    for (const candidate of candidates) {
      const fields = (await client.call('EXPLAIN', keyOf(candidate))) as (string | number | null)[]
      if (fields[fields.indexOf('owner') + 1] === nameOf(owner)) return candidate
    }
    throw new Error(`${nameOf(owner)} owns none of the keys`)
  })
}

/** Calls `use` with a client outside of the measurement. */
export async function withClient<Result>(
  { port }: Server,
  use: (client: Redis) => Promise<Result>,
): Promise<Result> {
  // The ready check sends INFO, which proxies do not know.
  const client = new Redis(port, { retryStrategy: () => null, enableReadyCheck: false })
  client.on('error', () => undefined)
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}

async function agreement(node: Server, count: number): Promise<void> {
  await withClient(node, async (client) => {
    for (const deadline = Date.now() + START_TIMEOUT; Date.now() < deadline; await pause(50)) {
      const info = await client.info('cluster')
      if (/^cluster_state:ok/m.test(info) && new RegExp(`^cluster_members:${count}\r`, 'm').test(info)) {
        if (/^cluster_pending:0/m.test(info)) return
      }
    }
    throw new Error(`${nameOf(node)} has not joined the cluster`)
  })
}

/**
 * The size of twemproxy's buffers. Of the sizes from 512 B to its default of 16,384 B this is the fastest at every
 * pipelining depth: the default takes 1.3 times as long at P = 16 and 1.6 times at P = 64.
 */
const MBUF_BYTES = 1024

/** twemproxy's settings that are not its defaults. */
export const TWEMPROXY_SETTINGS = `mbuf ${MBUF_BYTES} B, preconnect, no timeout, one connection to the server`

/** Starts twemproxy in front of a Redis-compatible server; undefined if it is not on PATH. */
export async function startTwemproxy(behind: Server): Promise<Server | undefined> {
  const program = findProgram('nutcracker')
  if (program === undefined) return undefined
  // It prints the version to stderr.
  const printed = spawnSync(program, ['--version'], { encoding: 'utf8' }).stderr
  const folder = mkdtempSync(join(tmpdir(), 'erinys-bench-'))
  const config = join(folder, 'nutcracker.yml')
  const statistics = await freePort()
  const command = (port: number): readonly string[] => {
    const pool = [
      `listen: 127.0.0.1:${port}`,
      'redis: true',
      'hash: fnv1a_64',
      'distribution: ketama',
      'preconnect: true',
      'servers:',
      `  - 127.0.0.1:${behind.port}:1`,
    ]
    writeFileSync(config, `hop:\n${pool.map((line) => `  ${line}\n`).join('')}`)
    const files = ['-c', config, '-o', join(folder, 'log'), '-p', join(folder, 'pid')]
    return [program, ...files, '-m', String(MBUF_BYTES), '-a', '127.0.0.1', '-s', String(statistics)]
  }
  const version = /(\d+\.\d+\S*)/.exec(printed)?.[1] ?? '?'
  const server = await start({ name: 'twemproxy', version, command })
  return {
    ...server,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
}
