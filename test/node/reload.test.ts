// Reloading the configuration of a running node: what changes, what stays, and what is refused.

import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/config.ts'
import { type Config, createNode, type Loader, type Node, ReloadError } from '../../src/index.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { poll } from '../support/poll.ts'
import { RespClient } from '../support/resp-client.ts'

const cache = { maxBytes: '4mb' } as const

interface Started {
  readonly node: Node
  readonly client: Redis
  readonly port: number
  /** Lines of the log. */
  readonly lines: string[]
  /** What CONFIG RELOAD reads. */
  set(config: Config): void
  connect(): Redis
}

async function start(first: Config): Promise<Started> {
  let config: Config = { port: 0, bind: '127.0.0.1', ...first }
  const lines: string[] = []
  const add = (level: string) => (_: object, message: string) => {
    lines.push(`${level} ${message}`)
  }
  const log = { info: add('info'), warn: add('warn'), error: add('error'), level: 'info' }
  const readConfig = async () => resolveConfig(config)
  const node = await createNode(config, { log, readConfig })
  onTestFinished(() => node.close())
  const [{ port }] = await node.listen()
  const connect = (): Redis => {
    const client = new Redis(port, { password: first.requirepass, retryStrategy: () => null })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    return client
  }
  const set = (next: Config): void => {
    config = { port: 0, bind: '127.0.0.1', ...next }
  }
  return { node, client: connect(), port, lines, set, connect }
}

const reload = (client: Redis, ...args: string[]): Promise<unknown> =>
  client.call('CONFIG', 'RELOAD', ...args)

/** The error of a command. */
async function errorOf(reply: Promise<unknown>): Promise<string> {
  const error = await reply.then(
    () => undefined,
    (reason: Error) => reason,
  )
  expect(error).toBeInstanceOf(Error)
  return (error as Error).message
}

