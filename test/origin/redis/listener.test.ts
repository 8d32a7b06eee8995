// Change notifications from a Redis server and a cluster of two: which changes, and connections that break.

import { Cluster, Redis } from 'ioredis'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { mastersOf, redisListener } from '../../../src/origin/redis/listener.ts'
import type { RedisOrigin } from '../../../src/origin/redis/redis.ts'
import { CHECK_INTERVAL, type Subscription } from '../../../src/origin/subscription.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { RecordingListener } from '../../support/recording-listener.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import { context, type Options, proxyTo, redisOrigin } from './origins.ts'

/** An origin that listens to changes. */
function originOf(url: string, options?: Options): RedisOrigin {
  return redisOrigin(url, { prefix: 'app:', listen: true, ...options })
}

const quiet = { info: () => undefined, warn: () => undefined }

describeWithRedis('the changes of a Redis', (redis) => {
  /** Listens to changes of the second database, which has only the keys `there`. */
  async function listening(there: string[] = [], prefix = 'app:'): Promise<RecordingListener> {
    await redis().call('FLUSHALL')
    await redis().call('SELECT', '1')
    for (const key of there) await redis().call('SET', key, 'x')
    const proxy = await proxyTo(redis())
    const origin = originOf(`redis://127.0.0.1:${proxy.port}/1`, { prefix })
    const listener = new RecordingListener()
    await origin.start(quiet)
    await origin.listen?.(listener)
    expect(await listener.next(1)).toEqual(['gap'])
    return listener
  }

  /** A change whose notification follows those of a test. */
  const mark = ['SET', 'app:mark', '1']

  test.each<[commands: string[][], notified: string[]]>([
    [[['SET', 'app:a', '1']], ['key a']],
    [[['MSET', 'app:a', '1', 'app:b', '2', 'other', '3']], ['key a', 'key b']],
    [
      [
        ['SET', 'other', '1'],
        ['SET', 'app', '1'],
        ['SET', 'xapp:a', '1'],
      ],
      [],
    ],
    [[['SET', 'app:', '1']], ['key ']],
    [[['SET', 'app:ключ 🔑', '1']], ['key ключ 🔑']],
    [[['DEL', 'app:there', 'app:none']], ['key there']],
    [[['UNLINK', 'app:there']], ['key there']],
    [[['APPEND', 'app:there', 'x']], ['key there']],
    [[['INCR', 'app:n']], ['key n']],
    [[['RENAME', 'app:there', 'app:to']], ['key there', 'key to']],
    [[['COPY', 'app:there', 'app:to']], ['key to']],
    [[['GETDEL', 'app:there']], ['key there']],
    [[['EXPIRE', 'app:there', '100']], ['key there']],
    [[['HSET', 'app:hash', 'f', 'v']], ['key hash']],
    [[['PEXPIREAT', 'app:there', '1']], ['key there']],
    [
      [['MULTI'], ['SET', 'app:a', '1'], ['SET', 'app:b', '1'], ['EXEC']],
      ['key a', 'key b'],
    ],
    [
      [
        ['GET', 'app:there'],
        ['TTL', 'app:there'],
      ],
      [],
    ],
    [[['FLUSHDB']], ['all']],
    [[['FLUSHALL', 'ASYNC']], ['all']],
  ])('%j', async (commands, notified) => {
    const listener = await listening(['app:there'])
    await redis().pipeline(commands.map((command) => command.map((part) => Buffer.from(part))))
    await redis().call(...mark)
    const words = await listener.next(notified.length + 1)
    expect(words.toSorted()).toEqual([...notified, 'key mark'].toSorted())
  })

  test('a key that expires at the source, by itself', async () => {
    const listener = await listening()
    await redis().call('SET', 'app:short', '1', 'PX', '1')
    expect(await listener.next(2)).toEqual(['key short', 'key short'])
  })

  test('a key that the source evicts', async () => {
    const listener = await listening()
    onTestFinished(async () => {
      await redis().call('CONFIG', 'SET', 'maxmemory', '0')
    })
    await redis().call('SET', 'app:big', '1')
    expect(await listener.next(1)).toEqual(['key big'])
    await redis().call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await redis().call('CONFIG', 'SET', 'maxmemory', '1')
    expect(await listener.next(1)).toEqual(['key big'])
  })

  test('without a prefix changes of all keys are reported', async () => {
    const listener = await listening([], '')
    await redis().call('SET', 'app:a', '1')
    await redis().call('SET', 'b', '1')
    expect(await listener.next(2)).toEqual(['key app:a', 'key b'])
  })

  test('writes of this node are reported too', async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(`redis://127.0.0.1:${proxy.port}`)
    const listener = new RecordingListener()
    await origin.start(quiet)
    await origin.listen?.(listener)
    await origin.store('a', Buffer.from('1'), context())
    await origin.remove('a', context())
    expect(await listener.next(3)).toEqual(['gap', 'key a', 'key a'])
  })

  describe('faults of the connection', () => {
    /** A listener on a separate connection, with a manual clock. */
    async function broken(): Promise<[RecordingListener, FaultyProxy, ManualClock]> {
      const proxy = await proxyTo(redis())
      const server = new Redis(proxy.port, { lazyConnect: true })
      const clock = new ManualClock()
      const listener = new RecordingListener()
      const listening: Subscription = redisListener({
        servers: async () => [server],
        prefix: '',
        connectTimeout: PATIENT_MS,
        timers: clock,
        listener,
      })
      onTestFinished(() => listening.close())
      await listening.start()
      return [listener, proxy, clock]
    }

    test('a broken connection is reopened, and the gap is reported', async () => {
      const [listener, proxy, clock] = await broken()
      await redis().call('SET', 'a', '1')
      expect(await listener.next(2)).toEqual(['gap', 'key a'])
      proxy.refuse()
      expect(await listener.next(1)).toEqual(['lost'])
      await redis().call('SET', 'unheard', '1')
      proxy.heal()
      clock.advance(100)
      expect(await listener.next(1)).toEqual(['gap'])
      await redis().call('SET', 'b', '1')
      expect(await listener.next(1)).toEqual(['key b'])
    })

    test('a dead connection that reports no error is detected', async () => {
      const [listener, proxy, clock] = await broken()
      expect(await listener.next(1)).toEqual(['gap'])
      clock.advance(CHECK_INTERVAL)
      await redis().call('SET', 'a', '1')
      expect(await listener.next(1)).toEqual(['key a'])
      proxy.silence()
      await redis().call('SET', 'unheard', '1')
      clock.advance(CHECK_INTERVAL)
      clock.advance(CHECK_INTERVAL)
      expect(await listener.next(1)).toEqual(['lost'])
      proxy.heal()
      clock.advance(100)
      expect(await listener.next(1)).toEqual(['gap'])
    })
  })

  test('a server that refuses tracking is reported with its error', async () => {
    const proxy = await proxyTo(redis())
    await redis().call('ACL', 'SETUSER', 'limited', 'on', 'nopass', '~*', '&*', '+@all', '-client|tracking')
    const origin = originOf(`redis://limited:x@127.0.0.1:${proxy.port}`)
    const listener = new RecordingListener()
    await origin.start(quiet)
    await origin.listen?.(listener)
    expect(listener.events).toEqual(['lost'])
    expect(listener.losses).toEqual([expect.stringContaining('NOPERM')])
  })
})

