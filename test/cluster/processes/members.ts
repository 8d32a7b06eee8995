// What the tests of real nodes share: a cluster that ends with its test, and a look at who owns what.

import { onTestFinished } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import type { Member } from '../../../src/cluster/member.ts'
import { parseAddress } from '../../../src/cluster/member.ts'
import { assignSlots } from '../../../src/cluster/ring/slots.ts'
import { Talker } from '../../attack/talker.ts'
import { FaultyCluster, type FaultyClusterOptions } from '../../support/faulty-cluster.ts'
import { type Guarantees, History } from '../../support/history.ts'
import { LagMeter } from '../../support/lag.ts'
import { Members, type MembersOptions, type NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { Workload, type WorkloadOptions } from '../../support/workload.ts'

/** How long a node may be silent, ms. */
export const TIMEOUT = 1500
/** Until all others act on it: they ask four times within the timeout, and tell each other, on a busy machine. */
export const DETECTION = 4 * TIMEOUT

/** A group without an origin of nodes that are given no configuration. */
export const GROUP = 'cache'

/** Where nobody fails for long, nobody is to be taken for dead, however starved. */
export const PATIENT = { timeout: '30s', pingInterval: '500ms' } as const
export const PATIENT_ARGS = ['--cluster-timeout', '30s', '--cluster-ping-interval', '500ms']

const ARGS = ['--cluster-timeout', `${TIMEOUT}ms`, '--maxmemory', '64mb']

/** Starts nodes that end with the test; resolves when they agree about who owns what. */
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

/** Starts nodes in this process, with proxies between them, that end with the test; resolves when they agree. */
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

/** A node that can be asked. */
interface Listening {
  readonly port: number
}

/** Resolves when every one of these nodes says of every slot that the same one of them owns it. */
export async function agree(nodes: readonly Listening[], timeout?: number): Promise<void> {
  const talkers = await Promise.all(nodes.map(({ port }) => Talker.connect(port)))
  try {
    const isAgreed = async (): Promise<boolean> => {
      const infos = await Promise.all(talkers.map((talker) => talker.call('CLUSTER', 'INFO')))
      if (!infos.every((info) => String(info).includes(`cluster_size:${nodes.length}\r`))) return false
      const tables = await Promise.all(talkers.map(ownersAsTold))
      return tables.every((table) => table === tables[0])
    }
    await poll(isAgreed, `${nodes.length} nodes that agree`, timeout)
  } finally {
    for (const { socket } of talkers) socket.destroy()
  }
}

/** Resolves when a node says that so many own slots. */
export async function ownersSeen({ port }: Listening, count: number): Promise<void> {
  const talker = await Talker.connect(port)
  const isSeen = async (): Promise<boolean> =>
    String(await talker.call('CLUSTER', 'INFO')).includes(`cluster_size:${count}\r`)
  await poll(isSeen, `${count} owners`).finally(() => talker.socket.destroy())
}

/** The nodes and their slots. */
async function ownersAsTold(talker: Talker): Promise<string> {
  const told = String(await talker.call('CLUSTER', 'NODES'))
  const lines = told
    .split('\n')
    .map((line) => line.split(' '))
    .filter(({ length }) => length > 8)
  return lines
    .map(([id, , , , , , , , ...slots]) => `${id} ${slots.join(' ')}`)
    .sort()
    .join('\n')
}

/** Whose keys these are, once nodes of these names agree. */
function ownerOf(names: readonly string[], key: string): string {
  const members = names.map((name): Member => ({ name, ...parseAddress(name)!, weight: 1 }))
  members.sort((a, b) => (a.name < b.name ? -1 : 1))
  const bytes = Buffer.from(key)
  return members[assignSlots(members)[keySlot(bytes, 0, bytes.length)]].name
}

/** So many keys that one of these nodes owns. */
export function keysOf(owner: string, names: readonly string[], count: number, prefix = 'key'): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    if (ownerOf(names, `${prefix}:${i}`) === owner) keys.push(`${prefix}:${i}`)
  }
  return keys
}

/** So many keys of all nodes. */
export function someKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key:${i}`)
}

export function historyOf(promises: Partial<Guarantees> = {}): History {
  const lag = new LagMeter()
  return new History({ detection: DETECTION, timeout: 20_000, slackMs: () => lag.slackMs, ...promises })
}

/** Clients at work until the test ends. */
export function work(options: Omit<WorkloadOptions, 'ports'> & { nodes: readonly Listening[] }): Workload {
  const { nodes, ...rest } = options
  const workload = new Workload({ group: GROUP, ...rest, ports: nodes.map(({ port }) => port) })
  onTestFinished(() => workload.stop())
  return workload
}
