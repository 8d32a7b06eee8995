// Blocking commands in a cluster: a client of any node waits at the owner of its keys.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { ownersOf, startCluster, type TestCluster, type TestMember } from '../../support/cluster.ts'
import { poll } from '../../support/poll.ts'

let cluster: TestCluster | undefined
const clients: Redis[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await cluster?.close()
  cluster = undefined
})

function connect({ port }: TestMember): Redis {
  const client = new Redis(port, { retryStrategy: null })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

/** A key whose owner is the node with this index. */
async function keyOf({ members }: TestCluster, index: number): Promise<string> {
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`)
  const owners = await ownersOf(members[0], keys)
  return keys[owners.indexOf(members[index].port)]
}

/** Resolves when `count` commands wait on a node. */
async function waiting({ watcher }: TestMember, count: number): Promise<void> {
  await poll(
    async () => (await watcher.info('clients')).includes(`waiting_commands:${count}\r`),
    `${count} waiting commands`,
  )
}

test('clients of all nodes are served in the order in which they came, and block no other client', async () => {
  cluster = await startCluster(3)
  const { members } = cluster
  const key = await keyOf(cluster, 1)
  const popped: string[] = []
  for (const [i, member] of [members[0], members[2], members[1], members[0]].entries()) {
    void connect(member)
      .blpop(key, 0)
      .then((reply) => popped.push(`${i} ${reply?.[1]}`))
    await waiting(members[1], i + 1)
  }
  // The same link, and the same key.
  expect(await connect(members[0]).llen(key)).toBe(0)
  expect(await connect(members[2]).rpush(key, 'a', 'b', 'c')).toBe(3)
  await poll(() => popped.length === 3, 'three replies')
  expect(await connect(members[0]).rpush(key, 'd', 'e')).toBe(2)
  await poll(() => popped.length === 4, 'the last reply')
  expect(popped.sort()).toEqual(['0 a', '1 b', '2 c', '3 d'])
  expect(await connect(members[0]).lrange(key, 0, -1)).toEqual(['e'])
})

test('the time ends at the owner, and later commands of the client wait until then', async () => {
  cluster = await startCluster(2)
  const { members } = cluster
  const client = connect(members[0])
  const key = await keyOf(cluster, 1)
  const order: string[] = []
  const popped = client.blpop(key, 0.05).then((reply) => order.push(`popped ${reply}`))
  const pinged = client.ping().then(() => order.push('pinged'))
  await Promise.all([popped, pinged])
  expect(order).toEqual(['popped null', 'pinged'])
  await waiting(members[1], 0)
})

test('CLIENT UNBLOCK, and the end of the connection, end the wait at the owner', async () => {
  cluster = await startCluster(2)
  const { members } = cluster
  const key = await keyOf(cluster, 1)
  const [a, b, c] = [connect(members[0]), connect(members[0]), connect(members[0])]
  const ids = await Promise.all([a, b].map((client) => client.client('ID')))
  const timedOut = a.blpop(key, 0)
  const failed = b.brpoplpush(key, key, 0).catch((error: Error) => error.message)
  void c.blpop(key, 0).catch(() => undefined)
  await waiting(members[1], 3)
  const other = connect(members[0])
  expect(await other.client('UNBLOCK', ids[0])).toBe(1)
  expect(await other.client('UNBLOCK', ids[1], 'ERROR')).toBe(1)
  expect(await timedOut).toBe(null)
  expect(await failed).toBe('UNBLOCKED client unblocked via CLIENT UNBLOCK')
  c.disconnect()
  await waiting(members[1], 0)
  expect(await other.rpush(key, 'x')).toBe(1)
  expect(await other.llen(key)).toBe(1)
})

test('a client waits on at the new owner when the owner leaves, wherever it is connected', async () => {
  cluster = await startCluster(3)
  const { members } = cluster
  const key = await keyOf(cluster, 2)
  const popped = [connect(members[0]).blpop(key, 0), connect(members[1]).blpop(key, 0)]
  await waiting(members[2], 2)
  await members[2].close()
  const rest = members.slice(0, 2)
  await cluster.agreed(0, 1)
  await poll(async () => {
    const infos = await Promise.all(rest.map(({ watcher }) => watcher.info('clients')))
    return infos.some((info) => info.includes('waiting_commands:2'))
  }, 'both to wait again')
  await connect(members[0]).rpush(key, 'x', 'y')
  expect((await Promise.all(popped)).map((reply) => reply?.[1]).sort()).toEqual(['x', 'y'])
})

test('a client waits on at the new owner when its slot moves to another node', async () => {
  cluster = await startCluster(2, { starts: 1 })
  const [first] = cluster.members
  // One of so many keys gets another owner.
  const keys = Array.from({ length: 20 }, (_, i) => `key:${i}`)
  const popped = keys.map((key) => connect(first).blpop(key, 0))
  await waiting(first, keys.length)
  const second = await cluster.start()
  await cluster.agreed()
  await poll(async () => /waiting_commands:[1-9]/.test(await second.watcher.info('clients')), 'some to move')
  const client = connect(second)
  await Promise.all(keys.map((key) => client.rpush(key, key)))
  expect((await Promise.all(popped)).map((reply) => reply?.[1])).toEqual(keys)
})
