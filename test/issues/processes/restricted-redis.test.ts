// A Redis behind a proxy, or with renamed commands, failed every load: INFO, HELLO or CLIENT were refused.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RedisOrigin } from '../../../src/origin/redis/redis.ts'
import { context, proxyTo, redisOrigin, seen } from '../../origin/redis/origins.ts'
import { describeWithExecutable } from '../../support/executable.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'
import { RecordingListener } from '../../support/recording-listener.ts'
import { describeWithRedis } from '../../support/redis-server.ts'

/** Loads, stores and removes; gives the warnings. */
async function use(origin: RedisOrigin): Promise<string[]> {
  const warnings: string[] = []
  await origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
  await origin.store('Tom', Buffer.from('630'), context())
  await origin.store('Jack', Buffer.from('589'), { ...context(), ttl: 100_000 })
  expect(seen(await origin.load('Tom', context()))).toBe('630')
  const many = await origin.loadMany(['Tom', 'Jack', 'none'], context())
  expect(['Tom', 'Jack', 'none'].map((key) => seen(many.get(key)))).toEqual(['630', expect.anything(), null])
  await origin.remove('Tom', context())
  expect(seen(await origin.load('Tom', context()))).toBeNull()
  return warnings
}

const renamed = (...commands: string[]): string[] =>
  commands.flatMap((command) => ['--rename-command', command, ''])

describeWithRedis(
  'a Redis without the commands of administrators and clients',
  (redis) => {
    const proxied = async (): Promise<number> => (await proxyTo(redis())).port

    test('is read and written without a warning', async () => {
      expect(await use(redisOrigin(`redis://127.0.0.1:${await proxied()}`))).toEqual([])
    })

    test('change notifications are interrupted, and nothing else is', async () => {
      const origin = redisOrigin(`redis://127.0.0.1:${await proxied()}`, { listen: true })
      expect(await use(origin)).toEqual([])
      const listener = new RecordingListener()
      await origin.listen?.(listener)
      expect(listener.events).toEqual(['lost'])
      expect(listener.losses).toEqual([expect.stringMatching(/unknown command.*CLIENT/i)])
      await origin.store('Tom', Buffer.from('630'), context())
      expect(seen(await origin.load('Tom', context()))).toBe('630')
    })

    test('a database that cannot be selected fails the start, and is not taken for the first one', async () => {
      const port = await proxied()
      const url = `redis://127.0.0.1:${port}/2`
      await redis().call('SET', 'Tom', 'of database 0')
      await expect(redisOrigin(url).start({ info: () => undefined, warn: () => undefined })).rejects.toThrow(
        new RegExp(`^redis://127.0.0.1:${port}/2: ERR unknown command .*select`, 'i'),
      )
      const lazy = redisOrigin(url, { lazy: true })
      const news: string[] = []
      const note = (_: object, message: string): void => void news.push(message)
      await lazy.start({ info: note, warn: note })
      for (let i = 0; i < 3; i++)
        await expect((async () => lazy.load('Tom', context()))()).rejects.toThrow(/unknown command/i)
      expect(news).toEqual([expect.stringMatching(/^Redis does not answer.*unknown command/)])
    })
  },
  ...renamed('INFO', 'CONFIG', 'CLIENT', 'HELLO', 'SELECT', 'COMMAND', 'PING', 'AUTH'),
)

describeWithRedis(
  'a Redis that knows neither MGET nor PTTL',
  (redis) => {
    test('values are read one by one, without their TTL, which is one warning', async () => {
      const { port } = await proxyTo(redis())
      expect(await use(redisOrigin(`redis://127.0.0.1:${port}`))).toEqual([
        expect.stringMatching(
          /^PTTL is refused, so values live as long as the group's ttl says: ERR unknown/,
        ),
      ])
    })
  },
  ...renamed('MGET', 'PTTL'),
)

describeWithRedis('a user of Redis with few rights', (redis) => {
  const userUrl = async (name: string, ...rights: string[]): Promise<string> => {
    await redis().call('ACL', 'SETUSER', name, 'on', '>secret', 'resetkeys', '~*', '-@all', ...rights)
    const { port } = await proxyTo(redis())
    return `redis://${name}:secret@127.0.0.1:${port}`
  }

  test('needs the commands of loads and writes only', async () => {
    const url = await userUrl('few', '+get', '+mget', '+pttl', '+set', '+del')
    expect(await use(redisOrigin(url))).toEqual([])
  })

  test('without GET fails the start, which says so', async () => {
    const url = await userUrl('none', '+set')
    await expect(redisOrigin(url).start({ info: () => undefined, warn: () => undefined })).rejects.toThrow(
      /^redis:\/\/none@127.0.0.1:\d+: NOPERM .*'get' command/,
    )
  })
})

describe('nutcracker', () => {
  describeWithExecutable(
    'nutcracker',
    'before a Redis',
    (nutcracker) => {
      describeWithRedis('as the origin', (redis) => {
        test('is read and written without a warning', async () => {
          const folder = mkdtempSync(join(tmpdir(), 'erinys-nutcracker-'))
          const [port, stats] = await freePorts(2)
          const file = join(folder, 'nutcracker.yml')
          writeFileSync(
            file,
            `pool:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - ${redis().socketPath}:1 one\n`,
          )
          const child = spawn(nutcracker, ['-c', file, '-s', String(stats)], { stdio: 'ignore' })
          const exited = once(child, 'exit')
          onTestFinished(async () => {
            child.kill('SIGKILL')
            await exited
            rmSync(folder, { recursive: true, force: true })
          })
          const answers = (): Promise<boolean> =>
            new Promise((resolve) => {
              const socket = connect(port, '127.0.0.1', () => {
                socket.destroy()
                resolve(true)
              }).on('error', () => resolve(false))
            })
          await poll(answers, 'nutcracker to listen')
          expect(await use(redisOrigin(`redis://127.0.0.1:${port}`))).toEqual([])
        })
      })
    },
    'nutcracker',
  )
})