describe('groups', () => {
  test('one is added, one changed and one removed; connections and what is cached stay', async () => {
    const { client, set, lines } = await start({ groups: { a: cache, b: { ...cache, ttl: '1m' }, c: cache } })
    await client.mset('k1', '1', 'k2', '2')
    const id = await client.client('ID')
    set({ groups: { a: { ...cache, ttl: '10m' }, b: { ...cache, ttl: '1m' }, d: cache } })
    expect(await reload(client)).toEqual([
      'group c: removed',
      'group d: added at index 2, 4mb, no origin',
      'group a: ttl: 0ms -> 10m',
    ])
    expect(await client.mget('k1', 'k2')).toEqual(['1', '2'])
    await client.set('k3', '3')
    expect(await client.ttl('k3')).toBeGreaterThan(500)
    expect(await client.ttl('k1')).toBe(-1)
    expect(await client.client('ID')).toBe(id)
    expect(await client.call('GROUP', 'LIST')).toEqual(['a', 'b', 'd'])
    await client.select(2)
    expect(await client.set('x', 'in d')).toBe('OK')
    expect(lines.some((line) => line === 'info group c: removed')).toBe(true)
    expect(await client.config('GET', 'maxmemory:d')).toEqual(['maxmemory:d', String(4 * 2 ** 20)])
    expect(await client.config('GET', 'maxmemory:c')).toEqual([])
  })

  test('a client that has selected a removed group gets an error until it selects another one', async () => {
    const { client, set, connect, node } = await start({ groups: { a: cache, b: cache } })
    const other = connect()
    await other.select('b')
    await other.set('k', 'v')
    const blocked = connect()
    await blocked.select('b')
    const waiting = errorOf(blocked.blpop('list', 0))
    const transaction = connect()
    await transaction.select('b')
    await transaction.call('MULTI')
    await transaction.call('SET', 'k', 'lost')
    await poll(async () => /blocked_clients:1/.test(await client.info('clients')), 'BLPOP to wait')
    set({ groups: { a: cache } })
    await reload(client)
    const error =
      'ERR the selected group "b" was removed from the configuration: SELECT another one, known are a (0)'
    for (const call of [
      other.get('k'),
      other.set('k', 'v'),
      other.dbsize(),
      other.flushdb(),
      other.keys('*'),
    ])
      expect(await errorOf(call)).toBe(error)
    expect(await waiting).toBe(error)
    expect(await errorOf(transaction.call('EXEC'))).toMatch(/^EXECABORT/)
    // What needs no group works.
    expect(await other.ping()).toBe('PONG')
    expect(await other.call('GROUP', 'LIST')).toEqual(['a'])
    await expect(node.get('b', 'k')).rejects.toThrow('there is no group "b", known are a')
    await other.select(0)
    expect(await other.get('k')).toBeNull()
  })

  test('commands that wait for loads of a group that is removed neither ask its origin again nor write to it', async () => {
    const gated = new GatedOrigin()
    const afterClose: string[] = []
    let isClosed = false
    const origin: Loader = {
      kind: 'gated',
      load: (key, loading) => {
        if (isClosed) afterClose.push(`load ${key}`)
        return gated.load(key, loading)
      },
      store: (key) => void afterClose.push(`store ${key}`),
      remove: (key) => void afterClose.push(`remove ${key}`),
      close: () => {
        isClosed = true
      },
    }
    const written = { ...cache, write: 'behind', origin } as const
    const around = { ...cache, origin: { ...origin, kind: 'other' } }
    const { client, set, connect } = await start({ groups: { a: cache, b: around, c: written } })
    const inGroup = async (group: string): Promise<Redis> => {
      const other = connect()
      await other.select(group)
      return other
    }
    const reading = (await inGroup('b')).get('read')
    const appending = errorOf((await inGroup('b')).append('around', 'x'))
    const blocking = errorOf((await inGroup('b')).blpop('list', 0))
    const queueing = errorOf((await inGroup('c')).append('behind', 'x'))
    const keys = ['read', 'around', 'list', 'behind']
    for (const key of keys) await gated.isAskedFor(key)
    set({ groups: { a: cache } })
    await reload(client)
    gated.give('list', null)
    for (const key of keys.slice(0, 2)) gated.give(key, 'loaded')
    gated.give('behind', 'loaded')
    expect(await reading).toBe('loaded')
    expect(await appending).toContain('was removed from the configuration')
    expect(await blocking).toContain('was removed from the configuration')
    expect(await queueing).toContain('was removed from the configuration')
    await poll(() => isClosed, 'the origins to be closed')
    expect(afterClose).toEqual([])
    expect(gated.asked.length).toBe(keys.length)
  })

  test('a group that is removed and added again is empty, and its clients are in it', async () => {
    const { client, set, connect } = await start({ groups: { a: cache, b: cache } })
    const other = connect()
    await other.select('b')
    await other.set('k', 'v')
    set({ groups: { a: cache } })
    await reload(client)
    set({ groups: { a: cache, b: cache } })
    await reload(client)
    expect(await other.get('k')).toBeNull()
    expect(await other.set('k', 'w')).toBe('OK')
  })

  test('an index never changes: the reload is refused', async () => {
    const { client, set, lines } = await start({ groups: { a: cache, b: cache, c: cache } })
    set({ loglevel: 'debug', groups: { a: cache, c: cache } })
    expect(await errorOf(reload(client))).toBe(
      'ERR the configuration was refused, nothing has changed: group c: would move from index 2 to 1, and clients ' +
        'select groups by their indexes: add groups at the end, remove them from the end, or put another group in the ' +
        'place of a removed one',
    )
    expect(await client.call('GROUP', 'LIST')).toEqual(['a', 'b', 'c'])
    expect(await client.config('GET', 'loglevel')).toEqual(['loglevel', 'notice'])
    expect(lines.some((line) => line.startsWith('error CONFIG RELOAD: the configuration was refused'))).toBe(
      true,
    )
    set({ groups: { a: cache, other: cache, c: cache } })
    await reload(client)
    expect(await client.call('GROUP', 'LIST')).toEqual(['a', 'other', 'c'])
  })

  test('a smaller budget evicts in steps, between which commands run', async () => {
    const { client, set } = await start({ groups: { a: { maxBytes: '64mb' } } })
    const value = 'x'.repeat(1000)
    const pipeline = client.pipeline()
    for (let i = 0; i < 30_000; i++) pipeline.set(`key:${i}`, value)
    await pipeline.exec()
    const used = async (): Promise<number> => {
      const info = (await client.call('GROUP', 'INFO', 'a')) as unknown[]
      return info[info.indexOf('used') + 1] as number
    }
    expect(await used()).toBeGreaterThan(30_000_000)
    set({ groups: { a: { maxBytes: '4mb' } } })
    expect(await reload(client)).toEqual(['group a: maxBytes: 64mb -> 4mb'])
    // Not at once: this command runs before all is evicted.
    expect(await used()).toBeGreaterThan(4 * 2 ** 20)
    await poll(async () => (await used()) <= 4 * 2 ** 20, 'the budget')
    // The most recently used keys are left.
    expect(await client.get('key:29999')).toBe(value)
    expect(await client.get('key:0')).toBeNull()
  })
})

