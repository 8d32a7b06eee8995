// The embedded API: on a single node without a listener, and on any node of a cluster.

import { describe, expect, onTestFinished, test } from 'vitest'
import { type Config, createNode, type Explanation, loaded, type Node } from '../../src/index.ts'
import { startCluster } from '../support/cluster.ts'

const KEYS = Array.from({ length: 30 }, (_, i) => `key:${i}`)
const BINARY = Uint8Array.of(0, 255, 13, 10)

async function alone(groups: Config['groups']): Promise<Node[]> {
  const node = await createNode({ groups })
  onTestFinished(() => node.close())
  return [node]
}

async function three(redirect: 'forward' | 'moved', groups: Config['groups']): Promise<Node[]> {
  const cluster = await startCluster(3, { groups, cluster: { redirect } })
  onTestFinished(() => cluster.close())
  return cluster.members.map(({ node }) => node)
}

const cache = { maxBytes: '4mb' } as const
/** Without negative caching, so that every read of an absent key is a load. */
const scores = { ...cache, ttl: '1h', negativeTtl: 0 } as const

describe.each([
  ['one node', alone],
  ['three nodes', three.bind(null, 'forward')],
  ['three nodes that redirect clients', three.bind(null, 'moved')],
] as const)('%s', (_name, start) => {
  test('keys are text or bytes in every method', async () => {
    for (const node of await start({ cache })) {
      for (const key of [BINARY, Buffer.from('Tom')]) {
        await node.set('cache', key, 'value')
        expect(await node.get('cache', key)).toBe('value')
        expect(await node.getBuffer('cache', key)).toEqual(Buffer.from('value'))
        expect(await node.getMany('cache', [key, 'none'])).toEqual(['value', null])
        expect((await node.explain('cache', key)).group).toBe('cache')
        expect(await node.invalidate('cache', key, 'none')).toBe(1)
        await node.set('cache', key, 'value')
        expect(await node.delete('cache', key)).toBe(true)
        expect(await node.get('cache', key)).toBeNull()
      }
      await node.set('cache', Buffer.from('Tom'), 'as bytes')
      expect(await node.get('cache', 'Tom')).toBe('as bytes')
    }
  })

  test('getMany: in the order of the keys, repeated keys and absent ones too', async () => {
    const nodes = await start({ cache })
    await Promise.all(KEYS.map((key) => nodes[0].set('cache', key, `of ${key}`)))
    const asked = [...KEYS].reverse().concat('none', KEYS[0], KEYS[0])
    const expected = asked.map((key) => (key === 'none' ? null : `of ${key}`))
    for (const node of nodes) {
      expect(await node.getMany('cache', asked)).toEqual(expected)
      const buffers = await node.getManyBuffers('cache', asked)
      expect(buffers.map((value) => value?.toString() ?? null)).toEqual(expected)
      expect(await node.getMany('cache', [])).toEqual([])
    }
  })

  test('getMany: misses are loaded together, each once', async () => {
    const batches: (readonly string[])[] = []
    const origin = {
      load: (key: string) => `of ${key}`,
      loadMany: (keys: readonly string[]) => {
        batches.push(keys)
        return keys.map((key) => `of ${key}`)
      },
    }
    const nodes = await start({ scores: { ...scores, origin } })
    expect(await nodes[0].getMany('scores', KEYS)).toEqual(KEYS.map((key) => `of ${key}`))
    // One batch for each owner.
    expect(batches.length).toBeLessThanOrEqual(nodes.length)
    expect(batches.flat().length).toBeGreaterThanOrEqual(KEYS.length - nodes.length)
    const asked = batches.length
    for (const node of nodes)
      expect(await node.getMany('scores', KEYS)).toEqual(KEYS.map((key) => `of ${key}`))
    expect(batches).toHaveLength(asked)
  })

  test('getMany fails when one load does', async () => {
    const origin = (key: string): string => {
      if (key === KEYS[3]) throw new Error('is broken')
      return key
    }
    for (const node of await start({ scores: { ...scores, origin } }))
      await expect(node.getMany('scores', KEYS)).rejects.toThrow('scores: is broken')
  })

  test('invalidate: the next read loads', async () => {
    let version = 1
    const nodes = await start({ scores: { ...scores, origin: (key) => `${key} ${version}` } })
    for (const node of nodes) {
      await node.getMany('scores', KEYS)
      version++
      expect(await node.invalidate('scores', ...KEYS, 'none')).toBe(KEYS.length)
      for (const each of nodes)
        expect(await each.getMany('scores', KEYS)).toEqual(KEYS.map((key) => `${key} ${version}`))
      expect(await node.invalidate('scores')).toBe(0)
    }
  })

  test('invalidateTag: the next reads of entries with the tag load, on all nodes', async () => {
    let version = 1
    const origin = (key: string) =>
      loaded(`${key} ${version}`, { tags: [key === 'key:0' ? 'other' : 'team'] })
    const nodes = await start({ scores: { ...scores, origin } })
    for (const node of nodes) {
      await node.getMany('scores', KEYS)
      const [before] = await node.getMany('scores', ['key:0'])
      version++
      await node.invalidateTag('scores', Buffer.from('team'))
      for (const each of nodes) {
        const [first, ...rest] = await each.getMany('scores', KEYS)
        expect(first).toBe(before)
        expect(rest).toEqual(KEYS.slice(1).map((key) => `${key} ${version}`))
      }
    }
  })

  test('flush: one group, or all', async () => {
    const nodes = await start({ a: cache, b: cache })
    const count = async (group: string): Promise<number> => {
      const stats = await Promise.all(nodes.map((node) => node.stats(group)))
      return stats.reduce((sum, { keys }) => sum + keys, 0)
    }
    for (const node of nodes) {
      for (const group of ['a', 'b']) await Promise.all(KEYS.map((key) => node.set(group, key, 'x')))
      expect([await count('a'), await count('b')]).toEqual([KEYS.length, KEYS.length])
      await node.flush('a')
      expect([await count('a'), await count('b')]).toEqual([0, KEYS.length])
      await node.flush()
      expect(await count('b')).toBe(0)
    }
  })

  test('explain: where a read is answered, without loading', async () => {
    let loads = 0
    const origin = (): string => {
      loads++
      return '630'
    }
    const nodes = await start({ scores: { ...scores, origin } })
    const explain = (): Promise<Explanation[]> =>
      Promise.all(nodes.map((node) => node.explain('scores', 'Tom')))
    const sources = (all: Explanation[]): unknown[] =>
      all.map(({ source, ownerSource }) => (source === 'peer' ? ownerSource : source))
    expect(sources(await explain())).toEqual(nodes.map(() => 'origin'))
    expect(loads).toBe(0)
    await nodes[0].get('scores', 'Tom')
    const after = await explain()
    expect(sources(after)).toEqual(nodes.map(() => 'memory'))
    expect(after.filter(({ owner }) => owner === 'self')).toHaveLength(1)
    for (const each of after) {
      expect(each).toMatchObject({
        group: 'scores',
        state: 'fresh',
        type: 'string',
        flight: 'none',
        waiters: 0,
      })
      expect(each.ttlMs).toBeGreaterThan(0)
      expect(each.slot).toBe(after[0].slot)
      expect(typeof each.ageMs).toBe('number')
    }
  })

  test('arguments of wrong types, and unknown groups', async () => {
    const bad = (value: unknown): never => value as never
    for (const node of await start({ cache })) {
      const key = 'wants a string or bytes (a Uint8Array)'
      const calls: [Promise<unknown>, string][] = [
        [node.get('cache', bad(1)), `got a number for the key, ${key}`],
        [node.getBuffer('cache', bad(undefined)), `got undefined for the key, ${key}`],
        [node.getMany('cache', bad('Tom')), 'got a string for the keys, wants an array'],
        [node.getManyBuffers('cache', bad(['Tom', null])), `got null for a key, ${key}`],
        [node.set('cache', 'Tom', bad({})), `got an object for the value, ${key}`],
        [node.set('cache', 'Tom', 'x', bad(null)), 'got null for the options, wants an object'],
        [node.set('cache', 'Tom', 'x', { ttl: bad('5m') }), 'got a string for the ttl, wants milliseconds'],
        [node.delete('cache', bad(true)), `got a boolean for the key, ${key}`],
        [node.invalidate('cache', bad(['Tom'])), `got an array for a key, ${key}`],
        [node.invalidateTag('cache', bad(undefined)), `got undefined for the tag, ${key}`],
        [node.explain('cache', bad(Symbol('Tom'))), `got a symbol for the key, ${key}`],
        [node.stats(bad(0)), 'got a number for the group, wants its name'],
        [node.flush(bad(null)), 'got null for the group, wants its name'],
      ]
      for (const [call, message] of calls) {
        const error = await call.catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(TypeError)
        expect((error as Error).message).toContain(message)
      }
      for (const call of everyCall(node, 'none')) {
        const error = await call.catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(RangeError)
        expect((error as Error).message).toContain('there is no group "none", known are ')
      }
    }
  })

  test('after close every call is rejected, and nothing is loaded', async () => {
    let loads = 0
    const origin = (): string => {
      loads++
      return '630'
    }
    const nodes = await start({ scores: { ...scores, origin } })
    await nodes[0].get('scores', 'Tom')
    await Promise.all(nodes.map((node) => node.close()))
    for (const node of nodes) {
      for (const call of everyCall(node, 'scores')) await expect(call).rejects.toThrow('the node is closed')
      await expect(node.flush()).rejects.toThrow('the node is closed')
      await expect(node.listen()).rejects.toThrow('the node is closed')
      await node.close()
    }
    expect(loads).toBe(1)
  })
})

