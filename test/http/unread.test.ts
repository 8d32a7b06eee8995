// Responses that HTTP clients do not read count in `maxmemory-clients`, together with the replies of Redis clients.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { GatedOrigin } from '../support/gated-origin.ts'
import { closed, type HttpNode, open, startHttp } from '../support/http.ts'
import { poll } from '../support/poll.ts'

const MB = 2 ** 20

/** A plain read, which node:http never sees, and the same with a header that makes it one for node:http. */
const kinds: readonly (readonly [string, (key: string) => string])[] = [
  ['plain reads', (key) => `GET /cache/g/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ['others', (key) => `GET /cache/g/${key} HTTP/1.1\r\nHost: localhost\r\nTrailer: X\r\n\r\n`],
]

async function start(limit: string, config: object = {}): Promise<HttpNode> {
  const node = await startHttp({ maxmemory: '256mb', maxmemoryClients: limit, groups: { g: {} }, ...config })
  return node
}

function put(node: HttpNode, key: string, size: number): Promise<unknown> {
  return node.node.set('g', key, Buffer.alloc(size, 'x'))
}

function redisOf(node: HttpNode): Redis {
  const redis = new Redis(node.respPort, { retryStrategy: () => null })
  redis.on('error', () => undefined)
  onTestFinished(() => redis.disconnect())
  return redis
}

async function evicted(redis: Redis): Promise<number> {
  return Number(/\r\nevicted_clients:(\d+)\r/.exec(await redis.info('stats'))?.[1])
}

/** Bytes of unread output of each HTTP connection, by its port. */
async function unread(redis: Redis): Promise<ReadonlyMap<number, number>> {
  const lines = String(await redis.call('CLIENT', 'LIST')).split('\n')
  const http = lines.filter((line) => line.includes(' flags=H'))
  return new Map(http.map((line) => [numberIn(line, / addr=\S*:(\d+)/), numberIn(line, / omem=(\d+)/)]))
}

function numberIn(line: string, pattern: RegExp): number {
  return Number(pattern.exec(line)?.[1])
}

async function hasUnread(redis: Redis, socket: Socket, least: number): Promise<void> {
  const { port } = socket.address() as { port: number }
  await poll(async () => ((await unread(redis)).get(port) ?? 0) >= least, 'a response that is not read')
}

/** Waits until so many clients were evicted; then one must be closed. */
async function isClosed(redis: Redis, socket: Socket, count: number): Promise<void> {
  await poll(async () => (await evicted(redis)) === count, 'the eviction')
  // Its end is seen behind what was sent.
  socket.resume()
  await closed(socket)
}

/** Reads `size` bytes. */
async function read(socket: Socket, size: number): Promise<void> {
  let bytes = 0
  while (bytes < size) {
    const part: Buffer | null = socket.read()
    if (part === null) await once(socket, 'readable')
    else bytes += part.length
  }
}

describe.each(kinds)('%s', (_, get) => {
  test('the client with the most is closed, and the others get their responses', async () => {
    const node = await start('40mb')
    const redis = redisOf(node)
    await put(node, 'small', 15 * MB)
    await put(node, 'large', 30 * MB)
    const [few, many] = [await open(node.port), await open(node.port)]
    few.write(get('small'))
    await hasUnread(redis, few, 8 * MB)
    many.write(get('large'))
    await isClosed(redis, many, 1)
    expect(node.warnings.filter((line) => line.includes('maxmemory-clients'))).toHaveLength(1)
    await read(few, 15 * MB)
  })

  test('what a client reads does not count any more', async () => {
    const node = await start('40mb')
    const redis = redisOf(node)
    await put(node, 'large', 30 * MB)
    const socket = await open(node.port)
    for (let i = 0; i < 3; i++) {
      socket.write(get('large'))
      await read(socket, 30 * MB)
    }
    expect(await evicted(redis)).toBe(0)
  })

  test('responses that wait for an earlier one count', async () => {
    const gated = new GatedOrigin()
    const node = await start('40mb', { groups: { g: {}, slow: { origin: gated } } })
    const redis = redisOf(node)
    await put(node, 'a', 15 * MB)
    const socket = await open(node.port)
    socket.write(get('first').replace('/g/', '/slow/') + get('a') + get('a'))
    await hasUnread(redis, socket, 30 * MB)
    expect(await evicted(redis)).toBe(0)
    socket.write(get('a'))
    await isClosed(redis, socket, 1)
    gated.give('first', 'x')
  })
})

test('replies of Redis clients and responses count together', async () => {
  const node = await start('40mb')
  const redis = redisOf(node)
  await put(node, 'a', 25 * MB)
  const [http, resp] = [await open(node.port), await open(node.respPort)]
  http.write(kinds[0][1]('a'))
  await hasUnread(redis, http, 20 * MB)
  await put(node, 'b', 30 * MB)
  resp.write('GET b\r\n')
  await isClosed(redis, resp, 1)
  resp.destroy()
  const other = await open(node.respPort)
  await put(node, 'b', 20 * MB)
  other.write('GET b\r\n')
  await isClosed(redis, http, 2)
  await read(other, 20 * MB)
})

test('a lower limit applies to responses that are not read already', async () => {
  const node = await start('0')
  const redis = redisOf(node)
  await put(node, 'a', 20 * MB)
  const socket = await open(node.port)
  socket.write(kinds[0][1]('a'))
  await hasUnread(redis, socket, 10 * MB)
  await redis.config('SET', 'maxmemory-clients', '5mb')
  await isClosed(redis, socket, 1)
})
