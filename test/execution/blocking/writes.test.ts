// Blocking commands in groups that write to their origin: a client that has waited takes an element as any write does.

import { expect, test } from 'vitest'
import type { Group } from '../../../src/group/group.ts'
import { defaultWrites } from '../../../src/group/writes/writes.ts'
import { ValueType } from '../../../src/store/record.ts'
import { Harness } from '../../support/harness.ts'

async function settle(harness: Harness): Promise<void> {
  for (let i = 0; i < 20; i++) await harness.settle()
}

/** Puts a list of one element into the cache, as a write of another kind would. */
function putList(group: Group, key: string, element: string): void {
  const { collections, lists } = group.store
  const bytes = Buffer.from(key)
  const value = Buffer.from(element)
  group.fence(bytes, 0, bytes.length)
  const ref = collections.create(ValueType.LIST, bytes, 0, bytes.length, 0)
  collections.finish(lists.insert(ref, 0, value, 0, value.length), 1)
}

test('the first client takes the element, and the others wait no longer than they wanted to', async () => {
  const origin = { load: () => null, store: async () => undefined, remove: async () => undefined }
  const writes = { ...defaultWrites, mode: 'through' as const }
  const harness = new Harness({ groups: { cache: { origin, writes, negativeTtlMs: 60_000 } } })
  const [a, b] = [harness.connect(), harness.connect()]
  const replies: string[] = []
  for (const [i, client] of [a, b].entries()) {
    void client.call('BLPOP', 'k', '1').then((reply) => replies.push(`${i} ${reply}`))
    await settle(harness)
  }
  harness.clock.advance(400)
  putList(harness.group('cache'), 'k', 'x')
  await settle(harness)
  expect(replies).toEqual(['0 k,x'])
  expect(await harness.call('EXISTS', 'k')).toBe(0)
  expect(await a.call('PING')).toBe('PONG')
  harness.clock.advance(599)
  await settle(harness)
  expect(replies.length).toBe(1)
  harness.clock.advance(1)
  await settle(harness)
  expect(replies).toEqual(['0 k,x', '1 null'])
  expect(await b.call('PING')).toBe('PONG')
})

test('a value that another client has loaded is given to all clients that wait for it', async () => {
  let list: string[] | null = null
  const harness = new Harness({ groups: { cache: { origin: async () => list, negativeTtlMs: 100 } } })
  const [waiting, other] = [harness.connect(), harness.connect()]
  const replies: string[] = []
  void waiting.call('BLPOP', 'k', '0').then((reply) => replies.push(String(reply)))
  await settle(harness)
  expect(await other.call('LRANGE', 'k', '0', '-1')).toEqual([])
  list = ['x', 'y']
  harness.clock.advance(101)
  const read = other.call('LLEN', 'k')
  await settle(harness)
  await read
  expect(replies).toEqual(['k,x'])
  expect(await other.call('LRANGE', 'k', '0', '-1')).toEqual(['y'])
})
