// The servers of the server benchmark: a node and a floor for each Node.js, and whatever else is on PATH.

import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeVersion, ServerRow, Workload } from './figures.ts'
import type { ProtocolName } from './protocols.ts'
import { findProgram, type Server, start, startErinys, startRedis } from './servers.ts'

const CONSTANT = fileURLToPath(new URL('./floor/constant.ts', import.meta.url))
const RELAY = fileURLToPath(new URL('./floor/relay.ts', import.meta.url))
const ALL: readonly Workload[] = ['SET', 'GET', 'mix']

/** A node whose group is 85 % full with the keys of the benchmark: then LRU keeps all entries in a list. */
const NEARLY_FULL = 'nearly full'
const NEARLY_FULL_BYTES = '84mb'

export interface Contender extends ServerRow {
  readonly server: Server
  /** redis-benchmark loads only servers that speak RESP. */
  readonly protocol: ProtocolName
  /** What it is loaded with. */
  readonly workloads: readonly Workload[]
}

/** A Node.js program. */
export interface NodeProgram extends NodeVersion {
  readonly path: string
}

/** @throws Error that names a path that is no Node.js */
export function nodeProgram(named: string): NodeProgram {
  // Servers run in another folder.
  const path = resolve(named)
  const script = 'console.log(JSON.stringify([process.versions.node, process.release.lts !== undefined]))'
  try {
    const [version, isLts] = JSON.parse(execFileSync(path, ['-e', script], { encoding: 'utf8' }))
    return { path, version, isLts }
  } catch (error) {
    throw new Error(`${named} is no Node.js program`, { cause: error })
  }
}

/** Starts all of them: the caller stops them. */
export async function startContenders(nodes: readonly NodeProgram[]): Promise<Contender[]> {
  const started: Contender[] = []
  const add = (
    server: Server | undefined,
    more: Partial<Pick<Contender, 'name' | 'node' | 'protocol' | 'workloads'>> = {},
  ): void => {
    if (server === undefined) return
    const { name, version } = server
    started.push({ name, version, server, protocol: 'resp', workloads: ALL, ...more })
  }
  const labelled = ({ version, isLts }: NodeProgram, name: string): Pick<Contender, 'name' | 'node'> => ({
    name: nodes.length === 1 ? name : `${name}, Node ${version}`,
    node: { version, isLts },
  })
  try {
    for (const node of nodes)
      add(await startErinys({ maxBytes: '1gb', node: node.path }), labelled(node, 'erinys'))
    const last = nodes.at(-1)
    if (last !== undefined) {
      const { name, node } = labelled(last, NEARLY_FULL)
      add(await startErinys({ maxBytes: NEARLY_FULL_BYTES, node: last.path }), { name, node })
    }
    add(await startRedis('redis-server'))
    add(await startRedis('valkey-server'))
    add(await startPogocache())
    add(await startMemcached(), { protocol: 'memcached' })
    for (const node of nodes)
      add(await startFloor(node), { ...labelled(node, 'floor'), workloads: ['SET', 'GET'] })
  } catch (error) {
    await Promise.all(started.map(({ server }) => server.stop()))
    throw error
  }
  return started
}

/** A bare server that answers SET and GET with constants. */
function startFloor(node: NodeProgram): Promise<Server> {
  const command = (port: number): readonly string[] => [...floorCommand(node, CONSTANT), String(port)]
  return start({ name: 'floor', version: node.version, command })
}

/** A bare relay to a server: the least that a node does for a command that it forwards. */
export function startRelay(node: NodeProgram, behind: Server): Promise<Server> {
  const command = (port: number): readonly string[] => [
    ...floorCommand(node, RELAY),
    String(port),
    String(behind.port),
  ]
  return start({ name: 'relay', version: node.version, command })
}

function floorCommand({ path }: NodeProgram, program: string): readonly string[] {
  return [path, '--import', import.meta.resolve('tsx'), program]
}

/** Pogocache with one thread, as the others have; undefined if it is not on PATH. */
async function startPogocache(): Promise<Server | undefined> {
  const program = findProgram('pogocache')
  if (program === undefined) return undefined
  const version = versionOf(program, '--version')
  const options = ['-h', '127.0.0.1', '--threads', '1']
  return start({
    name: 'pogocache',
    version,
    command: (port) => [program, '-p', String(port), ...options],
  })
}

/** memcached with one thread for connections; undefined if it is not on PATH. */
async function startMemcached(): Promise<Server | undefined> {
  const program = findProgram('memcached')
  if (program === undefined) return undefined
  const version = versionOf(program, '-V')
  // By default it keeps 64 MB. As root it wants the name of a user.
  const options = ['-l', '127.0.0.1', '-U', '0', '-t', '1', '-m', '1024', '-u', 'nobody']
  return start({
    name: 'memcached',
    version,
    command: (port) => [program, '-p', String(port), ...options],
  })
}

function versionOf(program: string, option: string): string {
  const printed = execFileSync(program, [option], { encoding: 'utf8' })
  return /(\d+\.\d+\S*)/.exec(printed)?.[1] ?? '?'
}
