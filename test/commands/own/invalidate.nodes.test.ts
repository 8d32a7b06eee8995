// Invalidation in a cluster: keys at their owners, tags and flushes on all nodes, hot copies everywhere.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../../support/cluster.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster(2, { groups: { cache: { maxBytes: '16mb' }, other: { maxBytes: '16mb' } } })
})
afterAll(() => cluster.close())

const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`)

function ask(node: number, ...args: (string | number)[]): Promise<unknown> {
  return cluster.members[node].watcher.call(args[0] as string, ...args.slice(1))
}

describe('in a cluster', () => {
  test('INVALIDATE of keys with several owners answers the sum', async () => {
    for (const key of [...KEYS, 'TAG', 'KEY']) await ask(0, 'SET', key, 'x')
    expect(await ask(1, 'INVALIDATE', ...KEYS.slice(0, 10), 'TAG', 'KEY', 'missing')).toBe(12)
    expect(await ask(0, 'EXISTS', ...KEYS, 'TAG', 'KEY')).toBe(30)
    expect(await ask(0, 'INVALIDATE', 'KEY', ...KEYS)).toBe(30)
    expect(await ask(1, 'DBSIZE')).toBe(0)
  })

  test('INVALIDATE TAG reaches every node', async () => {
    for (const [i, key] of KEYS.entries())
      await ask(0, 'SET', key, 'x', 'TAGS', 1, i % 2 === 0 ? 'even' : 'odd')
    expect(await ask(1, 'INVALIDATE', 'TAG', 'even')).toBe('OK')
    expect(await ask(0, 'EXISTS', ...KEYS)).toBe(20)
    expect(await ask(0, 'INVALIDATE', 'TAG', 'odd')).toBe('OK')
    expect(await ask(1, 'EXISTS', ...KEYS)).toBe(0)
  })

  test('GROUP FLUSH empties a group on every node', async () => {
    for (const key of KEYS) await ask(0, 'SET', key, 'x')
    expect(await ask(1, 'GROUP', 'FLUSH', 'other')).toBe('OK')
    expect(await ask(0, 'DBSIZE')).toBe(40)
    expect(await ask(1, 'GROUP', 'FLUSH')).toBe('OK')
    expect(await ask(0, 'DBSIZE')).toBe(0)
  })
})
