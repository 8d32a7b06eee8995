// Peers that are not trusted: another secret, clients that send peer commands, garbage on a link, another member list.

import { expect, onTestFinished, test } from 'vitest'
import { PEER_VERSION } from '../../../src/cluster/links/handshake.ts'
import { FaultyCluster } from '../../support/faulty-cluster.ts'
import { poll } from '../../support/poll.ts'
import type { Direction } from '../../support/proxy.ts'
import { RespClient } from '../../support/resp-client.ts'
import {
  agree,
  historyOf,
  keysOf,
  ownersSeen,
  PATIENT,
  someKeys,
  startFaulty,
  startMembers,
  TIMEOUT,
  work,
} from './members.ts'

async function connectTo({ port }: { readonly port: number }): Promise<RespClient> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  await client.call('SELECT', 'cache')
  return client
}

test('a node with another secret does not become a member, and the members say why', async () => {
  const cluster = await FaultyCluster.start(3, {
    config: { cluster: { timeout: TIMEOUT, secret: 'right' } },
    cluster: [{}, {}, { secret: 'wrong' }],
  })
  onTestFinished(() => cluster.close())
  const [first, second, stranger] = cluster.nodes
  await agree([first, second])
  await poll(
    () => [first, second].every(({ warnings }) => warnings.some((each) => /secret/.test(each))),
    'the warnings',
  )
  // It serves its own clients as a single node, and shares nothing with the others.
  const names = cluster.nodes.map(({ name }) => name)
  const keys = names.flatMap((name) => keysOf(name, names, 3))
  const [inside, outside] = [await connectTo(first), await connectTo(stranger)]
  for (const key of keys) expect(await inside.call('SET', key, 'inside')).toBe('OK')
  await ownersSeen(stranger, 1)
  for (const key of keys) {
    expect(await outside.call('GET', key)).toBeNull()
    expect(await outside.call('SET', key, 'outside')).toBe('OK')
    expect(await inside.call('GET', key)).toBe('inside')
  }
})

test('clients are refused peer commands, and can go on with others', async () => {
  const [node] = (await startFaulty(2, { config: { cluster: { secret: 'right' } } })).nodes
  const client = await connectTo(node)
  const state = JSON.stringify({
    name: '10.0.0.2:7000',
    runId: 'x',
    serial: 1e9,
    suspects: {},
    leaving: true,
  })
  const requests: readonly (readonly string[])[] = [
    ['STATE', state],
    ['CLAIM', JSON.stringify({ id: 1e18, epoch: 1, ask: [1], take: [1] })],
    ['CONTEXT', 'cache', '2', '2', '0'],
    ['TAKE', 'key', 'dump'],
    ['PEEK', 'key'],
    ['DONE', '1'],
    ['COPY', 'key'],
    ['EXPLAIN', 'key'],
  ]
  for (const words of requests) {
    expect(String(await client.call('PEER', ...words)), words[0]).toMatch(/NOPERM/)
  }
  const proof = 'f'.repeat(64)
  const hello = ['PEER', 'HELLO', PEER_VERSION, '10.0.0.2:7000', 'run', proof, 'nonce'] as const
  expect(String(await client.call(...hello))).toMatch(/NOPERM/)
  expect(await client.call('PEER', 'CHALLENGE')).toEqual(expect.any(String))
  expect(String(await client.call(...hello))).toMatch(/NOPERM/)
  expect(String(await client.call('PEER', 'STATE', state))).toMatch(/NOPERM/)
  expect(await client.call('SET', 'key', 'value')).toBe('OK')
  expect(await client.call('GET', 'key')).toBe('value')
})

test.each([
  ['bytes that are not RESP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['a deferral without a number', '@x\r\n'],
  ['a deferred reply to no request', '^7\r\n+OK\r\n'],
  ['an unknown push', '>1\r\n$7\r\nnothing\r\n'],
  ['a length of 40 digits', `$${'9'.repeat(40)}\r\n`],
  ['an invalid length', '*x\r\n'],
])('%s among the replies of a node closes at most that connection', async (_, garbage) => {
  await injectGarbage(garbage, 'back')
})

test.each([
  ['an argument that is not a bulk string', '*1\r\n:5\r\n'],
  ['an invalid length', '*x\r\n'],
  ['an argument of 40 digits of length', `*1\r\n$${'9'.repeat(40)}\r\n`],
])('%s among the requests of a node closes at most that connection', async (_, garbage) => {
  await injectGarbage(garbage, 'there')
})

async function injectGarbage(garbage: string, direction: Direction): Promise<void> {
  const cluster = await startFaulty(3, { config: { cluster: PATIENT } })
  const history = historyOf({ keeps: 'always' })
  const workload = work({ history, nodes: cluster.nodes, keys: someKeys(50) })
  await workload.progress(200)
  const heal = history.fault()
  cluster.link(0, 1).inject(garbage, direction)
  await workload.progress(300)
  heal()
  await agree(cluster.nodes)
  await workload.stop()
  expect(history.check()).toEqual([])
}

test('nodes with different member lists answer, and never with a wrong value', async () => {
  const nodes = await startMembers(3, {
    // The first knows all members, the others do not know each other.
    peersOf: (i, names) => (i === 0 ? names : [names[0], names[i]]),
  })
  // Nodes that do not know each other do not see each other's writes.
  const history = historyOf({ keeps: 'never', detection: Number.POSITIVE_INFINITY })
  history.fault()
  const workload = work({ history, nodes, keys: someKeys(100) })
  await workload.progress(3000)
  await workload.stop()
  expect(history.check()).toEqual([])
})
