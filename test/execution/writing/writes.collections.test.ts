// Write-through and write-behind of collections: what `store` of a function receives.

import { expect, onTestFinished, test } from 'vitest'
import { type Config, type StoreContext, type StoredCollection, sortedSet } from '../../../src/index.ts'
import { startNode, type TestNode } from '../../support/node.ts'
import { poll } from '../../support/poll.ts'

type Stored = readonly [key: string, value: unknown, change: unknown]

/** Bytes as text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return String(value)
  if (value instanceof Map) return new Map([...value].map(([name, part]) => [name, plain(part)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null && 'entries' in value && !(value instanceof Set))
    return sortedSet(value.entries as never)
  return value
}

function planned(change: StoreContext['change']): unknown {
  return change && Object.fromEntries(Object.entries(change).map(([name, part]) => [name, plain(part)]))
}

class Source {
  readonly stored: Stored[] = []
  isAway = false
  readonly values: Record<string, unknown> = {
    hash: { name: 'Tom', points: 630, note: 'x' },
    set: new Set(['a', 'b']),
    ranking: sortedSet([['a', 1] as const, ['b', 2] as const]),
  }

  load(key: string): never {
    return this.values[key] as never
  }

  store(key: string, value: Uint8Array | StoredCollection, { change }: StoreContext): void {
    if (this.isAway) throw new Error('away')
    this.stored.push([key, plain(value), planned(change)])
  }

  remove(key: string): void {
    this.stored.push([key, null, undefined])
  }
}

async function start(source: Source, write: 'through' | 'behind'): Promise<TestNode> {
  const config: Config = { groups: { things: { origin: source, write, breakAfter: 0 } } }
  const node = await startNode(config)
  onTestFinished(() => node.close())
  return node
}

test('write-through gives the whole new value, and the change', async () => {
  const source = new Source()
  const { watcher } = await start(source, 'through')
  const last = (): Stored | undefined => source.stored.at(-1)
  await watcher.hset('hash', 'points', '631')
  expect(last()).toEqual([
    'hash',
    new Map([
      ['name', 'Tom'],
      ['points', '631'],
      ['note', 'x'],
    ]),
    { set: new Map([['points', '631']]), removed: [] },
  ])
  await watcher.hdel('hash', 'note')
  expect(last()?.[2]).toEqual({ set: new Map(), removed: ['note'] })
  await watcher.sadd('set', 'b', 'c')
  expect(last()).toEqual(['set', new Set(['a', 'b', 'c']), { added: ['c'], removed: [] }])
  await watcher.zincrby('ranking', 5, 'a')
  expect(last()?.[2]).toEqual({ scores: new Map([['a', 6]]), removed: [] })
  await watcher.rpush('list', 'x', 'y')
  expect(last()).toEqual(['list', ['x', 'y'], undefined])
  await watcher.hset('new', 'a', '1')
  expect(last()?.[2]).toEqual({ set: new Map([['a', '1']]), removed: [] })
  // A command that changes nothing writes nothing.
  const { length } = source.stored
  await watcher.sadd('set', 'a')
  expect(source.stored.length).toBe(length)
  await watcher.del('list')
  expect(last()).toEqual(['list', null, undefined])
  source.isAway = true
  await expect(watcher.hset('hash', 'points', '700')).rejects.toThrow('ORIGIN things: away')
})

test('write-behind gives the changes of all writes since the last one that was stored', async () => {
  const source = new Source()
  const { watcher } = await start(source, 'behind')
  source.isAway = true
  await watcher.hset('hash', 'points', '631')
  await watcher.hset('hash', 'name', 'Jack')
  await watcher.hdel('hash', 'note')
  expect(await watcher.hgetall('hash')).toEqual({ name: 'Jack', points: '631' })
  source.isAway = false
  await poll(async () => source.stored.length > 0, 'the write')
  expect(source.stored).toEqual([
    [
      'hash',
      new Map([
        ['name', 'Jack'],
        ['points', '631'],
      ]),
      {
        set: new Map([
          ['name', 'Jack'],
          ['points', '631'],
        ]),
        removed: ['note'],
      },
    ],
  ])
})

test('streams and names that are not UTF-8 are refused', async () => {
  const { watcher } = await start(new Source(), 'through')
  await expect(watcher.xadd('stream', '1-1', 'a', '1')).rejects.toThrow(
    'a stream cannot be written to the origin',
  )
  await expect(watcher.hset('new', Buffer.from([255]), '1')).rejects.toThrow(
    'a field or member that is not UTF-8',
  )
})
