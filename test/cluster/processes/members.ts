// Shared by the tests of real nodes: clusters that end with their test, and which node owns which keys.

import { onTestFinished } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import type { Member } from '../../../src/cluster/member.ts'
import { parseAddress } from '../../../src/cluster/member.ts'
import { assignSlots } from '../../../src/cluster/ring/slots.ts'
import { FaultyCluster, type FaultyClusterOptions } from '../../support/faulty-cluster.ts'
import { type Guarantees, History } from '../../support/history.ts'
import { LagMeter } from '../../support/lag.ts'
import { Members, type MembersOptions, type NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'
import { Workload, type WorkloadOptions } from '../../support/workload.ts'

/** How long a node may be silent, ms. */
export const TIMEOUT = 1500
/** Until all others have acted on a failure, ms, on a busy machine: the timeout, some heartbeats, and the exchange of reports. */
export const DETECTION = 4 * TIMEOUT

/** The default group, without an origin, of nodes without a configuration. */
export const GROUP = 'cache'

/** For tests in which no node fails for long: no node is declared dead, however starved of CPU. */
export const PATIENT = { timeout: '30s', pingInterval: '500ms' } as const
export const PATIENT_ARGS = ['--cluster-timeout', '30s', '--cluster-ping-interval', '500ms']

const ARGS = ['--cluster-timeout', `${TIMEOUT}ms`, '--maxmemory', '64mb']

/** Starts nodes that end with the test; resolves when they agree on the owners of all slots. */
export async function startMembers(
  count: number,
  { args = [], ...options }: MembersOptions = {},
): Promise<readonly NodeProcess[]> {
  const members = await Members.start(count, { ...options, args: [...ARGS, ...args] })
  onTestFinished(() => members.end())
  const { nodes } = members
  if (options.peersOf === undefined) await agree(nodes.slice(0, options.started ?? count))
  return nodes
}

/** Starts nodes in this process with proxies between them, as `startMembers` does. */
export async function startFaulty(count: number, options: FaultyClusterOptions = {}): Promise<FaultyCluster> {
  const { config } = options
  const cluster = await FaultyCluster.start(count, {
    ...options,
    config: { ...config, cluster: { timeout: TIMEOUT, ...config?.cluster } },
  })
  onTestFinished(() => cluster.close())
  await agree(cluster.nodes)
  return cluster
}

/** A node that clients can connect to. */
interface Listening {
  readonly port: number
}

/** Resolves when all of these nodes name the same owner among them for every slot. */
export async function agree(nodes: readonly Listening[], timeout?: number): Promise<void> {
  const clients = await Promise.all(nodes.map(({ port }) => RespClient.connect(port)))
  try {
    const isAgreed = async (): Promise<boolean> => {
      const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))
      if (!infos.every((info) => String(info).includes(`cluster_size:${nodes.length}\r`))) return false
      const tables = await Promise.all(clients.map(reportedOwners))
      return tables.every((table) => table === tables[0])
    }
    await poll(isAgreed, `${nodes.length} nodes that agree`, timeout)
  } finally {
    for (const { socket } of clients) socket.destroy()
  }
}

/** Resolves when a node reports `count` owners of slots. */
export async function ownersSeen({ port }: Listening, count: number): Promise<void> {
  const client = await RespClient.connect(port)
  const isSeen = async (): Promise<boolean> =>
    String(await client.call('CLUSTER', 'INFO')).includes(`cluster_size:${count}\r`)
  await poll(isSeen, `${count} owners`).finally(() => client.socket.destroy())
}

/** The nodes and their slots according to CLUSTER NODES. */
async function reportedOwners(client: RespClient): Promise<string> {
  const reply = String(await client.call('CLUSTER', 'NODES'))
  const lines = reply
    .split('\n')
    .map((line) => line.split(' '))
    .filter(({ length }) => length > 8)
  return lines
    .map(([id, , , , , , , , ...slots]) => `${id} ${slots.join(' ')}`)
    .sort()
    .join('\n')
}

/** The owner of a key once nodes of these names agree. */
function ownerOf(names: readonly string[], key: string): string {
  const members = names.map((name): Member => ({ name, ...parseAddress(name)!, weight: 1 }))
  members.sort((a, b) => (a.name < b.name ? -1 : 1))
  const bytes = Buffer.from(key)
  return members[assignSlots(members)[keySlot(bytes, 0, bytes.length)]].name
}

/** `count` keys that one of these nodes owns. */
export function keysOf(owner: string, names: readonly string[], count: number, prefix = 'key'): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    if (ownerOf(names, `${prefix}:${i}`) === owner) keys.push(`${prefix}:${i}`)
  }
  return keys
}

/** `count` keys, of all nodes. */
export function someKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key:${i}`)
}

export function historyOf(promises: Partial<Guarantees> = {}): History {
  const lag = new LagMeter()
  return new History({ detection: DETECTION, timeout: 20_000, slackMs: () => lag.slackMs, ...promises })
}

/** Starts clients that read and write until the test ends. */
export function work(options: Omit<WorkloadOptions, 'ports'> & { nodes: readonly Listening[] }): Workload {
  const { nodes, ...rest } = options
  const workload = new Workload({ group: GROUP, ...rest, ports: nodes.map(({ port }) => port) })
  onTestFinished(() => workload.stop())
  return workload
}
