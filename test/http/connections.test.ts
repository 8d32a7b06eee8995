// HTTP connections and requests as an operator sees them: metrics, INFO, CLIENT LIST and CLIENT KILL, and their limit.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/index.ts'
import { type Family, parseExposition, sampled } from '../support/exposition.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { closed, exchangeBytes, type HttpNode, open, received, startHttp } from '../support/http.ts'
import { poll } from '../support/poll.ts'

const VALUE = { method: 'GET', route: '/cache/{group}/{key}' }
const NO_ROUTE = { method: 'any', route: 'none' }

/** A plain read, which node:http never sees, and the same with a header that makes it one for node:http. */
const PLAIN = 'GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n'
const OTHER = 'GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\nTrailer: X\r\n\r\n'

async function scrape(node: HttpNode): Promise<Map<string, Family>> {
  return parseExposition((await node.ask('/metrics')).text, 'prometheus')
}

async function requestsOf(node: HttpNode, labels: object): Promise<Record<string, number>> {
  const family = (await scrape(node)).get('erinys_http_requests_total')
  const wanted = Object.entries(labels)
  const samples = family?.samples.filter(({ labels }) =>
    wanted.every(([name, value]) => labels[name] === value),
  )
  return Object.fromEntries((samples ?? []).map(({ labels: { status }, value }) => [status, value]))
}

function redisOf(node: HttpNode, options: object = {}): Redis {
  const redis = new Redis(node.respPort, { ...options, lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  onTestFinished(() => redis.disconnect())
  return redis
}

async function clientsOf(redis: Redis, ...more: string[]): Promise<Record<string, string>[]> {
  const text = String(await redis.call('CLIENT', 'LIST', ...more))
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => Object.fromEntries(line.split(' ').map((field) => field.split('=', 2))))
}

describe('requests are counted by route and class of status', () => {
  test.each([
    ['plain reads', PLAIN],
    ['others', OTHER],
  ])('%s', async (_, request) => {
    const node = await startHttp({
      groups: { g: { origin: (key: string) => (key === 'a' ? 'value' : null) } },
    })
    const socket = await open(node.port)
    const all = request + request + request.replace('/a ', '/absent ') + request.replace('GET', 'HEAD')
    socket.write(all + request.replace('\r\n\r\n', '\r\nIf-None-Match: *\r\n\r\n'))
    await received(socket, (text) => text.split('HTTP/1.1 ').length === 6 && text.includes('HTTP/1.1 304'))
    await poll(async () => (await requestsOf(node, VALUE))['3xx'] === 1, 'the last response to be counted')
    expect(await requestsOf(node, VALUE)).toEqual({ none: 0, '2xx': 3, '3xx': 1, '4xx': 1, '5xx': 0 })
    const families = await scrape(node)
    expect(sampled(families, 'erinys_http_request_duration_seconds_count', VALUE)).toBe(5)
    expect(sampled(families, 'erinys_http_request_duration_seconds_sum', VALUE)).toBeGreaterThan(0)
  })

  test('writes are a route of their own, and what has no route is counted, too', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: 'value' })
    await node.ask('/nothing')
    await node.ask('/cache/g/a', { headers: { host: 'evil.example' } })
    await node.ask('/groups', { method: 'PUT' })
    expect(await exchangeBytes(node.port, 'no HTTP\r\n\r\n')).toContain('400 Bad Request')
    expect(await requestsOf(node, { method: 'PUT', route: '/cache/{group}/{key}' })).toMatchObject({
      '2xx': 1,
    })
    expect(await requestsOf(node, NO_ROUTE)).toMatchObject({ '4xx': 4, '2xx': 0 })
    // A route that nobody has asked has no samples.
    expect(await requestsOf(node, { route: '/explain/{group}/{key}' })).toEqual({})
  })

  test.each([
    ['plain read', PLAIN],
    ['other request', OTHER],
  ])('a client that is gone before the response to its %s', async (_, request) => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const socket = await open(node.port)
    socket.write(request)
    await gated.isAskedFor('a')
    expect(sampled(await scrape(node), 'erinys_http_active_requests')).toBe(2)
    // Who only sends no more still wants the response.
    socket.resetAndDestroy()
    await poll(async () => (await requestsOf(node, VALUE)).none === 1, 'the request to be counted')
    gated.give('a', 'value')
    expect(await requestsOf(node, VALUE)).toMatchObject({ none: 1, '2xx': 0 })
    expect(sampled(await scrape(node), 'erinys_http_active_requests')).toBe(1)
  })

  test('INFO has the sums, and CONFIG RESETSTAT sets them to 0', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const redis = redisOf(node)
    await node.ask('/cache/g/a')
    const kept = await open(node.port)
    kept.write(PLAIN)
    await received(kept, (text) => text.includes('\r\n\r\n'))
    const info = await redis.info()
    expect(info).toMatch(/\r\ntotal_http_connections:2\r/)
    expect(info).toMatch(/\r\ntotal_http_requests:2\r/)
    expect(info).toMatch(/\r\nhttp_connections:1\r\nhttp_max_connections:1000\r/)
    // Connections of Redis clients are counted apart.
    expect(info).toMatch(/\r\nconnected_clients:1\r/)
    expect(info).toMatch(/\r\ntotal_connections_received:1\r/)
    const before = await scrape(node)
    expect(sampled(before, 'erinys_http_received_bytes_total')).toBeGreaterThan(2 * PLAIN.length)
    expect(sampled(before, 'erinys_http_sent_bytes_total')).toBeGreaterThan(100)
    await redis.config('RESETSTAT')
    const after = await redis.info()
    expect(after).toMatch(/\r\ntotal_http_connections:0\r/)
    expect(after).toMatch(/\r\ntotal_http_requests:0\r/)
    const received1 = sampled(await scrape(node), 'erinys_http_received_bytes_total') as number
    expect(received1).toBeGreaterThan(0)
    expect(received1).toBeLessThan(sampled(before, 'erinys_http_received_bytes_total') as number)
  })
})

