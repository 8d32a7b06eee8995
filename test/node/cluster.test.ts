// The embedded API in a cluster: calls go to the owner of each key, as commands do.

import { afterEach, describe, expect, test } from 'vitest'
import { createNode, type Node, OriginError, PeerDownError } from '../../src/index.ts'
import { ownersOf, startCluster, type TestCluster } from '../support/cluster.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { freePorts } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'

let cluster: TestCluster
afterEach(() => cluster?.close())

async function start(options: Parameters<typeof startCluster>[1]): Promise<Node[]> {
  cluster = await startCluster(3, { shutdownTimeout: '10m', ...options })
  return cluster.members.map(({ node }) => node)
}

const cache = { maxBytes: '16mb' } as const
const KEYS = Array.from({ length: 30 }, (_, i) => `key:${i}`)

describe.each(['forward', 'moved'] as const)('with redirect: %s', (redirect) => {
  test('a value written on one node is read and removed on all nodes, and seen by clients', async () => {
    const nodes = await start({ groups: { cache }, cluster: { redirect } })
    const [a, b, c] = nodes
    await Promise.all(KEYS.map((key) => a.set('cache', key, `of ${key}`)))
    for (const node of nodes) {
      const values = await Promise.all(KEYS.map((key) => node.get('cache', key)))
      expect(values).toEqual(KEYS.map((key) => `of ${key}`))
    }
    if (redirect === 'forward') expect(await cluster.members[1].watcher.dbsize()).toBe(KEYS.length)
    expect(await Promise.all(KEYS.map((key) => b.delete('cache', key)))).toEqual(KEYS.map(() => true))
    expect(await Promise.all(KEYS.map((key) => c.delete('cache', key)))).toEqual(KEYS.map(() => false))
    expect(await Promise.all(KEYS.map((key) => c.get('cache', key)))).toEqual(KEYS.map(() => null))
  })
})

test('keys and values are bytes, and TTLs apply', async () => {
  const [a, b] = await start({ groups: { other: cache, cache } })
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  for (let i = 0; i < 8; i++) {
    const key = Buffer.concat([bytes, Buffer.from([i])])
    await a.set('cache', key, bytes)
    expect(await b.getBuffer('cache', key)).toEqual(bytes)
    await a.set('cache', `t${i}`, 'value', { ttl: 99_999.5 })
    const client = cluster.members[2].watcher
    await client.select(1)
    expect(await client.pttl(`t${i}`)).toBeGreaterThan(90_000)
    expect(await client.pttl(`t${i}`)).toBeLessThanOrEqual(100_000)
  }
})

test('a cold key is loaded once, whichever nodes are asked', async () => {
  const origin = new GatedOrigin()
  const nodes = await start({ groups: { scores: { ...cache, origin } } })
  const reads = nodes.flatMap((node) => Array.from({ length: 50 }, () => node.get('scores', 'Tom')))
  await origin.isAskedFor('Tom')
  origin.give('Tom', '630')
  expect(new Set(await Promise.all(reads))).toEqual(new Set(['630']))
  expect(origin.asked).toEqual(['Tom'])
})

test('a pending load delays no other call', async () => {
  const origin = new GatedOrigin()
  const nodes = await start({ groups: { scores: { ...cache, origin } } })
  const owns = await Promise.all(
    cluster.members.map(async ({ watcher }) => String(await watcher.call('EXPLAIN', 'Tom')).includes('self')),
  )
  const owner = nodes[owns.indexOf(true)]
  const other = nodes[owns.indexOf(false)]
  const read = owner.get('scores', 'Tom')
  await origin.isAskedFor('Tom')
  await owner.set('scores', 'Tom', 'written')
  await other.set('scores', 'Tom', 'written by another node')
  origin.give('Tom', 'loaded')
  expect(await read).toBe('loaded')
  for (const node of nodes) expect(await node.get('scores', 'Tom')).toBe('written by another node')
})

test('errors are the same as without a cluster', async () => {
  const origin = (): never => {
    throw new Error('is broken')
  }
  const nodes = await start({ groups: { small: { maxBytes: '16kb' }, scores: { ...cache, origin } } })
  for (const node of nodes) {
    await expect(node.get('scores', 'Tom')).rejects.toThrow(new OriginError('scores: is broken'))
    await expect(node.get('scores', 'Tom')).rejects.toBeInstanceOf(OriginError)
    await expect(node.get('nothing', 'Tom')).rejects.toThrow(
      new RangeError('there is no group "nothing", known are small, scores'),
    )
    await expect(node.set('small', 'Tom', Buffer.alloc(20_000))).rejects.toThrow(
      new RangeError(
        "the entry alone exceeds the group's budget of 16384 bytes: raise its maxBytes, or split the value",
      ),
    )
    await expect(node.set('small', 'Tom', 'x', { ttl: 0 })).rejects.toThrow(RangeError)
    await expect(node.set('small', 'Tom', 'x', { ttl: Number.POSITIVE_INFINITY })).rejects.toThrow(RangeError)
  }
})

test('a value larger than a node accepts in one request is an error', async () => {
  const [node] = await start({ groups: { cache }, protoMaxBulkLen: '1mb' })
  const large = Buffer.alloc(2 ** 20 + 1)
  await expect(node.set('cache', 'large', large)).rejects.toThrow('got 1048577 bytes, wants 1048576 at most')
  await expect(node.get('cache', large.toString())).rejects.toThrow(RangeError)
})

