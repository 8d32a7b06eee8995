import { createClient, createClientPool, RESP_TYPES } from '@redis/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'
import { PATIENT_MS } from '../support/budget.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { startNode, type TestNode } from '../support/node.ts'

/** By default a command fails after 5 s. */
const commandOptions = { timeout: PATIENT_MS }

function nodeRedis(protocol: 2 | 3): ClientLibrary {
  return {
    name: 'node-redis',
    libName: 'node-redis',
    protocol,
    message: (error) => error,
    async connect({ port, index, username, password }) {
      const socket = {
        port,
        host: '127.0.0.1',
        reconnectStrategy: false,
        connectTimeout: PATIENT_MS,
      } as const
      const client = createClient({
        socket,
        database: index,
        username,
        password,
        RESP: protocol,
        commandOptions,
      })
      client.on('error', () => undefined)
      await client.connect()
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
      return {
        call: (...command) => client.sendCommand(command),
        getBytes: (key) => bytes.get(key),
        close: () => client.destroy(),
      }
    },
  }
}

clientContract(nodeRedis(3))
clientContract(nodeRedis(2))

describe.each([2, 3] as const)('node-redis on RESP%i', (RESP) => {
  const gate = new GatedOrigin()
  let node: TestNode
  const clients: { destroy(): void }[] = []
  beforeAll(async () => {
    node = await startNode({
      groups: {
        scores: { maxBytes: '64mb', origin: (key) => (key === 'Tom' ? '630' : null) },
        cache: { maxBytes: '64mb' },
        gated: { maxBytes: '64mb', origin: gate },
        throwing: { maxBytes: '1mb', origin: () => Promise.reject(new Error('down for repair')) },
      },
    })
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await node.close()
    expect(node.unexpected).toEqual([])
  })

  async function connect(path = '') {
    const client = createClient({
      url: `redis://127.0.0.1:${node.port}${path}`,
      socket: { reconnectStrategy: 1, connectTimeout: PATIENT_MS },
      commandOptions,
      name: 'tester',
      RESP,
    })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
    return client
  }

  test('selects a group in a URL, by its index, and by its name', async () => {
    const client = await connect('/1')
    expect(await client.get('Tom')).toBeNull()
    await client.select(0)
    expect(await client.get('Tom')).toBe('630')
    expect(await client.sendCommand(['SELECT', 'cache'])).toBe('OK')
    expect(await client.get('Tom')).toBeNull()
  })

  test('puts misses, hits, writes and errors into one pipeline', async () => {
    const client = await connect()
    const pipeline = client
      .multi()
      .set('piped', 'x')
      .get('Tom')
      .get('nobody')
      .append('piped', 'y')
      .get('piped')
    expect(await pipeline.execAsPipeline()).toEqual(['OK', '630', null, 2, 'xy'])
    const failing = client.multi().get('Tom').incr('piped').append('piped', 'z')
    await expect(failing.execAsPipeline()).rejects.toThrow('ERR value is not an integer or out of range')
    expect(await client.get('piped')).toBe('xyz')
  })

  test('reconnects after it was killed, with its group and name', async () => {
    const client = await connect('/1')
    await client.set('ashes', '1')
    // `once` would reject at the error that is emitted first.
    const ready = new Promise((resolve) => client.once('ready', resolve))
    await node.watcher.client('KILL', 'ID', await client.clientId())
    await ready
    expect(await client.incr('ashes')).toBe(2)
    expect(await client.clientInfo()).toMatchObject({ name: 'tester', db: 1, resp: RESP })
  })

  test('sends the queued commands after it reconnected', async () => {
    const client = await connect('/2')
    const id = await client.clientId()
    const lost = client.get('lost').catch((error: Error) => error)
    await gate.isAskedFor('lost')
    const gone = new Promise((resolve) => client.once('reconnecting', resolve))
    await node.watcher.client('KILL', 'ID', id)
    await gone
    const found = client.get('lost')
    await node.waiters('gated', 'lost', 2)
    gate.give('lost', 'found')
    expect(await found).toBe('found')
    expect(await lost).toBeInstanceOf(Error)
  })

  test('parses INFO and other replies about the node', async () => {
    const client = await connect()
    expect(await client.clientList()).toContainEqual(
      expect.objectContaining({ name: 'tester', libName: 'node-redis' }),
    )
    expect({ ...(await client.clientTrackingInfo()) }).toMatchObject({ redirect: -1 })
    expect({ ...(await client.configGet('maxcl*')) }).toEqual({ maxclients: '10000' })
    expect(await client.hello(RESP)).toMatchObject({
      server: 'redis',
      proto: RESP,
      mode: 'standalone',
      role: 'master',
    })
    expect(await client.info('keyspace')).toMatch(/^# Keyspace/)
    expect(await client.time()).toEqual([expect.stringMatching(/^\d{10,}$/), expect.stringMatching(/^\d+$/)])
    expect(await client.commandCount()).toBe((await client.command()).length)
    expect(await client.commandInfo(['get'])).toMatchObject([{ name: 'get', arity: 2, firstKeyIndex: 1 }])
    expect(await client.commandGetKeys(['MSET', 'a', '1', 'b', '2'])).toEqual(['a', 'b'])
    expect(await client.commandGetKeysAndFlags(['GET', 'a'])).toEqual([{ key: 'a', flags: ['RO', 'access'] }])
    expect(await client.memoryStats()).toMatchObject({ 'keys.count': expect.any(Number) })
    expect(await client.latencyLatest()).toEqual([])
    expect(await client.latencyHistogram('get')).toMatchObject({ get: { calls: expect.any(Number) } })
  })

  test('writes with every option, and reads the results', async () => {
    const client = await connect('/1')
    expect(await client.set('o', '1', { expiration: { type: 'EX', value: 100 }, condition: 'NX' })).toBe('OK')
    expect(await client.set('o', '2', { expiration: 'KEEPTTL', GET: true })).toBe('1')
    expect(await client.ttl('o')).toBe(100)
    expect(await client.getEx('o', { type: 'PERSIST' })).toBe('2')
    expect(await client.pTTL('o')).toBe(-1)
    expect(await client.incrByFloat('o', 0.5)).toBe('2.5')
    expect(await client.copy('o', 'p')).toBe(1)
    expect(await client.lcs('o', 'p')).toBe('2.5')
    expect(await client.lcsIdx('o', 'p')).toMatchObject({
      len: 3,
      matches: [
        [
          [0, 2],
          [0, 2],
        ],
      ],
    })
    expect(await client.mGet(['o', 'none'])).toEqual(['2.5', null])
    expect(await client.objectEncoding('o')).toBe('embstr')
    expect(await client.memoryUsage('o')).toBeGreaterThan(0)
    expect(await client.del(['o', 'p', 'none'])).toBe(2)
    expect(await client.type('o')).toBe('none')
  })

  test('scans a group', async () => {
    const client = await connect('/1')
    const names = Array.from({ length: 300 }, (_, i) => `scan:${i}`)
    await client.mSet(names.flatMap((name) => [[name, '1'] as [string, string]]))
    const found: string[] = []
    for await (const keys of client.scanIterator({ MATCH: 'scan:*', TYPE: 'string' })) found.push(...keys)
    expect(found.sort()).toEqual(names.sort())
  })

  test('reads from a pool of connections', async () => {
    const url = `redis://127.0.0.1:${node.port}`
    const pool = createClientPool({ url, RESP, commandOptions }, { minimum: 4, maximum: 8 })
    pool.on('error', () => undefined)
    await pool.connect()
    clients.push(pool)
    expect(await Promise.all(Array.from({ length: 100 }, () => pool.get('Tom')))).toEqual(
      Array(100).fill('630'),
    )
    await pool.close()
    clients.pop()
  })

  test('shows MONITOR', async () => {
    const monitor = await connect()
    const client = await connect('/1')
    const seen = new Promise<string>(
      (resolve) => void monitor.monitor(resolve).then(() => client.get('a "key"')),
    )
    expect(await seen).toMatch(/^\d+\.\d{6} \[1 127\.0\.0\.1:\d+] "GET" "a \\"key\\""$/)
  })

  test('closes after its replies', async () => {
    const client = await connect('/2')
    const read = client.get('parting')
    const closed = client.close()
    await gate.isAskedFor('parting')
    gate.give('parting', 'gift')
    expect(await read).toBe('gift')
    await closed
    clients.pop()
  })
})

test('node-redis gets an error for client-side caching, as tracking is not supported', async () => {
  const node = await startNode({})
  const clientSideCache = { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } as const
  const socket = { port: node.port, host: '127.0.0.1', reconnectStrategy: false } as const
  const client = createClient({ socket, RESP: 3, clientSideCache })
  client.on('error', () => undefined)
  await expect(client.connect()).rejects.toThrow("ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.")
  await node.close()
})
