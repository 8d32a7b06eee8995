// KEYS of a million keys, DEBUG POPULATE, or SCAN with a huge COUNT held all other clients and the heartbeats up.

import { describe, expect, onTestFinished, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { Harness, type HarnessClient } from '../support/harness.ts'
import type { Argument } from '../support/resp.ts'

/** More than a slice visits: a walk takes several turns of the event loop. */
const KEYS = 50_000

class Setup {
  readonly harness = new Harness({ cluster: { host: '127.0.0.1', port: 7000 } })
  readonly other = this.harness.connect()

  async populate(): Promise<void> {
    await this.harness.joined
    await this.harness.call('DEBUG', 'POPULATE', KEYS)
  }

  /** Runs a command, and calls `meanwhile` in each turn of the event loop until it has replied. */
  async during(command: readonly Argument[], meanwhile: () => Promise<void>): Promise<unknown> {
    let reply: unknown
    let isOver = false
    let turns = 0
    const asked = this.harness.call(...command).then((value) => {
      reply = value
      isOver = true
    })
    while (!isOver) {
      await meanwhile()
      await this.harness.settle()
      turns++
    }
    await asked
    expect(turns).toBeGreaterThan(2)
    return reply
  }
}

const nameOf = (i: number): string => `key:${i}`
const ALL = Array.from({ length: KEYS }, (_, i) => nameOf(i))

describe('other clients are answered meanwhile', () => {
  test.each([
    ['KEYS', '*'],
    ['KEYS', 'key:1*'],
    ['SCAN', '0', 'COUNT', '1000000', 'MATCH', 'nothing'],
    ['CLUSTER', 'COUNTKEYSINSLOT', '1'],
    ['DEBUG', 'POPULATE', '50000', 'more'],
  ])('%s %s', async (...command) => {
    const at = new Setup()
    await at.populate()
    await at.during(command, async () => {
      expect(await at.other.call('GET', 'key:7')).toBe('value:7')
    })
  })

  test('RANDOMKEY, where almost all keys have expired', async () => {
    const at = new Setup()
    await at.harness.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
    await Promise.all(ALL.map((key) => at.harness.call('SET', key, 'x', 'PX', '1')))
    at.harness.clock.advance(2)
    const reply = await at.during(['RANDOMKEY'], async () => {
      expect(await at.other.call('PING')).toBe('PONG')
    })
    expect(reply).toBeNull()
    await at.harness.call('SET', 'alive', 'x')
    expect(await at.harness.call('RANDOMKEY')).toBe('alive')
  })
})

test.each([
  ['KEYS', '*'],
  ['SCAN', '0', 'COUNT', '1000000'],
])('%s lists each key that is there throughout exactly once, and none twice', async (...command) => {
  const at = new Setup()
  await at.populate()
  const touched = new Set<string>()
  let turn = 0
  const reply = await at.during(command, async () => {
    // Keys go, come back, move in memory and come new, all over the keyspace.
    for (let i = turn; i < KEYS; i += 97) {
      touched.add(nameOf(i))
      await at.other.call('DEL', nameOf(i))
      if (i % 2 === 0) await at.other.call('SET', nameOf(i), 'again')
      await at.other.call('SET', `new:${turn}:${i}`, 'x'.repeat(50))
      await at.other.call('APPEND', nameOf(i + 1), 'y'.repeat(100))
    }
    turn++
  })
  const listed = (command[0] === 'KEYS' ? reply : (reply as unknown[])[1]) as string[]
  const distinct = new Set(listed)
  expect(distinct.size).toBe(listed.length)
  expect(ALL.filter((key) => !touched.has(key) && !distinct.has(key))).toEqual([])
})

test('the commands of its own connection keep their order', async () => {
  const at = new Setup()
  await at.populate()
  const { client } = at.harness
  const [keys, deleted, size, pong] = await Promise.all([
    client.call('KEYS', '*'),
    client.call('DEL', ...ALL.slice(0, 100)),
    client.call('DBSIZE'),
    client.call('PING'),
  ])
  expect(keys).toHaveLength(KEYS)
  expect([deleted, size, pong]).toEqual([100, KEYS - 100, 'PONG'])
})

test('several clients get their lists one after the other', async () => {
  const at = new Setup()
  await at.populate()
  const order: number[] = []
  const lists = [0, 1, 2].map(async (i) => {
    const keys = await at.harness.connect().call('KEYS', `*${i}`)
    order.push(i)
    return keys
  })
  expect(at.harness.host.slices.size).toBe(3)
  for (const keys of await Promise.all(lists)) expect(keys).toHaveLength(KEYS / 10)
  expect(order).toEqual([0, 1, 2])
})

test('a flush and SWAPDB meanwhile: the list is of the keys that the command has found', async () => {
  const at = new Setup()
  await at.populate()
  await at.other.call('SELECT', '1')
  let isFirst = true
  const swapped = await at.during(['KEYS', '*'], async () => {
    if (isFirst) await at.other.call('SWAPDB', '0', '1')
    isFirst = false
  })
  expect(swapped).toHaveLength(KEYS)
  await at.other.call('SWAPDB', '0', '1')
  const asked = at.harness.call('KEYS', '*')
  await at.harness.settle()
  await at.other.call('FLUSHALL')
  const left = (await asked) as string[]
  expect(left.length).toBeLessThan(KEYS)
  expect(await at.harness.call('KEYS', '*')).toEqual([])
})

test('the list of a client that has gone is not made', async () => {
  const at = new Setup()
  await at.populate()
  const gone: HarnessClient = at.harness.connect()
  void gone.call('KEYS', '*')
  void gone.call('PING').catch(() => undefined)
  gone.close(false)
  expect(await at.harness.call('KEYS', '*1')).toHaveLength(KEYS / 10)
  expect(await at.harness.call('INFO', 'commandstats')).toContain('cmdstat_keys:calls=1,')
})

test('it is one call in the statistics', async () => {
  const at = new Setup()
  await at.populate()
  await at.harness.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  await at.harness.call('KEYS', 'key:1*')
  await at.harness.call('SCAN', '0', 'COUNT', '100000')
  const stats = String(await at.harness.call('INFO', 'commandstats'))
  expect(stats).toContain('cmdstat_keys:calls=1,')
  expect(stats).toContain('cmdstat_scan:calls=1,')
  const slow = (await at.harness.call('SLOWLOG', 'GET', '10')) as unknown[][]
  expect(slow.map((entry) => (entry[3] as string[])[0])).toContain('KEYS')
})

test('in a cluster KEYS lists the keys of all nodes, for both protocols', async () => {
  const cluster = await startCluster(2)
  onTestFinished(() => cluster.close())
  const [first, second] = cluster.members
  for (let from = 0; from < KEYS; from += 1000)
    await first.watcher.mset(...ALL.slice(from, from + 1000).flatMap((key) => [key, 'x']))
  const sorted = [...ALL].sort()
  const [all, some, read] = await Promise.all([
    first.watcher.keys('*'),
    second.watcher.keys('key:1*'),
    second.watcher.get('key:1'),
  ])
  expect(all.sort()).toEqual(sorted)
  expect(some.sort()).toEqual(sorted.filter((key) => key.startsWith('key:1')))
  expect(read).toBe('x')
  const [, part] = await first.watcher.scan(0, 'COUNT', 1_000_000)
  expect(part.length).toBeGreaterThan(10_000)
})
