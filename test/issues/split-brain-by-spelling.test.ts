// Lists of members that spell the addresses in different ways, or in another order, give one cluster.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { createNode } from '../../src/index.ts'
import { poll } from '../support/poll.ts'
import { freePorts } from '../support/ports.ts'

const PATIENT = { timeout: '30s', pingInterval: '500ms' } as const
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Starts a node for each list, one after the other; its own port is replaced for `$0`, `$1`… in every list. */
async function start(
  lists: readonly (readonly string[])[],
  own: (port: number) => object = () => ({ bind: '127.0.0.1' }),
): Promise<Redis[]> {
  const ports = await freePorts(lists.length)
  const clients: Redis[] = []
  for (const [i, list] of lists.entries()) {
    const peers = list.map((peer) => peer.replace(/\$(\d)/, (_, place) => String(ports[Number(place)])))
    const node = await createNode(
      {
        shutdownTimeout: 0,
        groups: { cache: {} },
        ...own(ports[i]),
        port: ports[i],
        cluster: { peers, announce: `127.0.0.1:${ports[i]}`, ...PATIENT },
      },
      { log },
    )
    onTestFinished(() => node.close())
    await node.listen()
    const client = new Redis(ports[i])
    onTestFinished(() => client.disconnect())
    clients.push(client)
  }
  return clients
}

async function isOneCluster(clients: readonly Redis[]): Promise<void> {
  const agrees = async (): Promise<boolean> => {
    const infos = await Promise.all(clients.map((client) => client.cluster('INFO')))
    const wanted = [`cluster_known_nodes:${clients.length}\r\n`, `cluster_size:${clients.length}\r\n`]
    if (!infos.every((info) => wanted.every((line) => String(info).includes(line)))) return false
    const tables = await Promise.all(clients.map((client) => client.cluster('SLOTS')))
    return new Set(tables.map((table) => JSON.stringify(table))).size === 1
  }
  await poll(agrees, 'one cluster')
  for (let i = 0; i < 50; i++) await clients[i % clients.length].set(`key:${i}`, i)
  for (const client of clients)
    for (let i = 0; i < 50; i++) expect(await client.get(`key:${i}`)).toBe(String(i))
  for (const client of clients) expect(await client.info('cluster')).toContain('cluster_problem:none\r\n')
}

test.each([
  ['localhost', ['localhost:$0', 'localhost:$1'], ['localhost:$0', 'localhost:$1']],
  ['localhost and the address', ['localhost:$0', 'localhost:$1'], ['127.0.0.1:$1', '127.0.0.1:$0']],
  ['another order', ['127.0.0.1:$0', '127.0.0.1:$1'], ['127.0.0.1:$1', '127.0.0.1:$0']],
  ['upper case and a trailing dot', ['LOCALHOST:$0', 'LocalHost.:$1'], ['127.0.0.1:$0', '127.0.0.1:$1']],
  ['zeros before the port', ['127.0.0.1:0$0', '127.0.0.1:00$1'], ['127.0.0.1:$0', 'localhost:0$1']],
  [
    'an IPv4 address as an IPv6 one',
    ['[::ffff:127.0.0.1]:$0', '[::ffff:7f00:1]:$1'],
    ['127.0.0.1:$0', '127.0.0.1:$1'],
  ],
  ['another address of the machine', ['127.0.0.2:$0', '127.0.0.3:$1'], ['127.0.0.1:$0', '127.0.0.4:$1']],
  [
    'each node twice',
    ['localhost:$0', '127.0.0.1:$0', '127.0.0.1:$1', 'localhost:$1'],
    ['localhost:$0', '127.0.0.1:$0'],
  ],
  [
    'IPv4 addresses with fewer parts, octal and hexadecimal',
    ['127.1:$0', '0177.0.0.1:$1'],
    ['0x7f.1:$0', '2130706433:$1'],
  ],
  ['only the other one', ['localhost:$1'], ['localhost:$0']],
])('%s', async (_, first, second) => {
  const isOpen = first.some((peer) => /^127\.0\.0\.[2-9]/.test(peer))
  await isOneCluster(
    await start([first, second], () => ({ bind: isOpen ? '0.0.0.0' : '127.0.0.1', protectedMode: false })),
  )
})

test('three nodes, one of which starts last and is known by no spelling of its own', async () => {
  const spelled = (host: string): string[] => ['$0', '$1', '$2'].map((port) => `${host}:${port}`)
  await isOneCluster(await start([spelled('localhost'), spelled('127.0.0.1'), spelled('LOCALHOST')]))
})