const [firstPort, firstBus, secondPort, secondBus] = await freePorts(4)
const first = await FaultyProxy.start(() => ({ port: firstPort }))
const second = await FaultyProxy.start(() => ({ port: secondPort }))

/** Options of a node that announces the address of a proxy. */
function nodeOptions(port: number, bus: number, proxy: FaultyProxy): string[] {
  return [
    ...['--port', String(port), '--cluster-enabled', 'yes', '--cluster-port', String(bus)],
    ...['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', String(proxy.port)],
  ]
}

describeWithRedis(
  'the changes of a cluster',
  (one) => {
    describeWithRedis(
      'of two masters',
      (other) => {
        afterAll(async () => {
          await first.close()
          await second.close()
        })

        test('are received from both; an outage of one, or a change of masters, is a gap', async () => {
          await one().call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
          await other().call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
          await one().call('CLUSTER', 'MEET', '127.0.0.1', String(secondPort), String(secondBus))
          await agreed(one(), other())
          const clock = new ManualClock()
          const listener = new RecordingListener()
          const cluster = new Cluster([{ host: '127.0.0.1', port: first.port }], { lazyConnect: true })
          onTestFinished(() => cluster.disconnect())
          await cluster.connect()
          const listening = redisListener({
            servers: () => mastersOf(cluster),
            prefix: '',
            connectTimeout: PATIENT_MS,
            timers: clock,
            listener,
          })
          onTestFinished(() => listening.close())
          await listening.start()
          expect(await listener.next(1)).toEqual(['gap'])
          // CRC16: b is in slot 3300, a in slot 15495.
          await one().call('SET', 'b', '1')
          expect(await listener.next(1)).toEqual(['key b'])
          await other().call('SET', 'a', '1')
          expect(await listener.next(1)).toEqual(['key a'])
          await other().call('FLUSHALL')
          expect(await listener.next(1)).toEqual(['all'])

          second.refuse()
          expect(await listener.next(1)).toEqual(['lost'])
          second.heal()
          clock.advance(100)
          expect(await listener.next(1)).toEqual(['gap'])
          await other().call('SET', 'a', '1')
          expect(await listener.next(1)).toEqual(['key a'])

          for (const node of [one(), other()]) await node.call('CLUSTER', 'DELSLOTSRANGE', '8192', '16383')
          await one().call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
          await agreed(one(), other())
          clock.advance(CHECK_INTERVAL)
          expect(await listener.next(1)).toEqual(['lost'])
          expect(listener.losses).toEqual([expect.any(String), 'the masters of the cluster have changed'])
          clock.advance(100)
          expect(await listener.next(1)).toEqual(['gap'])
          await one().call('SET', 'a', '1')
          expect(await listener.next(1)).toEqual(['key a'])
        })

        test('are received through the origin', async () => {
          const origin = originOf(`redis://127.0.0.1:${first.port}`, { cluster: true })
          const listener = new RecordingListener()
          await origin.start(quiet)
          await origin.listen?.(listener)
          await origin.store('a', Buffer.from('1'), context())
          expect(await listener.next(2)).toEqual(['gap', 'key a'])
        })
      },
      ...nodeOptions(secondPort, secondBus, second),
    )
  },
  ...nodeOptions(firstPort, firstBus, first),
)

/** Resolves when the nodes agree on the owners of all slots. */
async function agreed(...nodes: RedisServer[]): Promise<void> {
  await poll(async () => {
    const infos = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'INFO')))
    const slots = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'SLOTS')))
    const isWhole = infos.every(
      (info) => /cluster_state:ok/.test(String(info)) && /cluster_known_nodes:2/.test(String(info)),
    )
    return isWhole && JSON.stringify(slots[0]) === JSON.stringify(slots[1])
  }, 'the nodes to agree')
}
