// Several nodes in this process that form a cluster.

import { Redis } from 'ioredis'
import { type ClusterInput, type Config, createNode, type Node } from '../../src/index.ts'
import { freePorts } from './ports.ts'

/** One node of the cluster, as another one or a client knows it. */
export interface TestMember {
  /** Where it says that it can be reached. */
  readonly port: number
  readonly node: Node
  /** A client in the first group that takes no part in the test. */
  readonly watcher: Redis
  /** The fields of INFO's section about the cluster. */
  info(): Promise<Record<string, string>>
  /** How many requests it has sent to each of the others, in any order. */
  forwarded(): Promise<number[]>
  close(): Promise<void>
}

export interface TestCluster {
  /** Those that have been started, in the order of the places. */
  readonly members: readonly TestMember[]
  readonly ports: readonly number[]
  /** Warnings and errors of the logs. */
  readonly warnings: readonly string[]
  /** How many requests nodes have sent to other nodes for clients. */
  forwarded(): Promise<number>
  /** Starts the node at the first place that has none yet. */
  start(): Promise<TestMember>
  /** Resolves when the nodes at these places, by default all, see each other only, and agree about every slot. */
  agreed(...places: number[]): Promise<void>
  close(): Promise<void>
}

interface ClusterOptions extends Config {
  readonly cluster?: Partial<ClusterInput>
  /** How many are started, the first ones; by default all. */
  readonly starts?: number
  /** Settings of the node at a place. */
  readonly each?: (place: number) => Config
}

/** Where a node listens, and where the others and clients find it. */
interface Place {
  readonly listens: number
  readonly announced: number
}

/** Starts `count` nodes, or one for each place. */
export async function startCluster(
  count: number | readonly Place[],
  { cluster, starts, each, ...config }: ClusterOptions = {},
): Promise<TestCluster> {
  const warnings: string[] = []
  const warn = (fields: object, message: string): void => {
    warnings.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log = { info: () => undefined, warn, error: warn }
  const places: readonly Place[] =
    typeof count === 'number'
      ? (await freePorts(count)).map((port) => ({ listens: port, announced: port }))
      : count
  const peers = places.map(({ announced }) => `127.0.0.1:${announced}`)
  const start = async ({ listens, announced }: Place, i: number): Promise<TestMember> => {
    // Where a test says nothing of it, a starved node is not to be taken for dead.
    const patient = cluster?.timeout === undefined ? { timeout: '30s', pingInterval: '500ms' } : {}
    const own = { announce: `127.0.0.1:${announced}`, peers, ...patient, ...cluster }
    const address = { port: listens, bind: '127.0.0.1' }
    const settings = { ...address, shutdownTimeout: 100, ...config, ...each?.(i), cluster: own }
    const node = await createNode(settings, { log })
    await node.listen()
    return memberOf(node, announced, listens)
  }
  const members = await Promise.all(places.slice(0, starts).map(start))
  const test: TestCluster = {
    members,
    ports: places.map(({ announced }) => announced),
    warnings,
    async forwarded() {
      const counts = await Promise.all(members.map((member) => member.forwarded()))
      return counts.flat().reduce((sum, each) => sum + each, 0)
    },
    async start() {
      const member = await start(places[members.length], members.length)
      members.push(member)
      return member
    },
    async agreed(...chosen) {
      const living = chosen.length === 0 ? members : chosen.map((i) => members[i])
      while (!(await agree(living)));
    },
    async close() {
      await Promise.all(members.map((member) => member.close()))
    },
  }
  await test.agreed()
  return test
}

function memberOf(node: Node, port: number, listens: number): TestMember {
  const watcher = new Redis(listens, { lazyConnect: true, retryStrategy: null })
  watcher.on('error', () => undefined)
  const info = async (): Promise<Record<string, string>> => {
    const lines = (await watcher.info('cluster')).split('\r\n')
    return Object.fromEntries(lines.map((line) => line.split(/:(.*)/s, 2)))
  }
  return {
    port,
    node,
    watcher,
    info,
    async forwarded() {
      const peers = Object.entries(await info()).filter(([name]) => /^peer\d/.test(name))
      return peers.map(([, line]) => Number(/,requests=(\d+)/.exec(line)?.[1]))
    },
    async close() {
      watcher.disconnect()
      await node.close()
    },
  }
}

async function agree(members: readonly TestMember[]): Promise<boolean> {
  const infos = await Promise.all(members.map((member) => member.info()))
  const isSettled = infos.every(
    ({ cluster_state, cluster_members, cluster_pending }) =>
      cluster_state === 'ok' && Number(cluster_members) === members.length && cluster_pending === '0',
  )
  if (!isSettled) return false
  const tables = await Promise.all(members.map(({ watcher }) => watcher.cluster('SLOTS')))
  return new Set(tables.map((table) => JSON.stringify(table))).size === 1
}