describe('origins', () => {
  test('loads under way end at the previous origin, which is then closed; later ones are of the new one', async () => {
    const before = new GatedOrigin()
    const closed: string[] = []
    const first: Loader = { kind: 'first', load: before.load, close: () => void closed.push('first') }
    const { client, set, node } = await start({ groups: { a: { ...cache, origin: first } } })
    const reading = client.get('k')
    await before.isAskedFor('k')
    const second: Loader = {
      kind: 'second',
      load: (key) => `second ${key}`,
      close: () => void closed.push('second'),
    }
    set({ groups: { a: { ...cache, origin: second } } })
    expect(await reload(client.duplicate())).toEqual([
      'group a: origin: first -> second, what was loaded becomes stale',
    ])
    expect(closed).toEqual([])
    expect(await node.get('a', 'other')).toBe('second other')
    before.give('k', 'of the first')
    expect(await reading).toBe('of the first')
    await poll(() => closed.length === 1, 'the previous origin to be closed')
    expect(closed).toEqual(['first'])
    // It was fenced: the source is another one.
    expect(await node.get('a', 'k')).toBe('second k')
  })

  test('the same code is taken over anew, and what is cached stays', async () => {
    let value = 'old'
    const made = (): Loader => ({ load: () => value })
    const { set, client, node } = await start({ groups: { a: { ...cache, origin: made() } } })
    expect(await node.get('a', 'k')).toBe('old')
    value = 'new'
    set({ groups: { a: { ...cache, origin: made() } } })
    expect(await reload(client)).toEqual([])
    expect(await node.get('a', 'k')).toBe('old')
    expect(await node.get('a', 'other')).toBe('new')
  })

  test('a failing new origin changes nothing, and those that were started are closed', async () => {
    const closed: string[] = []
    const loader = (name: string, fails = false): Loader => ({
      kind: name,
      load: () => name,
      start: () => {
        if (fails) throw new Error('wrong password')
      },
      close: () => void closed.push(name),
    })
    const { set, client, node } = await start({ groups: { a: { ...cache, origin: loader('present') } } })
    set({
      loglevel: 'debug',
      groups: {
        a: { ...cache, ttl: '1m', origin: loader('next') },
        b: { ...cache, origin: loader('added') },
        c: { ...cache, origin: loader('failing', true) },
      },
    })
    expect(await errorOf(reload(client))).toBe(
      'ERR the configuration was refused, nothing has changed: group c: wrong password',
    )
    expect(await node.get('a', 'k')).toBe('present')
    expect(await client.call('GROUP', 'LIST')).toEqual(['a'])
    expect(await client.config('GET', 'loglevel')).toEqual(['loglevel', 'notice'])
    expect(closed.sort()).toEqual(['added', 'failing'])
  })

  test('a source that does not answer is an error in a reload', async () => {
    const origin = { kind: 'redis', url: 'redis://127.0.0.1:1', connectTimeout: 200 } as const
    const { set, client } = await start({ groups: { a: cache } })
    set({ groups: { a: { ...cache, origin } } })
    expect(await errorOf(reload(client))).toMatch(
      /nothing has changed: group a: Redis does not answer: redis:\/\/127/,
    )
    set({ groups: { a: { ...cache, origin: { ...origin, lazy: true } } } })
    expect(await reload(client)).toEqual(['group a: origin: none -> redis'])
  })

  test('an origin is added to a group and removed from it: what clients wrote stays', async () => {
    const { set, client, node } = await start({ groups: { a: cache } })
    await client.set('own', '1')
    set({ groups: { a: { ...cache, origin: () => 'loaded' } } })
    expect(await reload(client)).toEqual(['group a: origin: none -> function'])
    expect(await client.mget('own', 'k')).toEqual(['1', 'loaded'])
    set({ groups: { a: cache } })
    expect(await reload(client)).toEqual(['group a: origin: function -> none'])
    expect(await client.mget('own', 'k', 'other')).toEqual(['1', 'loaded', null])
    expect((await node.stats('a')).origin).toBeNull()
  })

  test('a new origin reports changes from the moment it is used', async () => {
    const listeners = new Map<string, (key: string) => void>()
    const loader = (name: string): Loader => ({
      kind: name,
      load: () => `${name} ${counts++}`,
      listen: (listener) => {
        listeners.set(name, (key) => listener.key(Buffer.from(key)))
        listener.gap()
      },
    })
    let counts = 0
    const { set, client, node } = await start({ groups: { a: { ...cache, origin: loader('x') } } })
    expect(await node.get('a', 'k')).toBe('x 0')
    set({ groups: { a: { ...cache, origin: loader('y') } } })
    await reload(client)
    expect(await node.get('a', 'k')).toBe('y 1')
    listeners.get('y')?.('k')
    expect(await node.get('a', 'k')).toBe('y 2')
    // The previous one is not listened to any more.
    listeners.get('x')?.('k')
    expect(await node.get('a', 'k')).toBe('y 2')
  })
})

