// The contract of every client library, whatever its handshake and protocol.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Config } from '../../src/index.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { startNode, type TestNode } from '../support/node.ts'
import { VALUE_TYPES } from '../support/value-types.ts'

interface ConnectOptions {
  readonly port: number
  /** The index of the group, as the library's own option for a database. */
  readonly index?: number
  readonly username?: string
  readonly password?: string
}

type Command = readonly (string | Buffer)[]

interface ClientUnderTest {
  /** Sends a command; strings come back as text, an error reply is thrown. */
  call(...command: Command): Promise<unknown>
  getBytes(key: string | Buffer): Promise<Buffer | null>
  close(): Promise<void> | void
}

export interface ClientLibrary {
  readonly name: string
  /** The library name that it sends with CLIENT SETINFO. */
  readonly libName: string
  readonly protocol: 2 | 3
  /** The message of the error that it throws for an error reply. */
  message(error: string): string
  connect(options: ConnectOptions): Promise<ClientUnderTest>
}

const scores = new Map([
  ['Tom', '630'],
  ['Jack', '589'],
  ['Sam', '567'],
])

export function clientContract(library: ClientLibrary): void {
  async function expectError(client: ClientUnderTest, error: string, ...command: Command): Promise<void> {
    await expect(client.call(...command)).rejects.toThrow(library.message(error))
  }

  describe(`${library.name} on RESP${library.protocol}`, () => {
    const asked: string[] = []
    const gate = new GatedOrigin()
    const origin = (key: string): string | undefined => {
      asked.push(key)
      return scores.get(key)
    }
    const groups = {
      scores: { maxBytes: '64mb', origin },
      cache: { maxBytes: '64mb' },
      gated: { maxBytes: '64mb', origin: gate },
      throwing: {
        maxBytes: '1mb',
        origin: (key: string) => {
          asked.push(key)
          throw new Error('down for repair')
        },
      },
      hanging: { maxBytes: '1mb', origin: () => new Promise<never>(() => undefined), originTimeout: 30 },
      wrong: { maxBytes: '1mb', origin: (() => 42) as never },
      small: { maxBytes: '64kb', origin: (key: string) => 'v'.repeat(Number(key)) },
    } satisfies Config['groups']
    type GroupName = keyof typeof groups

    let node: TestNode
    const clients: ClientUnderTest[] = []
    beforeAll(async () => {
      node = await startNode({ groups })
    })
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()))
      await node.close()
      expect(node.unexpected).toEqual([])
    })

    async function connect(group: GroupName = 'scores'): Promise<ClientUnderTest> {
      const client = await library.connect({ port: node.port, index: Object.keys(groups).indexOf(group) })
      clients.push(client)
      return client
    }

    /** Runs a command that must fail, and expects the beginning of the error reply. */
    const loadsOf = (key: string): number => asked.filter((each) => each === key).length

    test('sends its name and protocol version', async () => {
      const client = await connect('cache')
      const info = String(await client.call('CLIENT', 'INFO'))
      expect(info).toContain(` resp=${library.protocol} `)
      expect(info).toContain(` lib-name=${library.libName} `)
      expect(info).toContain(' db=1 ')
    })

    test('reads through, and loads a key once', async () => {
      const client = await connect()
      expect(await client.call('GET', 'Tom')).toBe('630')
      expect(await client.call('GET', 'Tom')).toBe('630')
      expect(await client.call('STRLEN', 'Tom')).toBe(3)
      expect(loadsOf('Tom')).toBe(1)
    })

    test('a key that the origin does not have is null, and loaded once', async () => {
      const client = await connect()
      expect(await client.call('GET', 'nobody')).toBeNull()
      expect(await client.call('GET', 'nobody')).toBeNull()
      expect(await client.call('EXISTS', 'nobody')).toBe(0)
      expect(loadsOf('nobody')).toBe(1)
    })

    test('loads many keys with one command', async () => {
      const client = await connect()
      expect(await client.call('MGET', 'Jack', 'nil', 'Sam', 'Jack')).toEqual(['589', null, '567', '589'])
      expect(loadsOf('Jack')).toBe(1)
    })

    test('INCR continues from the value of the origin', async () => {
      const client = await connect()
      scores.set('counter', '41')
      expect(await client.call('INCR', 'counter')).toBe(42)
      expect(await client.call('GET', 'counter')).toBe('42')
      expect(loadsOf('counter')).toBe(1)
    })

    test('300 clients that miss the same key share one load', async () => {
      const clients = await Promise.all(Array.from({ length: 300 }, () => connect('gated')))
      const replies = Promise.all(clients.map((client) => client.call('GET', 'cold')))
      await node.waiters('gated', 'cold', 300)
      gate.give('cold', 'warm')
      expect(new Set(await replies)).toEqual(new Set(['warm']))
      expect(gate.asked.filter((key) => key === 'cold')).toEqual(['cold'])
    })

    test('a client that disconnects during a load does not affect the others', async () => {
      const [leaving, staying] = [await connect('gated'), await connect('gated')]
      const lost = leaving.call('GET', 'shared').catch((error: unknown) => error)
      await gate.isAskedFor('shared')
      const found = staying.call('GET', 'shared')
      await node.waiters('gated', 'shared', 2)
      await leaving.close()
      gate.give('shared', 'value')
      expect(await found).toBe('value')
      await lost
    })

    test('a write during a load wins, and the waiting client gets the loaded value', async () => {
      const [reader, writer] = [await connect('gated'), await connect('gated')]
      const read = reader.call('GET', 'fenced')
      await gate.isAskedFor('fenced')
      expect(await writer.call('SET', 'fenced', 'written')).toBe('OK')
      gate.give('fenced', 'loaded')
      expect(await read).toBe('loaded')
      expect(await reader.call('GET', 'fenced')).toBe('written')
    })

    test('replies keep their order around pending replies', async () => {
      const client = await connect('gated')
      const replies = Promise.all([
        client.call('GET', 'first'),
        client.call('PING'),
        client.call('GET', 'second'),
        client.call('SET', 'third', '3'),
        client.call('INCRBY', 'second', '5'),
        client.call('GET', 'third'),
        client.call('ECHO', 'last'),
      ])
      await gate.isAskedFor('second')
      gate.give('second', '2')
      gate.give('first', '1')
      expect(await replies).toEqual(['1', 'PONG', '2', 'OK', 7, '3', 'last'])
    })

    test('an origin that throws is an error with its reason, and the key is loaded again', async () => {
      const client = await connect('throwing')
      for (let i = 0; i < 2; i++)
        await expectError(client, 'ORIGIN throwing: down for repair', 'GET', 'thrown')
      expect(loadsOf('thrown')).toBe(2)
      expect(await client.call('SET', 'thrown', 'mended')).toBe('OK')
      expect(await client.call('GET', 'thrown')).toBe('mended')
    })

    test('an origin that hangs is an error after the timeout', async () => {
      const client = await connect('hanging')
      const hanging = 'ORIGIN hanging: timed out after 30 ms'
      await Promise.all([
        expectError(client, hanging, 'GET', 'Tom'),
        expectError(client, hanging, 'MGET', 'a', 'b'),
        client.call('PING'),
      ])
    })

    test('an origin that returns the wrong type is an error', async () => {
      const client = await connect('wrong')
      const error = `ORIGIN wrong: the origin gave a number for "Tom": ${VALUE_TYPES}`
      await expectError(client, error, 'GET', 'Tom')
      expect(await client.call('EXISTS', 'Tom')).toBe(0)
    })

    test('a value larger than the budget is an error that evicts nothing', async () => {
      const client = await connect('small')
      expect(String(await client.call('GET', '1000'))).toHaveLength(1000)
      const error = 'ORIGIN small: a value of 1000000 bytes exceeds the budget of 65536 bytes'
      await expectError(client, error, 'GET', '1000000')
      await expectError(client, 'OOM', 'SET', 'k', Buffer.alloc(100_000))
      expect(await client.call('DBSIZE')).toBe(1)
      expect(await node.groupInfo('small', 'evicted')).toBe(0)
    })

    test('selects groups', async () => {
      const client = await connect('cache')
      expect(await client.call('SET', 'Tom', 'here')).toBe('OK')
      expect(await client.call('SELECT', '0')).toBe('OK')
      expect(await client.call('GET', 'Tom')).toBe('630')
      expect(await client.call('SELECT', '1')).toBe('OK')
      expect(await client.call('GET', 'Tom')).toBe('here')
      await expectError(client, 'ERR DB index is out of range', 'SELECT', '7')
      expect(await client.call('GET', 'Tom')).toBe('here')
    })

    test('transfers all byte values, and empty strings', async () => {
      const client = await connect('cache')
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i & 0xff))
      expect(await client.call('SET', bytes, bytes)).toBe('OK')
      expect(await client.getBytes(bytes)).toEqual(bytes)
      expect(await client.call('SET', '', '')).toBe('OK')
      expect(await client.getBytes('')).toEqual(Buffer.alloc(0))
      expect(await client.call('SET', 'ключ', '🔑')).toBe('OK')
      expect(await client.call('GET', 'ключ')).toBe('🔑')
    })

    test('names that objects inherit are keys like any other', async () => {
      const client = await connect()
      for (const name of ['__proto__', 'constructor', 'toString']) {
        expect(await client.call('GET', name)).toBeNull()
        expect(await client.call('SET', name, name)).toBe('OK')
        expect(await client.call('GET', name)).toBe(name)
      }
    })

    test('transfers values of megabytes', async () => {
      const client = await connect('cache')
      const value = Buffer.alloc(5_000_000, 'erinys ')
      expect(await client.call('SET', 'large', value)).toBe('OK')
      const copies = await Promise.all([1, 2, 3].map(() => client.getBytes('large')))
      expect(copies.every((copy) => copy?.equals(value))).toBe(true)
    })

    test('answers thousands of commands sent at once', async () => {
      const client = await connect('cache')
      const keys = Array.from({ length: 2000 }, (_, i) => `many:${i}`)
      const written = await Promise.all(keys.map((key) => client.call('SET', key, key)))
      expect(new Set(written)).toEqual(new Set(['OK']))
      expect(await Promise.all(keys.map((key) => client.call('GET', key)))).toEqual(keys)
      expect(await client.call('MGET', ...keys)).toEqual(keys)
    })

    test('gets error replies with the texts of Redis', async () => {
      const client = await connect('cache')
      await expectError(client, "ERR unknown command 'NONSENSE', with args", 'NONSENSE', 'x')
      await expectError(client, "ERR wrong number of arguments for 'get' command", 'GET')
      await client.call('SET', 'word', 'abc')
      await expectError(client, 'ERR value is not an integer or out of range', 'INCR', 'word')
      await expectError(client, "ERR invalid expire time in 'set' command", 'SET', 'word', 'x', 'EX', '0')
      expect(await client.call('GET', 'word')).toBe('abc')
    })
  })

  describe(`${library.name} on RESP${library.protocol} and a password`, () => {
    const config: Config = {
      requirepass: 'a secret',
      users: { reader: ['on', '>another secret', '~T*', '+@read', '+@connection', '+info', '@group:scores'] },
      groups: { scores: { origin: (key) => scores.get(key) }, cache: {} },
    }
    let node: TestNode
    beforeAll(async () => {
      node = await startNode(config)
    })
    afterAll(() => node.close())

    test('connects with the right password', async () => {
      const client = await library.connect({ port: node.port, password: 'a secret' })
      expect(await client.call('GET', 'Tom')).toBe('630')
      expect(String(await client.call('CLIENT', 'INFO'))).toContain(` resp=${library.protocol} `)
      await client.close()
    })

    test('connects as a user with the rights of its rules', async () => {
      const client = await library.connect({
        port: node.port,
        username: 'reader',
        password: 'another secret',
      })
      expect(await client.call('GET', 'Tom')).toBe('630')
      expect(String(await client.call('CLIENT', 'INFO'))).toContain(' user=reader ')
      await expectError(
        client,
        'NOPERM this user has no permissions to access one of the keys used as arguments',
        'GET',
        'Sam',
      )
      await expectError(
        client,
        "NOPERM this user has no permissions to run the 'set' command",
        'SET',
        'Tom',
        '1',
      )
      await expectError(
        client,
        "NOPERM this user has no permissions to access the 'cache' group",
        'SELECT',
        'cache',
      )
      await client.close()
    })

    test('is refused with a wrong password', async () => {
      await expect(library.connect({ port: node.port, password: 'a guess' })).rejects.toThrow(
        /WRONGPASS|AuthenticationFailed/,
      )
    })
  })
}
