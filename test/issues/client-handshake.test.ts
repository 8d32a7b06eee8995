// StackExchange.Redis could not connect: what it asks for by itself reached a strict origin, which answered an error.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { BadRequest } from '../../src/index.ts'
import { startNode } from '../support/node.ts'

const KEY = '__Booksleeve_TieBreak'

test.each(['load', 'loadMany'])('the origin is not asked for it: %s', async (method) => {
  const asked: string[] = []
  const refuse = (keys: readonly string[]): never => {
    asked.push(...keys)
    throw new BadRequest('such keys are refused')
  }
  const load = (key: string): never => refuse([key])
  const origin = method === 'load' ? { load } : { load, loadMany: refuse }
  const node = await startNode({ groups: { strict: { origin } } })
  const client = new Redis(node.port)
  onTestFinished(async () => {
    client.disconnect()
    await node.close()
  })
  expect(await client.get(KEY)).toBeNull()
  expect(await client.mget(KEY, KEY)).toEqual([null, null])
  expect(asked).toEqual([])
  await expect(client.get('__Booksleeve_TieBreaks')).rejects.toThrow('such keys are refused')
  expect(asked).toEqual(['__Booksleeve_TieBreaks'])
  // A vote that was set is answered.
  await client.set(KEY, 'a:6379')
  expect(await client.get(KEY)).toBe('a:6379')
})
