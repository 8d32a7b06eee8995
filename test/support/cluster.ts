// A cluster of nodes in this process.

import { Redis } from 'ioredis'
import { keySlot } from '../../src/bytes/crc16.ts'
import { type ClusterInput, type Config, createNode, type Node } from '../../src/index.ts'
import { freePorts } from './ports.ts'

/** One node of the cluster. */
export interface TestMember {
  /** The port that it announces. */
  readonly port: number
  readonly node: Node
  /** A client in the first group. */
  readonly watcher: Redis
  /** Its slot table, asked for by a client of its own: a client that asks for it gets the keys of that node only. */
  slots(): ReturnType<typeof askSlots>
  /** The fields of INFO cluster. */
  info(): Promise<Record<string, string>>
  /** The number of requests that it has sent to each other node, in any order. */
  forwarded(): Promise<number[]>
  close(): Promise<void>
}

export interface TestCluster {
  /** The nodes that have been started, in the order of their endpoints. */
  readonly members: readonly TestMember[]
  readonly ports: readonly number[]
  /** Warnings and errors of the logs. */
  readonly warnings: readonly string[]
  /** The number of requests that nodes have forwarded to each other. */
  forwarded(): Promise<number>
  /** Starts the next node. */
  start(): Promise<TestMember>
  /** Resolves when the nodes with these indexes, by default all, see only each other and agree on the owner of every slot. */
  agreed(...indexes: number[]): Promise<void>
  close(): Promise<void>
}

interface ClusterOptions extends Config {
  readonly cluster?: Partial<ClusterInput>
  /** The number of nodes that are started; by default all. */
  readonly starts?: number
  /** Settings of the node with an index. */
  readonly each?: (index: number) => Config
}

/** The port on which a node listens, and the port that it announces. */
interface Endpoint {
  readonly listens: number
  readonly announced: number
}

/** Starts `count` nodes, or one for each endpoint. */
export async function startCluster(
  count: number | readonly Endpoint[],
  { cluster, starts, each, ...config }: ClusterOptions = {},
): Promise<TestCluster> {
  const warnings: string[] = []
  const warn = (fields: object, message: string): void => {
    warnings.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log = { info: () => undefined, warn, error: warn }
  const endpoints: readonly Endpoint[] =
    typeof count === 'number'
      ? (await freePorts(count)).map((port) => ({ listens: port, announced: port }))
      : count
  const peers = endpoints.map(({ announced }) => `127.0.0.1:${announced}`)
  const start = async ({ listens, announced }: Endpoint, i: number): Promise<TestMember> => {
    // Unless a test sets a timeout, a node is not declared dead because it is starved of CPU.
    const patient = cluster?.timeout === undefined ? { timeout: '30s', pingInterval: '500ms' } : {}
    const own = { announce: `127.0.0.1:${announced}`, peers, ...patient, ...cluster }
    const address = { port: listens, bind: '127.0.0.1' }
    const settings = { ...address, shutdownTimeout: 100, ...config, ...each?.(i), cluster: own }
    const node = await createNode(settings, { log })
    await node.listen()
    return memberOf(node, announced, listens)
  }
  const members = await Promise.all(endpoints.slice(0, starts).map(start))
  const test: TestCluster = {
    members,
    ports: endpoints.map(({ announced }) => announced),
    warnings,
    async forwarded() {
      const counts = await Promise.all(members.map((member) => member.forwarded()))
      return counts.flat().reduce((sum, each) => sum + each, 0)
    },
    async start() {
      const member = await start(endpoints[members.length], members.length)
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
    slots: () => askSlots(listens),
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
  const tables = await Promise.all(members.map((member) => member.slots()))
  return new Set(tables.map((table) => JSON.stringify(table))).size === 1
}

/** The port of the owner of each key, as a node sees it. */
export async function ownersOf({ slots }: TestMember, keys: readonly string[]): Promise<number[]> {
  const ranges = await slots()
  return keys.map((text) => {
    const key = Buffer.from(text)
    const slot = keySlot(key, 0, key.length)
    return Number(ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1])
  })
}

async function askSlots(port: number): ReturnType<Redis['cluster']> {
  const client = new Redis(port, { lazyConnect: true, retryStrategy: null })
  try {
    return await client.cluster('SLOTS')
  } finally {
    client.disconnect()
  }
}