describe('write-behind', () => {
  /** Accepts writes once it is open. */
  function store() {
    const written = new Map<string, string>()
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const origin: Loader = {
      kind: 'store',
      load: (key) => written.get(key),
      async store(key, value) {
        await gate
        written.set(key, String(value))
      },
      remove: () => undefined,
    }
    return { origin, written, open: () => open() }
  }

  test('a group with pending writes is neither removed nor given another origin until they are written', async () => {
    const { origin, written, open } = store()
    const behind = { ...cache, write: 'behind', origin } as const
    const { set, client, connect } = await start({ groups: { a: cache, b: behind } })
    const other = connect()
    await other.select('b')
    await other.set('k', 'v')
    const refused = (what: string): string =>
      `ERR the configuration was refused, nothing has changed: group b: ${what} while 1 write waits for its origin: ` +
      'reload again when they are written (GROUP INFO: writesPending)'
    set({ groups: { a: cache } })
    expect(await errorOf(reload(client))).toBe(refused('cannot be removed'))
    set({ groups: { a: cache, b: { ...behind, origin: { ...origin, kind: 'another' } } } })
    expect(await errorOf(reload(client))).toBe(refused('cannot get another origin'))
    set({ groups: { a: cache, b: { ...behind, write: 'around' } } })
    expect(await errorOf(reload(client))).toBe(refused('cannot change write to around'))
    // Other policies may change meanwhile, and queued writes stay.
    set({ groups: { a: cache, b: { ...behind, ttl: '1h' } } })
    expect(await reload(client)).toEqual(['group b: ttl: 0ms -> 1h'])
    open()
    await poll(() => written.get('k') === 'v', 'the write')
    set({ groups: { a: cache } })
    await poll(async () => {
      const reply = await reload(client).catch(() => undefined)
      return reply !== undefined
    }, 'the reload')
    expect(await client.call('GROUP', 'LIST')).toEqual(['a'])
  })

  test('writes under way when a group leaves write-through do not overwrite later ones in the cache', async () => {
    const { origin, open } = store()
    const { set, client, node } = await start({ groups: { a: { ...cache, write: 'through', origin } } })
    const first = node.set('a', 'k', 'first')
    set({ groups: { a: { ...cache, write: 'around', origin } } })
    await reload(client)
    await client.set('k', 'second')
    open()
    await first
    // The origin has the first value: the second one was written to the cache only, which may drop it.
    expect([null, 'second', 'first']).toContain(await client.get('k'))
    expect((await node.stats('a')).write).toBe('around')
  })
})