describe('CLIENT LIST and CLIENT KILL', () => {
  const users = { default: 'on nopass ~* &* +@all', alice: 'on >secret ~* &* +@all' }
  const config: Config = { groups: { g: { origin: (key: string) => key } }, users }

  test('show a connection with its user and its last command', async () => {
    const node = await startHttp(config)
    const redis = redisOf(node)
    const socket = await open(node.port)
    const address = `127.0.0.1:${(socket.address() as { port: number }).port}`
    const find = async (...more: string[]) =>
      (await clientsOf(redis, ...more)).find(({ addr }) => addr === address)
    await poll(async () => (await find()) !== undefined, 'the connection to be listed')
    expect(await find()).toMatchObject({
      laddr: `127.0.0.1:${node.port}`,
      flags: 'H',
      cmd: 'NULL',
      user: 'default',
      resp: '0',
      oll: '0',
    })
    socket.write(PLAIN)
    await received(socket, (text) => text.endsWith('\r\n\r\na'))
    expect(await find('TYPE', 'http')).toMatchObject({ cmd: 'fetch', user: 'default' })
    expect(await find('TYPE', 'normal')).toBeUndefined()
    const basic = Buffer.from('alice:secret').toString('base64')
    socket.write(`GET /groups HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic ${basic}\r\n\r\n`)
    await received(socket, (text) => text.includes(']'))
    expect(await find()).toMatchObject({ cmd: 'group|list', user: 'alice' })
    const { id } = (await find()) as { id: string }
    const all = await clientsOf(redis)
    expect(all).toHaveLength(2)
    expect(new Set(all.map((client) => client.id)).size).toBe(2)
    expect(await clientsOf(redis, 'ID', id)).toHaveLength(1)
    // The fields are those of Redis clients, so that programs can read them.
    expect(Object.keys(all[1])).toEqual(Object.keys(all[0]))
  })

  test.each(['ID', 'ADDR', 'LADDR', 'TYPE', 'USER'])('closes by %s', async (filter) => {
    const node = await startHttp(config)
    const redis = redisOf(node)
    const socket = await open(node.port)
    const basic = Buffer.from('alice:secret').toString('base64')
    socket.write(`GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic ${basic}\r\n\r\n`)
    await received(socket, (text) => text.endsWith('\r\n\r\na'))
    const [{ id, addr, laddr }] = await clientsOf(redis, 'TYPE', 'http')
    const value = { ID: id, ADDR: addr, LADDR: laddr, TYPE: 'http', USER: 'alice' }[filter] as string
    expect(await redis.call('CLIENT', 'KILL', filter, value)).toBe(1)
    await closed(socket.resume())
    expect(await redis.call('CLIENT', 'KILL', filter, value)).toBe(0)
    // The one who asked is still there.
    expect(await redis.ping()).toBe('PONG')
  })
})

describe('the limit on connections', () => {
  test('is one for all addresses; those beyond it are refused in words, counted and logged once', async () => {
    const node = await startHttp({ http: { maxConnections: 2, bind: ['127.0.0.1', '127.0.0.2'] } })
    const [first, second] = node.node.httpAddresses
    expect(first.port).toBe(second.port)
    const held = await open(node.port)
    const other = connect(second.port, second.host)
    onTestFinished(() => void other.destroy())
    await once(other, 'connect')
    const redis = redisOf(node)
    await poll(async () => (await redis.info()).includes('\r\nhttp_connections:2\r'), 'both to be accepted')
    for (let i = 0; i < 3; i++) {
      const text = await exchangeBytes(node.port, '')
      expect(text).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nConnection: close\r\n/)
      expect(text).toContain('\r\nRetry-After: 1\r\n')
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      expect(text).toContain(`\r\nContent-Length: ${body.length}\r\n`)
      expect(JSON.parse(body)).toMatchObject({ status: 503, type: 'urn:erinys:problem:overloaded' })
    }
    expect(await redis.info()).toMatch(/\r\nrejected_http_connections:3\r/)
    expect(node.warnings.filter((line) => line.includes('http.maxConnections'))).toHaveLength(1)
    held.destroy()
    await poll(async () => (await redis.info()).includes('\r\nhttp_connections:1\r'), 'the end of one')
    const families = await scrape(node)
    expect(sampled(families, 'erinys_http_rejected_connections_total')).toBe(3)
    expect(sampled(families, 'erinys_http_open_connections')).toBe(2)
    expect(sampled(families, 'erinys_http_max_connections')).toBe(2)
  })
})
