// Commands that wait while their slots move: they wait for the rest of their time, and for what they waited for.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { startCluster, type TestCluster, type TestMember } from '../../support/cluster.ts'
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

async function waitingCommands({ watcher }: TestMember): Promise<number> {
  return Number(/waiting_commands:(\d+)/.exec(await watcher.info('clients'))?.[1])
}

const KEYS: readonly string[] = Array.from({ length: 30 }, (_, i) => `key:${i}`)

test.each([0, 1])('XREAD with $ gets what is added after it has begun, at node %i', async (at) => {
  cluster = await startCluster(3, { starts: 2 })
  const { members } = cluster
  const writer = connect(members[0])
  for (const key of KEYS) await writer.xadd(key, '1-1', 'n', 'before')
  const reads = KEYS.map((key) => connect(members[at]).xread('BLOCK', 0, 'STREAMS', key, '$'))
  await poll(async () => {
    const counts = await Promise.all(members.slice(0, 2).map(waitingCommands))
    return counts[0] + counts[1] === KEYS.length
  }, 'all to wait')
  // A third node takes over some, while entries are added.
  const starting = cluster.start()
  for (const key of KEYS) await writer.xadd(key, '2-1', 'n', 'after')
  await starting
  await cluster.agreed()
  for (const [i, key] of KEYS.entries()) expect(await reads[i]).toEqual([[key, [['2-1', ['n', 'after']]]]])
})

test('a command that continues at another node waits for the rest of its timeout', async () => {
  cluster = await startCluster(2, { starts: 1 })
  const [first] = cluster.members
  const lists = KEYS.map((key) => connect(first).blpop(key, 3600))
  const streams = KEYS.map((key) => connect(first).xread('BLOCK', 3_600_000, 'STREAMS', `s${key}`, '$'))
  await poll(async () => (await waitingCommands(first)) === 2 * KEYS.length, 'all to wait')
  const second = await cluster.start()
  await cluster.agreed()
  await poll(async () => (await waitingCommands(second)) > 0, 'some to move')
  // Back again. The arguments are in the slow log when a command ends.
  await second.node.close()
  await cluster.agreed(0)
  await poll(async () => (await waitingCommands(first)) === 2 * KEYS.length, 'all to wait here again')
  await first.watcher.config('SET', 'slowlog-log-slower-than', 0)
  await first.watcher.config('SET', 'slowlog-max-len', 1000)
  const writer = connect(first)
  for (const key of KEYS) {
    await writer.rpush(key, 'x')
    await writer.xadd(`s${key}`, '1-1', 'n', 'x')
  }
  await Promise.all([...lists, ...streams])
  const log = (await first.watcher.slowlog('GET', 1000)) as [number, number, number, string[]][]
  const times = log
    .map(([, , , args]) => args)
    .flatMap(([name, ...args]) => {
      if (name.toUpperCase() === 'BLPOP') return [Number(args[1]) * 1000]
      return name.toUpperCase() === 'XREAD' ? [Number(args[1])] : []
    })
  expect(times).toHaveLength(2 * KEYS.length)
  for (const ms of times) expect(ms).toBeLessThanOrEqual(3_600_000)
  // Those that have moved have waited before.
  expect(times.filter((ms) => ms < 3_600_000).length).toBeGreaterThan(0)
  for (const read of await Promise.all(streams)) expect(read?.[0][1]).toEqual([['1-1', ['n', 'x']]])
})