describe('settings', () => {
  test('passwords, the log level and limits change at once; others need a restart', async () => {
    const { set, client, lines, port } = await start({ requirepass: 'old', groups: { a: cache } })
    set({
      port: 7000,
      tcpBacklog: 100,
      requirepass: 'new',
      loglevel: 'warning',
      maxclients: 100,
      timeout: '60s',
      hz: 20,
      slowlogLogSlowerThan: '1ms',
      groups: { a: cache },
    })
    const changes = (await reload(client)) as string[]
    expect(changes).toEqual(
      expect.arrayContaining([
        'requirepass: changed',
        'loglevel: notice -> warning',
        'maxclients: 10000 -> 100',
        'timeout: 0 -> 1m',
        'port: 0 -> 7000 (needs a restart)',
        'tcp-backlog: 511 -> 100 (needs a restart)',
      ]),
    )
    expect(lines).toContain('warn port: 0 -> 7000 (needs a restart)')
    expect(lines.join()).not.toMatch(/old|new/)
    // Whoever is logged in stays so; a new client needs the new password.
    expect(await client.config('GET', 'slowlog-log-slower-than')).toEqual(['slowlog-log-slower-than', '1000'])
    const late = await RespClient.connect(port)
    onTestFinished(() => void late.socket.destroy())
    expect(await late.call('AUTH', 'old')).toMatchObject({ message: expect.stringMatching(/^WRONGPASS/) })
    expect(await late.call('AUTH', 'new')).toBe('OK')
  })

  test('users are added, changed and removed; without a change, those of ACL SETUSER stay', async () => {
    const groups = { a: cache }
    const { set, client, connect, lines } = await start({
      users: { gone: 'on >g ~* +@all', kept: 'on >first ~* +@read' },
      groups,
    })
    await client.call('ACL', 'SETUSER', 'temporary', 'on', 'nopass', '~*', '+@all')
    expect(await reload(client)).toEqual([])
    expect(await client.call('ACL', 'USERS')).toEqual(['default', 'gone', 'kept', 'temporary'])
    const kept = connect()
    expect(await kept.call('AUTH', 'kept', 'first')).toBe('OK')
    expect(await errorOf(kept.set('key', 'value'))).toMatch(/^NOPERM/)
    set({ users: { kept: 'on >second ~* +@all', more: 'on >m ~* +get' }, groups })
    const changes = ['user gone: removed', 'user kept: changed', 'user more: added']
    expect(await reload(client, 'DRYRUN')).toEqual(changes)
    expect(await client.call('ACL', 'USERS')).toEqual(['default', 'gone', 'kept', 'temporary'])
    expect(await reload(client)).toEqual(changes)
    expect(await client.call('ACL', 'USERS')).toEqual(['default', 'kept', 'more'])
    expect(await kept.set('key', 'value')).toBe('OK')
    set({ users: { kept: 'on +nonsense' }, groups })
    expect(await errorOf(reload(client))).toMatch(/users\.kept.*nonsense/)
    expect(await client.call('ACL', 'USERS')).toEqual(['default', 'kept', 'more'])
    expect(lines.join()).not.toMatch(/second|first/)
  })

  test('a reload returns what CONFIG SET has changed to what the configuration says', async () => {
    const { client } = await start({ groups: { a: cache, b: cache } })
    await client.config('SET', 'hz', '50', 'maxmemory:b', '1mb')
    expect(await reload(client, 'DRYRUN')).toEqual(['hz: 50 -> 10', 'group b: maxBytes: 1mb -> 4mb'])
    expect(await client.config('GET', 'hz')).toEqual(['hz', '50'])
    expect(await reload(client)).toHaveLength(2)
    expect(await client.config('GET', 'hz')).toEqual(['hz', '10'])
    expect(await reload(client)).toEqual([])
  })

  test.each([
    [{ maxclients: -1 }, 'maxclients: got -1'],
    [{ loglevel: 'loud' }, "loglevel: got 'loud', wants one of"],
    [{ timeout: 300 }, 'timeout: got 300, wants whole seconds'],
    [{ requirepass: 5 }, 'requirepass: got a number, wants text'],
    [{ hz: 0 }, 'hz: got 0'],
    [{ bogus: 1 }, 'bogus: unknown field'],
    [{ groups: {} }, 'groups: got no group'],
    [{ groups: { a: { ...cache, ttl: 'soon' } } }, "groups.a.ttl: got 'soon'"],
    [{ groups: { a: { ...cache, origin: { kind: 'sql' } } } }, 'groups.a.origin.url'],
    [{ groups: { a: { ...cache, write: 'through' } } }, 'groups.a.write: got through'],
    [{ bind: '0.0.0.0' }, 'there is no password'],
    [{ groups: { a: { maxBytes: '100000gb' } } }, 'the budgets of the groups are'],
    [{ cluster: { peers: ['x'] } }, 'cluster'],
  ])('a wrong configuration changes nothing and says what is wrong: %j', async (wrong, message) => {
    const { set, client, lines } = await start({ groups: { a: cache } })
    await client.set('k', 'v')
    set({ loglevel: 'debug', groups: { a: cache, b: cache }, ...wrong } as unknown as Config)
    const error = await errorOf(reload(client))
    expect(error).toContain('ERR the configuration was refused, nothing has changed: ')
    expect(error).toContain(message)
    expect(lines.some((line) => line.startsWith('error ') && line.includes(message))).toBe(true)
    expect(await client.call('GROUP', 'LIST')).toEqual(['a'])
    expect(await client.get('k')).toBe('v')
  })

  test('CONFIG RELOAD: arguments, transactions, and a node without a file', async () => {
    const { client } = await start({ groups: { a: cache } })
    expect(await errorOf(reload(client, 'NOW'))).toBe('ERR syntax error')
    expect(await errorOf(reload(client, 'DRYRUN', 'x'))).toBe('ERR syntax error')
    await client.call('MULTI')
    expect(await errorOf(reload(client))).toBe('ERR Command not allowed inside a transaction')
    await client.call('DISCARD')
    const node = await createNode({ port: 0, bind: '127.0.0.1', groups: { a: cache } })
    onTestFinished(() => node.close())
    const [{ port }] = await node.listen()
    const other = new Redis(port)
    onTestFinished(() => other.disconnect())
    expect(await errorOf(reload(other))).toContain('the node was not started from a configuration file')
    // The program gives one.
    expect(await node.reload({ groups: { a: { ...cache, ttl: '1m' } } })).toContain('group a: ttl: 0ms -> 1m')
    await expect(node.reload()).rejects.toThrow(ReloadError)
  })

  test('a closed node does not reload', async () => {
    const node = await createNode({ groups: { a: cache } })
    await node.close()
    await expect(node.reload({ groups: { a: cache } })).rejects.toThrow('the node is closing')
  })
})

