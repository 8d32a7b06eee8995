// Slots that move while their keys are written: the origin and every node end with the last write of each key.

import { afterEach, describe, expect, test } from 'vitest'
import type { WriteMode } from '../../src/group/writes/writes.ts'
import { ownersOf, startCluster, type TestCluster, type TestMember } from '../support/cluster.ts'
import { PausableSource } from '../support/pausable-source.ts'
import { seededRandom } from '../support/random.ts'

let cluster: TestCluster
afterEach(() => cluster?.close())

const KEYS = Array.from({ length: 24 }, (_, i) => `key:${i}`)

function start(write: WriteMode, source: PausableSource, starts: number): Promise<TestCluster> {
  return startCluster(3, {
    groups: { users: { origin: source, write, originTimeout: 0 } },
    starts,
    shutdownTimeout: '10m',
    // A copy may lag behind a write; here every node must see every write at once.
    cluster: { copies: 0 },
  })
}

/** Through the embedded API: a Redis client would wait for these replies before those to its reads. */
function setAll({ node }: TestMember, value: string): Promise<unknown> {
  return Promise.all(KEYS.map((key) => node.set('users', key, value)))
}

async function expectAll(value: string): Promise<void> {
  for (const { watcher } of cluster.members) expect(await watcher.mget(KEYS)).toEqual(KEYS.map(() => value))
}

/** Resolves when no node has pending writes. */
async function allWritten(): Promise<void> {
  for (const { watcher } of cluster.members) while (!(await watcher.info()).includes('writes_pending=0,'));
}

/** How many slots a node owns. */
async function share({ slots, port }: TestMember): Promise<number> {
  const ranges = (await slots()).filter(([, , [, owner]]) => Number(owner) === port)
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
}

/** By node: the keys that it owns. What it says of the others is where it sends requests to. */
function owned(): Promise<string[][]> {
  return Promise.all(
    cluster.members.map(async (member) => {
      const owners = await ownersOf(member, KEYS)
      return KEYS.filter((_, i) => owners[i] === member.port)
    }),
  )
}

/** By key: the values that the origin received, in order. */
function writesByKey(source: PausableSource): string[][] {
  return KEYS.map((key) => source.history.filter(([name]) => name === key).map(([, value]) => String(value)))
}

describe.each(['through', 'behind'] as const)('write %s', (write) => {
  test('a joining node gets a slot only after the pending writes in it have reached the origin', async () => {
    const source = new PausableSource()
    cluster = await start(write, source, 2)
    await setAll(cluster.members[0], 'old')
    await allWritten()
    source.pause()
    const sent = setAll(cluster.members[1], 'new')
    await (write === 'behind' ? sent : source.reached(KEYS.length))
    const before = await owned()
    expect(before.flat().sort()).toEqual([...KEYS].sort())
    const newcomer = await cluster.start()
    while ((await share(newcomer)) < 1000);
    // It owns only slots without pending writes.
    expect(await owned()).toEqual([...before, []])
    if (write === 'behind') await expectAll('new')
    const again = setAll(newcomer, 'newer')
    source.resume()
    await Promise.all([sent, again])
    await expectAll('newer')
    await cluster.agreed()
    await expectAll('newer')
    await allWritten()
    for (const values of writesByKey(source))
      expect(values.filter((value, i) => value !== values[i - 1])).toEqual([...new Set(values)])
    expect([...source.values.values()]).toEqual(KEYS.map(() => 'newer'))
  })

  test('a leaving node keeps a slot until the pending writes in it have reached the origin', async () => {
    const source = new PausableSource()
    cluster = await start(write, source, 3)
    await setAll(cluster.members[0], 'old')
    await allWritten()
    source.pause()
    const sent = setAll(cluster.members[1], 'new')
    await (write === 'behind' ? sent : source.reached(KEYS.length))
    const [leaver] = cluster.members
    const before = await owned()
    expect(before.flat().sort()).toEqual([...KEYS].sort())
    const drained = leaver.watcher.duplicate().call('CLUSTER', 'DRAIN')
    while ((await share(leaver)) > KEYS.length);
    expect(await owned()).toEqual(before)
    if (write === 'behind') await expectAll('new')
    source.resume()
    await sent
    expect(await drained).toBe('OK')
    expect(await share(leaver)).toBe(0)
    await expectAll('new')
    await setAll(cluster.members[2], 'newer')
    await expectAll('newer')
    await allWritten()
    expect([...source.values.values()]).toEqual(KEYS.map(() => 'newer'))
  })

  test('while nodes join and leave, reads see every acknowledged write, and the origin ends with the last', async () => {
    const source = new PausableSource()
    cluster = await start(write, source, 2)
    const random = seededRandom(1)
    let isOver = false
    // Writes to the origin complete in bursts.
    const bursts = (async () => {
      while (!isOver) {
        source.pause()
        for (let i = random() % 20; i > 0; i--) await new Promise(setImmediate)
        source.resume()
        for (let i = random() % 20; i > 0; i--) await new Promise(setImmediate)
      }
    })()
    const anyone = (): TestMember => cluster.members[random() % cluster.members.length]
    const writers = KEYS.slice(0, 8).map(async (key) => {
      let last = 0
      while (!isOver) {
        await anyone().node.set('users', key, String(++last))
        expect(Number(await anyone().watcher.get(key))).toBe(last)
      }
      return last
    })
    await cluster.start()
    await cluster.agreed()
    expect(await cluster.members[0].watcher.duplicate().call('CLUSTER', 'DRAIN')).toBe('OK')
    isOver = true
    await bursts
    source.resume()
    const lasts = await Promise.all(writers)
    await allWritten()
    expect(KEYS.slice(0, 8).map((key) => Number(source.values.get(key)))).toEqual(lasts)
    for (const values of writesByKey(source).slice(0, 8))
      expect(values).toEqual([...values].sort((a, b) => Number(a) - Number(b)))
  })
})