test('CLIENT PAUSE applies to calls too', async () => {
  const [node] = await start({ groups: { cache } })
  const client = cluster.members[0].watcher
  await client.client('PAUSE', 600_000, 'WRITE')
  let isWritten = false
  const write = node.set('cache', 'Tom', '630').then(() => {
    isWritten = true
  })
  expect(await node.get('cache', 'Tom')).toBeNull()
  expect(isWritten).toBe(false)
  await client.client('UNPAUSE')
  await write
  expect(await node.get('cache', 'Tom')).toBe('630')
})

test('calls are rejected before listen and after close', async () => {
  const [port] = await freePorts(1)
  const own = { port, bind: '127.0.0.1', groups: { cache } }
  const node = await createNode({ ...own, cluster: { peers: [`127.0.0.1:${port}`] } })
  await expect(node.get('cache', 'Tom')).rejects.toThrow('call listen() before')
  const listening = node.listen()
  await node.set('cache', 'Tom', '630')
  await listening
  expect(await node.get('cache', 'Tom')).toBe('630')
  await node.close()
  await expect(node.get('cache', 'Tom')).rejects.toThrow('the node is closed')
})

test('a call that waits for an origin when the node closes is rejected at the shutdown timeout', async () => {
  const origin = new GatedOrigin()
  const [node] = await start({ groups: { scores: { ...cache, origin } }, shutdownTimeout: 1 })
  const read = node.get('scores', 'Tom')
  const refused = expect(read).rejects.toThrow('the node is closed')
  await origin.isAskedFor('Tom')
  await node.close()
  await refused
})

test('an owner without the group is an error', async () => {
  const ports = await freePorts(2)
  const peers = ports.map((port) => `127.0.0.1:${port}`)
  const [a, b] = await Promise.all(
    ports.map((port, i) => {
      const more = i === 0 && { extra: cache }
      return createNode({ port, bind: '127.0.0.1', groups: { cache, ...more }, cluster: { peers } })
    }),
  )
  await Promise.all([a.listen(), b.listen()])
  const outcomes = await Promise.allSettled(KEYS.map((key) => a.get('extra', key)))
  const errors = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  expect(errors.length).toBeGreaterThan(0)
  for (const error of errors) {
    expect(error).toBeInstanceOf(PeerDownError)
    expect(error.message).toMatch(
      /^the owner of the key has no group of this name: configure the same groups/,
    )
  }
  await Promise.all([a.close(), b.close()])
})

test.each([1, 2, 3])('while a node closes, no write is lost and no stale value is read: %i', async (seed) => {
  const nodes = await start({ groups: { cache } })
  const random = seededRandom(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[random() % items.length]
  const model = new Map<string, string>()
  let living = nodes
  let closing: Promise<void> | undefined
  for (let i = 0; i < 600; i++) {
    if (i === 200) {
      const leaver = pick(nodes)
      living = nodes.filter((node) => node !== leaver)
      closing = leaver.close()
    }
    const node = pick(living)
    const key = pick(KEYS)
    const kind = random() % 10
    if (kind < 4) {
      await node.set('cache', key, String(i))
      model.set(key, String(i))
    } else if (kind === 4) expect(await node.delete('cache', key)).toBe(model.delete(key))
    else expect(await node.get('cache', key), `${key} at ${i}`).toBe(model.get(key) ?? null)
  }
  await closing
  for (const key of KEYS)
    for (const node of living) expect(await node.get('cache', key)).toBe(model.get(key) ?? null)
})

test('a closing node serves its own program until it is closed', async () => {
  const nodes = await start({ groups: { cache } })
  const [a, b] = nodes
  await Promise.all(KEYS.map((key) => a.set('cache', key, 'before')))
  const closing = b.close()
  const values = await Promise.all(KEYS.map((key) => b.get('cache', key)))
  expect(values).toEqual(KEYS.map(() => 'before'))
  await closing
})

test('a handover that does not end in time delays neither calls nor the last replies to clients', async () => {
  let asked = (): void => {}
  let answer = (): void => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const answered = new Promise<string>((resolve) => {
    answer = () => resolve('630')
  })
  const origin = (): Promise<string> => {
    asked()
    return answered
  }
  const groups = { cache, scores: { ...cache, origin, originTimeout: '1m' } }
  const [node] = await start({ groups, cluster: { handoverRate: '64kb' }, shutdownTimeout: 8000 })
  // Each takes 23 seconds: nothing moves for four fifths of the timeout.
  const large = 'x'.repeat(1_500_000)
  // All on the node that closes, whatever its share of the slots: with a few of them it would end in time.
  const [member] = cluster.members
  const candidates = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
  const owners = await ownersOf(member, candidates)
  const keys = candidates.filter((_, i) => owners[i] === member.port).slice(0, 10)
  await Promise.all(keys.map((key) => node.set('cache', key, large)))
  const { watcher } = member
  const closing = node.close()
  expect(await watcher.mget(keys)).toEqual(keys.map(() => large))
  await watcher.select('scores')
  const late = watcher.get('Tom')
  await isAsked
  const isUnfinished = (line: string): boolean => line.startsWith('not everything was handed over in time')
  while (!cluster.warnings.some(isUnfinished)) await new Promise(setImmediate)
  answer()
  expect(await late).toBe('630')
  await closing
  expect(cluster.warnings.filter((line) => line.startsWith('some replies'))).toEqual([])
})
