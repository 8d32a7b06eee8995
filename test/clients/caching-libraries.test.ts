// Libraries that keep sessions and caches in Redis, at their ordinary work: against a node, and through any node of a cluster.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient, createCluster } from '@redis/client'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { describeIfFound } from '../support/executable.ts'
import { startNode } from '../support/node.ts'
import { importPackages } from '../support/packages.ts'

/** Calls of a store of express-session, which give their result to a callback. */
type StoreCall = (...args: unknown[]) => void
interface SessionStore {
  readonly get: StoreCall
  readonly set: StoreCall
  readonly touch: StoreCall
  readonly destroy: StoreCall
  readonly all: StoreCall
  readonly ids: StoreCall
  readonly length: StoreCall
  readonly clear: StoreCall
}

type Next = () => void
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void
type WithSession = IncomingMessage & {
  session: { visits?: number; destroy(done: Next): void }
}

interface ManagedCache {
  set(key: string, value: unknown, ttl?: number): Promise<unknown>
  get(key: string): Promise<unknown>
  mset(entries: readonly { key: string; value: unknown; ttl?: number }[]): Promise<unknown>
  mget(keys: readonly string[]): Promise<readonly unknown[]>
  del(key: string): Promise<unknown>
  mdel(keys: readonly string[]): Promise<unknown>
  wrap(key: string, load: () => unknown, ttl?: number): Promise<unknown>
  clear(): Promise<unknown>
  disconnect(): Promise<unknown>
}

interface Bento {
  set(options: { key: string; value: unknown; ttl?: string; tags?: string[] }): Promise<unknown>
  get(options: { key: string }): Promise<unknown>
  getOrSet(options: {
    key: string
    factory: () => unknown
    ttl?: string
    grace?: string
    tags?: string[]
  }): Promise<unknown>
  has(options: { key: string }): Promise<boolean>
  pull(key: string): Promise<unknown>
  delete(options: { key: string }): Promise<boolean>
  deleteMany(options: { keys: string[] }): Promise<boolean>
  deleteByTag(options: { tags: string[] }): Promise<boolean>
  expire(options: { key: string }): Promise<unknown>
  namespace(name: string): Bento
  clear(): Promise<unknown>
  disconnectAll(): Promise<unknown>
}

interface FastifyApp {
  readonly redis: Redis & Record<string, Redis>
  register(plugin: unknown, options: object): FastifyApp
  get(
    path: string,
    handler: (request: { readonly params: { readonly id: string } }) => Promise<unknown>,
  ): void
  inject(path: string): Promise<{ json(): unknown }>
  close(): Promise<void>
}

const packages = await importPackages(
  'connect-redis',
  'express-session',
  'cache-manager',
  'keyv',
  '@keyv/redis',
  'bentocache',
  'bentocache/drivers/redis',
  'bentocache/drivers/memory',
  'fastify',
  '@fastify/redis',
)

const GROUPS = { cache: { maxBytes: '16mb' } } as const

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Place {
  /** A node, and all of them. */
  readonly port: number
  readonly ports: readonly number[]
  close(): Promise<void>
}

async function single(): Promise<Place> {
  const { port, close } = await startNode({ groups: GROUPS })
  return { port, ports: [port], close }
}

async function several(): Promise<Place> {
  const { ports, close } = await startCluster(3, { groups: GROUPS })
  return { port: ports[1], ports, close }
}

/** A call with a callback as a promise. */
function called(call: (done: (error: unknown, result?: unknown) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) =>
    call((error, result) => (error === null || error === undefined ? resolve(result) : reject(error))),
  )
}

