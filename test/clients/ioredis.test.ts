import { once } from 'node:events'
import { Redis, type RedisOptions } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { startNode, type TestNode } from '../support/node.ts'

function ioredis(protocol: 2 | 3): ClientLibrary {
  return {
    name: 'ioredis',
    libName: 'ioredis',
    protocol,
    message: (error) => error,
    async connect({ port, index, username, password }) {
      const client = new Redis(port, {
        db: index,
        username,
        password,
        protocol,
        lazyConnect: true,
        retryStrategy: null,
      })
      const refused = new Promise<never>((_, reject) => client.once('error', reject))
      await Promise.race([client.connect(), refused])
      return {
        call: (name, ...args) => client.call(String(name), args),
        getBytes: (key) => client.getBuffer(key),
        close: () => client.disconnect(),
      }
    },
  }
}

clientContract(ioredis(3))
clientContract(ioredis(2))

describe('ioredis', () => {
  const gate = new GatedOrigin()
  let node: TestNode
  const clients: Redis[] = []
  beforeAll(async () => {
    node = await startNode({
      groups: {
        scores: { maxBytes: '64mb', origin: (key) => (key === 'Tom' ? '630' : null) },
        cache: { maxBytes: '64mb' },
        gated: { maxBytes: '64mb', origin: gate },
        echo: { maxBytes: '64mb', origin: (key) => key },
        throwing: { maxBytes: '1mb', origin: () => Promise.reject(new Error('down for repair')) },
      },
    })
  })
  afterAll(async () => {
    for (const client of clients) client.disconnect()
    await node.close()
    expect(node.unexpected).toEqual([])
  })

  /** With its defaults, except that it reconnects at once. */
  function connect(options: RedisOptions = {}): Redis {
    const client = new Redis(node.port, { retryStrategy: () => 1, ...options })
    clients.push(client)
    return client
  }

  async function kill(client: Redis): Promise<void> {
    const closed = once(client, 'close')
    await node.watcher.client('KILL', 'ID', await client.client('ID'))
    await closed
  }

  test('sends commands that were issued before it was connected', async () => {
    const client = connect()
    const replies = Promise.all([client.set('early', '1'), client.incr('early'), client.get('Tom')])
    expect(client.status).toBe('connecting')
    expect(await replies).toEqual(['OK', 2, '630'])
  })

  test('selects a group by its index, as an option and in a URL', async () => {
    await connect({ db: 1 }).set('where', 'cache')
    const client = new Redis(`redis://127.0.0.1:${node.port}/1`)
    clients.push(client)
    expect(await client.get('where')).toBe('cache')
    expect(await client.get('Tom')).toBeNull()
  })

  test('selects a group by its name', async () => {
    const client = connect()
    expect(await client.select('cache')).toBe('OK')
    expect(await client.set('named', '1')).toBe('OK')
    expect(await client.client('INFO')).toContain(' db=1 ')
  })

  test('puts misses, hits, writes and errors into one pipeline', async () => {
    const client = connect()
    const replies = await client
      .pipeline()
      .set('piped', 'x')
      .get('Tom')
      .incr('piped')
      .get('nobody')
      .select(4)
      .get('Tom')
      .select(0)
      .append('piped', 'y')
      .get('piped')
      .exec()
    expect(replies?.map(([error, reply]) => error?.message ?? reply)).toEqual([
      'OK',
      '630',
      'ERR value is not an integer or out of range',
      null,
      'OK',
      'ORIGIN throwing: down for repair',
      'OK',
      2,
      'xy',
    ])
  })

  test('sends more misses at once than a connection may have pending, followed by writes', async () => {
    const client = connect({ db: 3 })
    const keys = Array.from({ length: 12_000 }, (_, i) => `echo:${i}`)
    const pipeline = client.pipeline()
    for (const key of keys) pipeline.get(key)
    for (const key of keys.slice(0, 1000)) pipeline.append(key, '!')
    pipeline.mget(...keys)
    const replies = (await pipeline.exec()) ?? []
    expect(replies.slice(0, 12_000).map(([, reply]) => reply)).toEqual(keys)
    expect(replies[12_000 + 999]).toEqual([null, keys[999].length + 1])
    expect(replies.at(-1)?.[1]).toEqual(keys.map((key, i) => (i < 1000 ? `${key}!` : key)))
  })

  test('pipelines commands automatically', async () => {
    const client = connect({ enableAutoPipelining: true, db: 1 })
    await client.ping()
    const keys = Array.from({ length: 500 }, (_, i) => `auto:${i}`)
    const writes = Promise.all(keys.map((key) => client.set(key, key)))
    expect(client.autoPipelineQueueSize).toBe(500)
    await writes
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys)
  })

  test('reconnects after it was killed, with its group and name', async () => {
    const client = connect({ db: 1, connectionName: 'phoenix' })
    await client.set('ashes', '1')
    await kill(client)
    expect(await client.incr('ashes')).toBe(2)
    expect(await client.client('INFO')).toMatch(/ name=phoenix .* db=1 .* resp=3 /)
  })

  test('resends the commands that were pending when it was killed', async () => {
    const client = connect({ db: 2 })
    const id = await client.client('ID')
    const read = client.get('phoenix')
    await gate.isAskedFor('phoenix')
    await node.watcher.client('KILL', 'ID', id)
    // Both the killed and the new connection wait for the same load.
    await node.waiters('gated', 'phoenix', 2)
    gate.give('phoenix', 'rises')
    expect(await read).toBe('rises')
    expect(gate.asked).toEqual(['phoenix'])
  })

  test('gets maps and numbers with RESP3', async () => {
    const client = connect({ replyMapping: 'resp3' })
    expect(await client.config('GET', 'timeout')).toEqual({ timeout: '0' })
    expect(await client.call('GROUP', 'INFO', 'scores')).toMatchObject({ name: 'scores', jitter: 0.1 })
    expect(await client.call('CLIENT', 'TRACKINGINFO')).toMatchObject({ flags: ['off'] })
  })

  test('scans a group as a stream', async () => {
    const client = connect({ db: 1, keyPrefix: 'scan:' })
    const names = Array.from({ length: 300 }, (_, i) => `key:${i}`)
    await client.mset(new Map(names.map((name) => [name, '1'])))
    const found: string[] = []
    for await (const keys of client.scanStream({ match: 'scan:*', count: 50 })) found.push(...keys)
    expect(found.sort()).toEqual(names.map((name) => `scan:${name}`).sort())
  })

  test('shows MONITOR', async () => {
    const client = connect()
    await client.ping()
    const monitor = await client.monitor()
    const seen = once(monitor, 'monitor')
    await connect({
      db: 1,
      lazyConnect: true,
      disableClientInfo: true,
      enableReadyCheck: false,
      protocol: 2,
    }).get('a "key"')
    expect(await seen).toEqual([expect.any(String), ['select', '1'], expect.stringMatching(/^127/), '1'])
    monitor.disconnect()
  })

  test('quits after its replies', async () => {
    const client = connect()
    await client.ping()
    const [pong, ok] = await Promise.all([client.ping(), client.quit(), once(client, 'end')])
    expect([pong, ok]).toEqual(['PONG', 'OK'])
  })
})