test('20 reloads under load: no connection is closed and no reply is lost', async () => {
  const origin = (prefix: string): Loader => ({
    kind: 'function',
    loadMany: (keys) => keys.map((key) => `${prefix}${key}`),
    load: (key) => `${prefix}${key}`,
  })
  const groups = (i: number): Config['groups'] => ({
    a: { maxBytes: `${4 + (i % 3)}mb`, ttl: `${1 + i}m`, origin: origin('') },
    ...(i % 2 === 0 ? { [`extra${i}`]: cache } : {}),
  })
  const { client, set, connect, node } = await start({ groups: groups(1) })
  let isDone = false
  let replies = 0
  const load = async (own: Redis, name: string): Promise<void> => {
    for (let i = 0; !isDone; i++) {
      const keys = Array.from({ length: 20 }, (_, k) => `${name}:${i}:${k}`)
      const pipeline = own.pipeline()
      for (const key of keys) pipeline.get(key)
      pipeline.set(`own:${name}`, String(i))
      pipeline.get(`own:${name}`)
      const results = (await pipeline.exec()) ?? []
      expect(results.map(([error]) => error)).toEqual(results.map(() => null))
      expect(results.map(([, value]) => value)).toEqual([...keys, 'OK', String(i)])
      replies += results.length
    }
  }
  const clients = Array.from({ length: 8 }, connect)
  let closed = 0
  for (const own of clients) own.on('close', () => closed++)
  const running = clients.map((own, i) => load(own, String(i)))
  for (let i = 2; i < 22; i++) {
    const before = replies
    set({ loglevel: i % 2 === 0 ? 'notice' : 'verbose', groups: groups(i) })
    expect((await reload(client)) as string[]).toContain(`group a: ttl: ${i}m -> ${i + 1}m`)
    await poll(() => replies > before + 200, 'load')
  }
  const closedBefore = closed
  isDone = true
  await Promise.all(running)
  expect(closedBefore).toBe(0)
  expect((await node.stats('a')).failures).toBe(0)
})

test('the limit of HTTP connections changes at once, in both directions', async () => {
  const http = { port: 'any', bind: '127.0.0.1' } as const
  const { node, client, set } = await start({ groups: { cache }, http: { ...http, maxConnections: 1 } })
  const [{ port }] = node.httpAddresses
  const agents: Agent[] = []
  onTestFinished(() => {
    for (const agent of agents) agent.destroy()
  })
  /** The status that a connection of its own gets, which stays open if it is accepted. */
  const ask = async (): Promise<number | undefined> => {
    const agent = new Agent({ keepAlive: true })
    agents.push(agent)
    const request = get({ host: '127.0.0.1', port, path: '/healthz', agent })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode
  }
  expect([await ask(), await ask()]).toEqual([200, 503])
  set({ groups: { cache }, http: { ...http, maxConnections: 3 } })
  await expect(reload(client)).resolves.toEqual(['http.maxConnections: 1 -> 3'])
  await expect(reload(client)).resolves.toEqual([])
  expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 503])
  set({ groups: { cache }, http: { ...http, maxConnections: 2 } })
  await expect(reload(client)).resolves.toEqual(['http.maxConnections: 3 -> 2'])
  expect(await ask()).toBe(503)
  expect(await client.info('clients')).toMatch(/http_connections:3\r\nhttp_max_connections:2\r\n/)
})