describeIfFound(
  packages,
  'libraries',
  'connect-redis, cache-manager, bentocache, @fastify/redis',
  'libraries',
  (found) => {
    describe.each([
      ['a node', single],
      ['a cluster, through one of its nodes', several],
    ] as const)('%s', (_, start) => {
      let place: Place
      let watcher: Redis
      beforeAll(async () => {
        place = await start()
        watcher = new Redis(place.port)
      })
      afterAll(async () => {
        watcher.disconnect()
        await place.close()
      })
      afterEach(() => watcher.flushall())

      async function sessionStore(isCluster = false): Promise<SessionStore> {
        const { RedisStore } = found['connect-redis'] as {
          RedisStore: new (options: { client: unknown; prefix: string; ttl: number }) => SessionStore
        }
        const url = (port: number): string => `redis://127.0.0.1:${port}`
        const client = isCluster
          ? createCluster({ rootNodes: place.ports.map((port) => ({ url: url(port) })) })
          : createClient({ url: url(place.port) })
        await client.connect()
        closing.push(() => client.destroy())
        return new RedisStore({ client, prefix: 'app:', ttl: 3600 })
      }

      test('connect-redis keeps sessions', async () => {
        const store = await sessionStore()
        const session = (visits: number): object => ({ visits, cookie: { originalMaxAge: null } })
        const ids = Array.from({ length: 50 }, (_, i) => `session-${i}`)
        for (const [i, id] of ids.entries()) await called((done) => store.set(id, session(i), done))
        expect(await called((done) => store.get('session-7', done))).toEqual(session(7))
        expect(await called((done) => store.get('none', done))).toBeNull()
        expect(await watcher.ttl('app:session-7')).toBe(3600)
        const expires = new Date(Date.now() + 7200_000)
        await called((done) => store.touch('session-7', { cookie: { expires } }, done))
        expect(await watcher.ttl('app:session-7')).toBeGreaterThan(3600)
        expect(((await called((done) => store.ids(done))) as string[]).sort()).toEqual([...ids].sort())
        expect(await called((done) => store.length(done))).toBe(50)
        expect(((await called((done) => store.all(done))) as unknown[]).length).toBe(50)
        // A session that is over is destroyed.
        await called((done) => store.set('session-8', { cookie: { expires: new Date(0) } }, done))
        await called((done) => store.destroy('session-7', done))
        expect(await called((done) => store.length(done))).toBe(48)
        await called((done) => store.clear(done))
        expect(await watcher.dbsize()).toBe(0)
      })

      test('connect-redis serves express-session, over HTTP', async () => {
        const store = await sessionStore()
        const session = (found['express-session'] as { default: (options: object) => Middleware }).default({
          store,
          secret: 'a secret',
          resave: false,
          saveUninitialized: false,
        })
        const server: Server = createServer((request, response) => {
          session(request, response, () => {
            const own = (request as WithSession).session
            if (request.url === '/leave') {
              own.destroy(() => response.end('bye'))
              return
            }
            own.visits = (own.visits ?? 0) + 1
            response.end(String(own.visits))
          })
        })
        await once(server.listen(0, '127.0.0.1'), 'listening')
        closing.push(() => server.close())
        const { port } = server.address() as AddressInfo
        const visit = async (cookie: string, path = '/'): Promise<{ text: string; cookie: string }> => {
          const response = await fetch(`http://127.0.0.1:${port}${path}`, {
            headers: { cookie, connection: 'close' },
          })
          return {
            text: await response.text(),
            cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '',
          }
        }
        const { text, cookie } = await visit('')
        expect(text).toBe('1')
        expect((await visit(cookie)).text).toBe('2')
        expect((await visit(cookie)).text).toBe('3')
        expect((await visit('')).text).toBe('1')
        expect((await visit(cookie, '/leave')).text).toBe('bye')
        expect((await visit(cookie)).text).toBe('1')
      })

      test('cache-manager with keyv', async () => {
        const { createCache } = found['cache-manager'] as {
          createCache: (options: object) => ManagedCache
        }
        const { Keyv } = found.keyv as { Keyv: new (options: object) => unknown }
        const { default: KeyvRedis } = found['@keyv/redis'] as {
          default: new (where: unknown, options?: object) => unknown
        }
        const connected = (where: unknown): ManagedCache => {
          const store = new KeyvRedis(where, { namespace: 'app' })
          const cache = createCache({ stores: [new Keyv({ store, namespace: 'app' })] })
          closing.push(() => cache.disconnect())
          return cache
        }
        const url = (port: number): string => `redis://127.0.0.1:${port}`
        const places: unknown[] = [url(place.port)]
        if (place.ports.length > 1)
          places.push({ rootNodes: place.ports.map((port) => ({ url: url(port) })) })
        for (const where of places) {
          const cache = connected(where)
          await cache.set('user:1', { name: 'Tom', points: 630 }, 3600_000)
          expect(await cache.get('user:1')).toEqual({ name: 'Tom', points: 630 })
          expect(await cache.get('none')).toBeUndefined()
          const keys = Array.from({ length: 20 }, (_, i) => `many:${i}`)
          // `mset` is a transaction, so in a cluster it is for cluster clients, which divide it by slots.
          if (typeof where === 'string' && place.ports.length > 1)
            for (const key of keys) await cache.set(key, key, 3600_000)
          else await cache.mset(keys.map((key) => ({ key, value: key, ttl: 3600_000 })))
          expect(await cache.mget([...keys, 'none'])).toEqual([...keys, undefined])
          let loads = 0
          const load = (): unknown => ({ loads: ++loads })
          expect(await cache.wrap('wrapped', load, 3600_000)).toEqual({ loads: 1 })
          expect(await cache.wrap('wrapped', load, 3600_000)).toEqual({ loads: 1 })
          await cache.del('wrapped')
          expect(await cache.wrap('wrapped', load, 3600_000)).toEqual({ loads: 2 })
          await cache.mdel(keys.slice(1))
          expect(await cache.mget(keys.slice(0, 2))).toEqual([keys[0], undefined])
          const [stored] = await watcher.keys('*user:1')
          expect(await watcher.ttl(stored)).toBeGreaterThan(3500)
          await watcher.set('other', '1')
          await cache.clear()
          expect(await watcher.keys('*')).toEqual(['other'])
        }
      })

      test('bentocache, without its bus', async () => {
        const { BentoCache, bentostore } = found.bentocache as {
          BentoCache: new (options: object) => Bento
          bentostore: () => {
            useL1Layer(driver: unknown): { useL2Layer(driver: unknown): unknown }
            useL2Layer(driver: unknown): unknown
          }
        }
        const { redisDriver } = found['bentocache/drivers/redis'] as {
          redisDriver: (options: object) => unknown
        }
        const { memoryDriver } = found['bentocache/drivers/memory'] as {
          memoryDriver: (options: object) => unknown
        }
        const redis = (): unknown => redisDriver({ connection: { host: '127.0.0.1', port: place.port } })
        const made = (store: unknown): Bento => {
          const bento = new BentoCache({ default: 'main', stores: { main: store } })
          closing.push(() => bento.disconnectAll())
          return bento
        }
        const bento = made(
          bentostore()
            .useL1Layer(memoryDriver({ maxSize: '1mb' }))
            .useL2Layer(redis()),
        )
        // What others find: without a layer in their memory.
        const other = made(bentostore().useL2Layer(redis()))
        let loads = 0
        const factory = (): unknown => ({ loads: ++loads })
        const options = { key: 'user:1', factory, ttl: '1h', grace: '6h', tags: ['users'] }
        expect(await bento.getOrSet(options)).toEqual({ loads: 1 })
        expect(await bento.getOrSet(options)).toEqual({ loads: 1 })
        expect(await other.getOrSet(options)).toEqual({ loads: 1 })
        await bento.set({ key: 'a', value: [1, 'ü'], ttl: '1h' })
        await bento.set({ key: 'b', value: 'b' })
        expect(await other.get({ key: 'a' })).toEqual([1, 'ü'])
        expect(await other.has({ key: 'b' })).toBe(true)
        expect(await other.pull('b')).toBe('b')
        expect(await other.has({ key: 'b' })).toBe(false)
        await bento.delete({ key: 'a' })
        expect(await other.get({ key: 'a' })).toBeUndefined()
        await other.deleteByTag({ tags: ['users'] })
        expect(await other.getOrSet({ ...options, grace: undefined as never })).toEqual({ loads: 2 })
        await other.expire({ key: 'user:1' })
        expect(await other.get({ key: 'user:1' })).toBeUndefined()
        const names = ['x', 'y', 'z']
        const users = other.namespace('users')
        for (const key of names) {
          await users.set({ key, value: key })
          await other.set({ key, value: key })
        }
        await users.deleteMany({ keys: ['x', 'y'] })
        expect(await Promise.all(names.map((key) => users.get({ key })))).toEqual([undefined, undefined, 'z'])
        await users.clear()
        expect(await users.get({ key: 'z' })).toBeUndefined()
        expect(await other.get({ key: 'z' })).toBe('z')
        await other.clear()
        expect(await other.get({ key: 'z' })).toBeUndefined()
      })

      test('@fastify/redis', async () => {
        const fastify = found.fastify as unknown as { default?: () => FastifyApp } & (() => FastifyApp)
        const app = (fastify.default ?? fastify)()
        closing.push(() => app.close())
        app.register(found['@fastify/redis'], { host: '127.0.0.1', port: place.port })
        app.get('/users/:id', async ({ params: { id } }) => {
          const visits = await app.redis.hincrby(`user:${id}`, 'visits', 1)
          return { visits, user: await app.redis.hgetall(`user:${id}`) }
        })
        app.get('/lines/:id', async ({ params: { id } }) => {
          const replies = await app.redis
            .multi()
            .rpush(`{${id}}:lines`, 'a', 'b')
            .expire(`{${id}}:lines`, 100)
            .lrange(`{${id}}:lines`, 0, -1)
            .exec()
          return replies?.map(([, reply]) => reply)
        })
        await watcher.hset('user:7', 'name', 'Tom')
        expect((await app.inject('/users/7')).json()).toEqual({
          visits: 1,
          user: { name: 'Tom', visits: '1' },
        })
        expect((await app.inject('/users/7')).json()).toMatchObject({ visits: 2 })
        expect((await app.inject('/lines/7')).json()).toEqual([2, 1, ['a', 'b']])
      })
    })
  },
)

