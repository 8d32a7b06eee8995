// Keyspace notifications of a Redis origin: what they name is told, and a gap when the connection is back.

import { expect, test } from 'vitest'
import type { ChangeListener } from '../../src/group/origin.ts'
import { RedisOrigin } from '../../src/origin/redis.ts'
import { FaultyProxy } from '../support/proxy.ts'
import { describeWithRedis } from '../support/redis-server.ts'

describeWithRedis('the changes of a Redis', (redis) => {
  test('are heard by key, without the prefix', async () => {
    const proxy = await FaultyProxy.start(() => ({ path: redis().socketPath }))
    const told: string[] = []
    let resolve = (): void => undefined
    const tell = (what: string): void => {
      told.push(what)
      resolve()
    }
    const until = async (count: number): Promise<string[]> => {
      while (told.length < count)
        await new Promise<void>((next) => {
          resolve = next
        })
      return told.splice(0)
    }
    const listener: ChangeListener = {
      group: 'users',
      key: (key) => tell(`key ${key.toString()}`),
      tag: () => undefined,
      all: () => undefined,
      gap: () => tell('gap'),
      lost: () => tell('lost'),
    }
    const warnings: string[] = []
    const origin = new RedisOrigin({
      urls: [`redis://127.0.0.1:${proxy.port}`],
      cluster: false,
      prefix: 'app:',
      listen: true,
      tls: undefined,
      connectTimeout: 5000,
      timeout: 5000,
    })
    await origin.start({ warn: (_, message) => warnings.push(message) })
    await origin.listen?.(listener)
    expect(await until(1)).toEqual(['gap'])
    expect(warnings).toEqual([expect.stringContaining('notify-keyspace-events EA')])
    await redis().call('CONFIG', 'SET', 'notify-keyspace-events', 'EA')
    const context = { group: 'users', signal: new AbortController().signal }
    await origin.store('a', Buffer.from('1'), context)
    await redis().call('SET', 'other', '1')
    await origin.remove('a', context)
    expect(await until(2)).toEqual(['key a', 'key a'])
    proxy.cut()
    expect(await until(2)).toEqual(['lost', 'gap'])
    await origin.close()
    await proxy.close()
  })
})
