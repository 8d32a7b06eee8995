// Origins, freshness and invalidation in a cluster: the same results through every node.

import { describe, expect, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { type LoadFunction, loaded, type OriginResult } from '../../src/index.ts'
import { TEST_TIMEOUT_MS } from '../support/budget.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { poll } from '../support/poll.ts'

type GroupInput = NonNullable<Config['groups']>[string]

async function clusterOf(users: GroupInput, cluster: object = {}): Promise<TestCluster> {
  const nodes = await startCluster(3, { groups: { users: { maxBytes: '16mb', ...users } }, cluster })
  onTestFinished(() => nodes.close())
  return nodes
}

function ask({ members }: TestCluster, node: number, ...args: (string | number)[]): Promise<unknown> {
  return members[node].watcher.call(args[0] as string, ...args.slice(1))
}

/** The fields of EXPLAIN at a node. */
async function explain(cluster: TestCluster, node: number, key: string): Promise<Record<string, unknown>> {
  const told = (await ask(cluster, node, 'EXPLAIN', key)) as unknown[]
  return Object.fromEntries(told.flatMap((name, i) => (i % 2 === 0 ? [[name, told[i + 1]]] : [])))
}

/** A key that the first of the nodes owns. */
async function keyOfFirst(cluster: TestCluster, prefix = 'key'): Promise<string> {
  for (let i = 0; ; i++) {
    const key = `${prefix}:${i}`
    if ((await explain(cluster, 0, key)).owner === 'self') return key
  }
}

/** Resolves when a node serves a key from a copy. */
async function copied(cluster: TestCluster, node: number, key: string): Promise<void> {
  const { watcher } = cluster.members[node]
  await poll(async () => {
    await Promise.all(Array.from({ length: 100 }, () => watcher.get(key)))
    return (await explain(cluster, node, key)).source === 'copy'
  }, `a copy at ${node}`)
}

/** An origin whose values contain the number of loads so far. */
class CountingOrigin {
  asked = 0
  readonly #result: (value: string) => OriginResult

  constructor(result: (value: string) => OriginResult = (value) => value) {
    this.#result = result
  }

  readonly load: LoadFunction = async (key) => this.#result(`${key} v${++this.asked}`)
}

describe('invalidation by any node', () => {
  test.each([
    ['INVALIDATE', (key: string) => ['INVALIDATE', key]],
    ['GROUP FLUSH', () => ['GROUP', 'FLUSH', 'users']],
  ])('%s fences a load that was started through another node', async (_name, command) => {
    const loads: ((value: string) => void)[] = []
    const cluster = await clusterOf({ origin: () => new Promise((resolve) => loads.push(resolve)) })
    const key = await keyOfFirst(cluster)
    const before = ask(cluster, 1, 'GET', key)
    await poll(() => loads.length === 1, 'a load')
    await ask(cluster, 2, ...command(key))
    const after = ask(cluster, 2, 'GET', key)
    await poll(() => loads.length === 2, 'a second load')
    loads[1]('new')
    expect(await after).toBe('new')
    loads[0]('old')
    expect(await before).toBe('old')
    expect(await ask(cluster, 1, 'GET', key)).toBe('new')
    expect(loads).toHaveLength(2)
  })

  test('INVALIDATE TAG applies to a value that is being loaded', async () => {
    let give: (result: OriginResult) => void = () => undefined
    let asked = 0
    const cluster = await clusterOf({
      origin: () => {
        asked++
        return new Promise((resolve) => {
          give = resolve
        })
      },
    })
    const key = await keyOfFirst(cluster)
    const before = ask(cluster, 1, 'GET', key)
    await poll(() => asked === 1, 'a load')
    expect(await ask(cluster, 2, 'INVALIDATE', 'TAG', 'red')).toBe('OK')
    give(loaded('old', { tags: ['red'] }))
    expect(await before).toBe('old')
    const after = ask(cluster, 1, 'GET', key)
    await poll(() => asked === 2, 'a second load')
    give(loaded('new', { tags: ['red'] }))
    expect(await after).toBe('new')
  })

  test('neither waits for loads of other keys nor delays other commands', async () => {
    const origin = new GatedOrigin()
    const cluster = await clusterOf({ origin: origin.load })
    const slow = await keyOfFirst(cluster, 'slow')
    const key = await keyOfFirst(cluster)
    const loading = ask(cluster, 1, 'GET', slow)
    await origin.isAskedFor(slow)
    const other = cluster.members[1].watcher.duplicate()
    onTestFinished(() => other.disconnect())
    expect(await other.call('INVALIDATE', 'KEY', key, `{${slow}}`)).toBe(0)
    expect(await other.call('SET', key, 'x')).toBe('OK')
    expect(await other.call('INVALIDATE', 'TAG', 'red')).toBe('OK')
    origin.give(slow, 'at last')
    expect(await loading).toBe('at last')
  })

  test.each([
    ['INVALIDATE', (key: string) => ['INVALIDATE', key]],
    ['INVALIDATE TAG', () => ['INVALIDATE', 'TAG', 'red']],
    ['GROUP FLUSH', () => ['GROUP', 'FLUSH']],
  ])('%s drops hot copies', async (_name, command) => {
    const origin = new CountingOrigin((value) => loaded(value, { tags: ['red'] }))
    const cluster = await clusterOf({ origin: origin.load }, { copyMaxAge: '60s', timeout: '60s' })
    const key = await keyOfFirst(cluster)
    expect(await ask(cluster, 0, 'GET', key)).toBe(`${key} v1`)
    await copied(cluster, 1, key)
    await copied(cluster, 2, key)
    expect(origin.asked).toBe(1)
    await ask(cluster, 2, ...command(key))
    // The notice to the holders of copies may arrive after the reply.
    await poll(async () => (await ask(cluster, 1, 'GET', key)) === `${key} v2`, 'the new version')
    expect(await ask(cluster, 2, 'GET', key)).toBe(`${key} v2`)
    expect(origin.asked).toBe(2)
  })
})

describe('freshness', () => {
  test('any node serves a stale value at once, and it is loaded once for the whole cluster', async () => {
    const origin = new GatedOrigin()
    const cluster = await clusterOf({
      origin: origin.load,
      ttl: '50ms',
      jitter: 0,
      staleWhileRevalidate: '60s',
    })
    const key = await keyOfFirst(cluster)
    const first = ask(cluster, 1, 'GET', key)
    await origin.isAskedFor(key)
    origin.give(key, 'v1')
    expect(await first).toBe('v1')
    await poll(async () => (await explain(cluster, 2, key)).state === 'stale', 'a stale value')
    const reads = [0, 1, 2, 1, 2].map((node) => ask(cluster, node, 'GET', key))
    expect(await Promise.all(reads)).toEqual(['v1', 'v1', 'v1', 'v1', 'v1'])
    expect(await explain(cluster, 1, key)).toMatchObject({ state: 'stale', flight: 'loading', waiters: 0 })
    expect(origin.asked).toEqual([key, key])
    origin.give(key, 'v2')
    await poll(async () => (await ask(cluster, 2, 'GET', key)) === 'v2', 'the new version')
  })

  test('any node serves a stale value whose load fails, and a read-modify-write fails', async () => {
    let isDown = false
    const origin: LoadFunction = async () => {
      if (isDown) throw new Error('down')
      return '7'
    }
    const cluster = await clusterOf({ origin, ttl: '20ms', jitter: 0, staleIfError: '60s', breakAfter: 3 })
    const key = await keyOfFirst(cluster)
    expect(await ask(cluster, 1, 'GET', key)).toBe('7')
    isDown = true
    await poll(async () => (await explain(cluster, 1, key)).state === 'stale', 'a stale value')
    for (let i = 0; i < 6; i++) expect(await ask(cluster, i % 3, 'GET', key)).toBe('7')
    await expect(ask(cluster, 2, 'INCR', key)).rejects.toThrow(
      /^ORIGIN users: circuit breaker (open|half-open)/,
    )
    expect(await explain(cluster, 2, key)).toMatchObject({
      state: 'stale',
      owner: expect.stringMatching(/^127/),
    })
  })

  test('a hot copy expires with its value', async () => {
    const ttl = 300
    const origin = new CountingOrigin()
    const cluster = await clusterOf({ origin: origin.load, ttl, jitter: 0 })
    const key = await keyOfFirst(cluster)
    const { watcher } = cluster.members[1]
    /** By version: when it was first seen. It was loaded before that. */
    const seen = new Map<number, number>()
    let copies = 0
    await poll(async () => {
      const asked = performance.now()
      const values = await Promise.all(Array.from({ length: 50 }, () => watcher.get(key)))
      for (const value of values) {
        const version = Number(value?.split(' v')[1])
        if (!seen.has(version)) seen.set(version, performance.now())
        expect(asked - (seen.get(version) ?? 0)).toBeLessThanOrEqual(ttl + 2)
      }
      if ((await explain(cluster, 1, key)).source === 'copy') copies++
      return origin.asked >= 4 && copies > 0
    }, 'four versions, and copies')
  })

  test('a stale value is not copied', async () => {
    const origin = new GatedOrigin()
    const cluster = await clusterOf(
      { origin: origin.load, ttl: '20ms', jitter: 0, staleWhileRevalidate: '60s' },
      { copyMaxAge: '60s', timeout: '60s' },
    )
    const key = await keyOfFirst(cluster)
    const first = ask(cluster, 1, 'GET', key)
    await origin.isAskedFor(key)
    origin.give(key, 'v1')
    await first
    await poll(async () => (await explain(cluster, 1, key)).state === 'stale', 'a stale value')
    const { watcher } = cluster.members[1]
    for (let i = 0; i < 20; i++) {
      const values = await Promise.all(Array.from({ length: 50 }, () => watcher.get(key)))
      expect(new Set(values)).toEqual(new Set(['v1']))
      expect((await explain(cluster, 1, key)).source).toBe('peer')
    }
    expect(await ask(cluster, 0, 'INFO', 'commandstats')).toContain('cmdstat_peer|copy:')
    origin.give(key, 'v2')
    await poll(async () => (await watcher.get(key)) === 'v2', 'the new version')
  })

  test('an absent key is cached for all nodes, for the TTL that the origin gives', async () => {
    const origin = new CountingOrigin(() => loaded(null, { ttl: 60_000, tags: ['red'] }))
    const cluster = await clusterOf({ origin: origin.load, negativeTtl: 0 })
    const key = await keyOfFirst(cluster)
    for (const node of [1, 2, 0, 1]) expect(await ask(cluster, node, 'GET', key)).toBe(null)
    expect(origin.asked).toBe(1)
    const told = await explain(cluster, 2, key)
    expect(told).toMatchObject({ state: 'absent', source: 'peer', 'owner-source': 'absence', tags: 1 })
    expect(Number(told['ttl-ms'])).toBeGreaterThan(50_000)
    await ask(cluster, 2, 'INVALIDATE', 'TAG', 'red')
    expect(await explain(cluster, 1, key)).toMatchObject({ state: 'none', tags: 0 })
    expect(await ask(cluster, 1, 'GET', key)).toBe(null)
    expect(origin.asked).toBe(2)
  })

  test('a value is refreshed ahead of its expiry', async () => {
    const gate = new GatedOrigin()
    const origin = new CountingOrigin((value) => loaded(value, { ttl: 60_000 }))
    const load: LoadFunction = async (...args) => {
      if (origin.asked === 0) await gate.load(...args)
      return origin.load(...args)
    }
    const cluster = await clusterOf({ origin: load, refreshAhead: 100 })
    const key = await keyOfFirst(cluster)
    const first = ask(cluster, 1, 'GET', key)
    await gate.isAskedFor(key)
    // A load of 0.3 s times the largest β: a refresh is expected half a minute ahead, and likely at any read before.
    await poll(async () => Number((await explain(cluster, 0, key))['flight-ms']) >= 300, 'a load of 0.3 s')
    gate.give(key, null)
    expect(await first).toBe(`${key} v1`)
    const told = await explain(cluster, 2, key)
    expect(told).toMatchObject({ state: 'fresh', 'owner-source': 'memory' })
    expect(Number(told['next-refresh-ms'])).toBeLessThanOrEqual(31_000)
    await poll(async () => (await ask(cluster, 2, 'GET', key)) !== `${key} v1`, 'the next version')
  })

  test('EXPLAIN answers the same at every node', async () => {
    // Longer than a test may take.
    const TTL = 24 * 3_600_000
    const origin = new CountingOrigin((value) => loaded(value, { ttl: TTL, tags: ['red', 'blue'] }))
    const cluster = await clusterOf({ origin: origin.load })
    const key = await keyOfFirst(cluster)
    expect(await ask(cluster, 1, 'GET', key)).toBe(`${key} v1`)
    const told = await Promise.all([0, 1, 2].map((node) => explain(cluster, node, key)))
    for (const each of told) {
      expect(each).toMatchObject({
        state: 'fresh',
        type: 'string',
        tags: 2,
        flight: 'none',
        slot: told[0].slot,
      })
      expect(each['load-ms']).toBe(told[0]['load-ms'])
      for (const field of ['ttl-ms', 'next-refresh-ms']) {
        expect(Number(each[field])).toBeLessThanOrEqual(TTL)
        expect(Number(each[field])).toBeGreaterThan(TTL - TEST_TIMEOUT_MS)
      }
      expect(Number(each['age-ms'])).toBeLessThan(TEST_TIMEOUT_MS)
    }
    expect([told[0].owner, told[1].owner]).toEqual(['self', told[2].owner])
  })
})

describe('batches', () => {
  const KEYS = Array.from({ length: 1000 }, (_, i) => `cold:${i}`)

  /** Records which keys were loaded together; the load of one key fails. */
  class BatchOrigin {
    readonly calls: (readonly string[])[] = []
    readonly kind = 'batched'

    async load(key: string): Promise<OriginResult> {
      const [result] = await this.loadMany([key])
      if (result instanceof Error) throw result
      return result
    }

    async loadMany(keys: readonly string[]): Promise<(OriginResult | Error)[]> {
      this.calls.push(keys)
      return keys.map((key) => (key === 'cold:poisoned' ? new Error('poisoned') : `value of ${key}`))
    }
  }

  test.each([1, 3])(
    'MGET of 1,000 cold keys at one of %i nodes loads each once, in batches of 100',
    async (count) => {
      const origin = new BatchOrigin()
      const cluster = await startCluster(count, { groups: { users: { maxBytes: '16mb', origin } } })
      onTestFinished(() => cluster.close())
      const owned = await Promise.all(KEYS.map(async (key) => (await explain(cluster, 0, key)).owner))
      const owners = [...new Set(owned)]
      expect(owners).toHaveLength(count)
      const sum = owners.reduce<number>(
        (calls, owner) => calls + Math.ceil(owned.filter((each) => each === owner).length / 100),
        0,
      )
      expect(await cluster.members[0].watcher.mget(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`))
      expect(origin.calls.length).toBeLessThanOrEqual(sum)
      expect(new Set(origin.calls.flat()).size).toBe(1000)
      expect(origin.calls.flat()).toHaveLength(1000)
      expect(Math.max(...origin.calls.map(({ length }) => length))).toBe(100)
    },
  )

  test('the error of one key does not fail the other keys of its batch', async () => {
    const origin = new BatchOrigin()
    const cluster = await clusterOf({ origin })
    const { watcher } = cluster.members[1]
    const keys = [...KEYS.slice(0, 50), 'cold:poisoned', ...KEYS.slice(50, 100)]
    const answers = await Promise.all(
      keys.map((key) => watcher.get(key).catch((error: Error) => error.message)),
    )
    expect(answers).toEqual(
      keys.map((key) => (key === 'cold:poisoned' ? 'ORIGIN users: poisoned' : `value of ${key}`)),
    )
    expect(origin.calls.length).toBeLessThan(30)
    await expect(watcher.mget(keys)).rejects.toThrow('ORIGIN users: poisoned')
    expect(await watcher.mget(KEYS.slice(0, 100))).toHaveLength(100)
    // The other values were stored.
    expect(origin.calls.flat().filter((key) => key !== 'cold:poisoned')).toHaveLength(100)
  })
})