describeIfFound(packages, 'libraries with cluster clients', 'connect-redis', 'libraries', (found) => {
  async function cluster(): Promise<Place> {
    const place = await several()
    closing.push(() => place.close())
    return place
  }

  test('connect-redis', async () => {
    const place = await cluster()
    const { RedisStore } = found['connect-redis'] as {
      RedisStore: new (options: { client: unknown }) => SessionStore
    }
    const rootNodes = place.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }))
    const client = createCluster({ rootNodes })
    await client.connect()
    closing.push(() => client.destroy())
    const store = new RedisStore({ client })
    const session = { visits: 1, cookie: { originalMaxAge: null } }
    for (let i = 0; i < 20; i++) await called((done) => store.set(`s${i}`, session, done))
    for (let i = 0; i < 20; i++) {
      await called((done) => store.touch(`s${i}`, session, done))
      expect(await called((done) => store.get(`s${i}`, done))).toEqual(session)
      await called((done) => store.destroy(`s${i}`, done))
      expect(await called((done) => store.get(`s${i}`, done))).toBeNull()
    }
  })

  test('@fastify/redis', async () => {
    const place = await cluster()
    const fastify = found.fastify as unknown as { default?: () => FastifyApp } & (() => FastifyApp)
    const app = (fastify.default ?? fastify)()
    closing.push(() => app.close())
    const client = new Redis.Cluster(place.ports.map((port) => ({ host: '127.0.0.1', port })))
    closing.push(() => client.disconnect())
    app.register(found['@fastify/redis'], { client })
    app.get('/users/:id', async ({ params: { id } }) => app.redis.incr(`user:${id}`))
    for (let i = 0; i < 20; i++) expect((await app.inject(`/users/${i}`)).json()).toBe(1)
  })
})