/** One call of every method; rejections are checked later. */
function everyCall(node: Node, group: string): Promise<unknown>[] {
  return [
    node.get(group, 'Tom'),
    node.getBuffer(group, 'Tom'),
    node.getMany(group, ['Tom']),
    node.getManyBuffers(group, []),
    node.set(group, 'Tom', '1'),
    node.delete(group, 'Tom'),
    node.invalidate(group, 'Tom'),
    node.invalidateTag(group, 'team'),
    node.flush(group),
    node.stats(group),
    node.explain(group, 'Tom'),
  ].map((call) => {
    call.catch(() => undefined)
    return call
  })
}

test('a node without a cluster rejects calls as soon as close is called', async () => {
  const node = await createNode({ groups: { cache } })
  const closing = node.close()
  await expect(node.get('cache', 'Tom')).rejects.toThrow('the node is closed')
  await closing
})

test('stats: the fields of GROUP INFO', async () => {
  const [node] = await alone({ other: cache, scores: { ...scores, jitter: 0.25, origin: () => '630' } })
  await node.getMany('scores', ['Tom', 'Jack'])
  await node.get('scores', 'Tom')
  expect(await node.stats('scores')).toMatchObject({
    name: 'scores',
    index: 1,
    budget: 4 * 2 ** 20,
    keys: 2,
    hits: 1,
    misses: 2,
    loads: 2,
    failures: 0,
    breaker: 'closed',
    ttlMs: 3_600_000,
    jitter: 0.25,
    write: 'around',
    origin: 'function',
  })
  expect((await node.stats('other')).origin).toBeNull()
})
