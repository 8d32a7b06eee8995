import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'
import { PATIENT_MS } from '../support/budget.ts'
import { describeWithGlide, type Glide } from '../support/glide.ts'
import { startNode, type TestNode } from '../support/node.ts'

describeWithGlide((glide) => {
  const { Batch, Decoder, GlideClient, GlideMonitorClient, InfoOptions, ProtocolVersion, TimeUnit } = glide

  function library(protocol: 2 | 3): ClientLibrary {
    return {
      name: 'valkey-glide',
      libName: 'GlideJS',
      protocol,
      message: (error) =>
        error.startsWith('ERR ')
          ? `ResponseError: ${error.slice(4)}`
          : error.replace('NOPERM', 'PermissionDenied').replace(' ', ': '),
      async connect({ port, index, username, password }) {
        const client = await GlideClient.createClient({
          addresses: [{ host: '127.0.0.1', port }],
          databaseId: index,
          credentials: password === undefined ? undefined : { username, password },
          protocol: protocol === 2 ? ProtocolVersion.RESP2 : ProtocolVersion.RESP3,
          requestTimeout: PATIENT_MS,
          advancedConfiguration: { connectionTimeout: PATIENT_MS },
          inflightRequestsLimit: 10_000,
        })
        return {
          call: (...command) => client.customCommand([...command]),
          getBytes: async (key) => (await client.get(key, { decoder: Decoder.Bytes })) as Buffer | null,
          close: () => client.close(),
        }
      },
    }
  }

  clientContract(library(3))
  clientContract(library(2))

  describe.each([ProtocolVersion.RESP2, ProtocolVersion.RESP3])('valkey-glide, protocol %i', (protocol) => {
    let node: TestNode
    const clients: { close(): void }[] = []
    beforeAll(async () => {
      node = await startNode({
        groups: {
          scores: { maxBytes: '64mb', origin: (key) => (key === 'Tom' ? '630' : null) },
          cache: { maxBytes: '64mb' },
          throwing: { maxBytes: '1mb', origin: () => Promise.reject(new Error('down for repair')) },
        },
      })
    })
    afterAll(async () => {
      for (const client of clients) client.close()
      await node.close()
      expect(node.unexpected).toEqual([])
    })

    function configuration(databaseId: number): object {
      return {
        addresses: [{ host: '127.0.0.1', port: node.port }],
        protocol,
        databaseId,
        clientName: 'tester',
        requestTimeout: PATIENT_MS,
        advancedConfiguration: { connectionTimeout: PATIENT_MS },
        connectionBackoff: { numberOfRetries: 10, factor: 1, exponentBase: 2 },
      }
    }

    async function connect(databaseId = 0): Promise<Glide> {
      const client = await GlideClient.createClient(configuration(databaseId))
      clients.push(client)
      return client
    }

    test('puts misses, hits, writes and errors into one batch', async () => {
      const client = await connect()
      const batch = new Batch(false)
        .set('piped', 'x')
        .get('Tom')
        .incr('piped')
        .get('nobody')
        .append('piped', 'y')
        .mget(['piped', 'Tom'])
      const replies = await client.exec(batch, false)
      expect(replies?.map((reply) => (reply instanceof Error ? reply.message : reply))).toEqual([
        'OK',
        '630',
        expect.stringContaining('value is not an integer or out of range'),
        null,
        2,
        ['xy', '630'],
      ])
      await expect(client.exec(batch, true)).rejects.toThrow('value is not an integer or out of range')
    })

    test('reconnects after it was killed, with its group and name', async () => {
      const client = await connect(1)
      await client.set('ashes', '1')
      await node.watcher.client('KILL', 'ID', Number(await client.clientId()))
      await node.clients(clients.length)
      expect(await client.incr('ashes')).toBe(2)
      expect(await client.customCommand(['CLIENT', 'INFO'])).toMatch(/ name=tester .* db=1 /)
    })

    test('changes its group', async () => {
      const client = await connect(1)
      expect(await client.get('Tom')).toBeNull()
      expect(await client.select(0)).toBe('OK')
      expect(await client.get('Tom')).toBe('630')
      expect(await client.select(2)).toBe('OK')
      await expect(client.get('Tom')).rejects.toThrow('ORIGIN: throwing: down for repair')
    })

    test('parses INFO and other replies about the node', async () => {
      const client = await connect()
      expect(await client.ping()).toBe('PONG')
      expect(await client.ping({ message: 'hi' })).toBe('hi')
      expect(await client.echo('hi')).toBe('hi')
      expect(await client.clientGetName()).toBe('tester')
      expect(await client.configGet(['maxclients', 'timeout'])).toEqual({ maxclients: '10000', timeout: '0' })
      expect(await client.info([InfoOptions.Replication])).toContain('role:master')
      expect(await client.time()).toEqual([
        expect.stringMatching(/^\d{10,}$/),
        expect.stringMatching(/^\d+$/),
      ])
      expect(await client.lolwut()).toContain('Redis ver.')
      expect(await client.clientTrackingInfo()).toMatchObject({ redirect: -1 })
      expect(await client.memoryStats()).toMatchObject({ keysCount: expect.any(Number) })
      expect(await client.latencyLatest()).toEqual([])
      expect(await client.customCommand(['COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2'])).toEqual([
        'a',
        'b',
      ])
    })

    test('writes with every option, and reads the results', async () => {
      const client = await connect(1)
      const expiry = { type: TimeUnit.Seconds, count: 100 }
      expect(await client.set('o', '1', { expiry, conditionalSet: 'onlyIfDoesNotExist' })).toBe('OK')
      expect(await client.set('o', '2', { expiry: 'keepExisting', returnOldValue: true })).toBe('1')
      expect(await client.ttl('o')).toBe(100)
      expect(await client.getex('o', { expiry: 'persist' })).toBe('2')
      expect(await client.pttl('o')).toBe(-1)
      expect(await client.incrByFloat('o', 0.5)).toBe(2.5)
      expect(await client.copy('o', 'p')).toBe(true)
      expect(await client.lcs('o', 'p')).toBe('2.5')
      expect(await client.mset({ a: '1', b: '2' })).toBe('OK')
      expect(await client.mget(['a', 'b', 'none'])).toEqual(['1', '2', null])
      expect(await client.objectEncoding('o')).toBe('embstr')
      expect(await client.expire('o', 10)).toBe(true)
      expect(await client.persist('o')).toBe(true)
      expect(await client.rename('o', 'q')).toBe('OK')
      expect(await client.exists(['o', 'p', 'q'])).toBe(2)
      expect(await client.touch(['p', 'q'])).toBe(2)
      expect(await client.unlink(['a', 'b', 'p', 'q', 'none'])).toBe(4)
      expect(await client.type('o')).toBe('none')
    })

    test('scans a group', async () => {
      const client = await connect(1)
      const names = Array.from({ length: 300 }, (_, i) => `scan:${i}`)
      await client.mset(Object.fromEntries(names.map((name) => [name, '1'])))
      const found: unknown[] = []
      let cursor = '0'
      do {
        const [next, keys] = await client.scan(cursor, { match: 'scan:*', count: 50 })
        found.push(...keys)
        cursor = next
      } while (cursor !== '0')
      expect(found.sort()).toEqual(names.sort())
    })

    test('shows MONITOR', async () => {
      const client = await connect(1)
      const monitor = await GlideMonitorClient.create(configuration(0))
      await client.get('a "key"')
      expect(await monitor.getNextMessage()).toMatchObject({ db: 1, command: 'GET', args: ['a "key"'] })
      await monitor.close()
    })
  })
})
