// HTTP caching headers in a node: validators, TTLs, Retry-After.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Config, http } from '../../src/index.ts'
import { startNode, type TestNode } from '../support/node.ts'
import { poll } from '../support/poll.ts'

type GroupInput = NonNullable<Config['groups']>[string]

interface Served {
  readonly node: TestNode
  get(key?: string): Promise<string | null>
  explain(): Promise<Record<string, unknown>>
  /** The requests so far. */
  readonly requests: IncomingMessage[]
}

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  group: GroupInput = {},
): Promise<Served> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = http({ url: `http://127.0.0.1:${port}/{key}` })
  const node = await startNode({ groups: { pages: { jitter: 0, ...group, origin } } })
  onTestFinished(async () => {
    await node.close()
    server.closeAllConnections()
    server.close()
  })
  return {
    node,
    requests,
    get: (key = 'page') => node.watcher.get(key),
    explain: async () => (await node.watcher.call('EXPLAIN', 'page')) as Record<string, unknown>,
  }
}

const LAST_MODIFIED = 'Wed, 21 Oct 2015 07:28:00 GMT'

test.each([
  ['ETag', { etag: '"v1"' }, 'if-none-match', '"v1"'],
  ['Last-Modified', { 'last-modified': LAST_MODIFIED }, 'if-modified-since', LAST_MODIFIED],
])(
  'an unchanged value is revalidated by %s: it gets a new TTL, and its body is not sent',
  async (_name, version, condition, wanted) => {
    let maxAge = 1
    let bodies = 0
    const { node, get, explain, requests } = await serve((request, response) => {
      const headers = { ...version, 'cache-control': `max-age=${maxAge}` }
      if (request.headers[condition] === wanted) {
        response.writeHead(304, headers).end()
        return
      }
      bodies++
      response.writeHead(200, headers).end('the body')
    })
    expect(await get()).toBe('the body')
    expect(requests[0].headers[condition]).toBe(undefined)
    await poll(async () => (await explain()).state === 'stale', 'the end of its TTL')
    maxAge = 60
    expect(await get()).toBe('the body')
    expect([bodies, requests.length]).toEqual([1, 2])
    expect(await node.groupInfo('pages', 'unchanged')).toBe(1)
    const { state, 'ttl-ms': ttl } = await explain()
    expect(state).toBe('fresh')
    expect(Number(ttl)).toBeGreaterThan(30_000)
    expect(await get()).toBe('the body')
    expect(requests).toHaveLength(2)
  },
)

test('a changed value replaces the cached one', async () => {
  let version = 1
  const { get, explain, requests } = await serve((request, response) => {
    const etag = `"v${version}"`
    const headers = { etag, 'cache-control': version === 1 ? 'max-age=1' : 'max-age=60' }
    if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end()
    else response.writeHead(200, headers).end(`body ${version}`)
  })
  expect(await get()).toBe('body 1')
  await poll(async () => (await explain()).state === 'stale', 'the end of its TTL')
  version = 2
  expect(await get()).toBe('body 2')
  expect(requests[1].headers['if-none-match']).toBe('"v1"')
  expect(await get()).toBe('body 2')
  expect(requests).toHaveLength(2)
})

test('an invalidated value is loaded unconditionally', async () => {
  const { node, get, requests } = await serve((request, response) => {
    if (request.headers['if-none-match'] !== undefined) response.writeHead(304).end()
    else response.writeHead(200, { etag: '"v"' }).end(`body ${requests.length}`)
  })
  expect(await get()).toBe('body 1')
  expect(await node.watcher.call('INVALIDATE', 'page')).toBe(1)
  expect(await get()).toBe('body 2')
})

test.each(['max-age=0', 'no-store', 'no-cache', 'private', 's-maxage=0, max-age=60'])(
  '%s: waiting clients get the value, and it is not stored',
  async (control) => {
    const { node, get, requests } = await serve(
      (_, response) => {
        response.writeHead(200, { 'cache-control': control }).end(`body ${requests.length}`)
      },
      { ttl: '60s', staleIfError: '60s' },
    )
    const first = await Promise.all([get(), node.watcher.strlen('page')])
    expect(first).toEqual(['body 1', 6])
    expect(await get()).toBe(`body ${requests.length}`)
    expect(requests.length).toBeGreaterThanOrEqual(2)
    expect(await node.groupInfo('pages', 'keys')).toBe(0)
  },
)

test('the Age header shortens the TTL, and must-revalidate forbids serving stale', async () => {
  let isDown = false
  const { get, explain } = await serve(
    (_, response) => {
      const headers = { 'cache-control': 'max-age=100, must-revalidate', age: '99' }
      if (isDown) response.writeHead(500).end()
      else response.writeHead(200, headers).end('body')
    },
    { staleIfError: '60s', staleWhileRevalidate: '60s', breakAfter: 0 },
  )
  expect(await get()).toBe('body')
  expect(Number((await explain())['ttl-ms'])).toBeLessThanOrEqual(1000)
  isDown = true
  await poll(async () => (await explain()).state !== 'fresh', 'the end of its TTL')
  await expect(get()).rejects.toThrow('ORIGIN pages: answered 500')
})

test('during Retry-After no requests are sent, and stale values are served', async () => {
  let isBusy = false
  const { node, get, explain, requests } = await serve(
    (request, response) => {
      if (isBusy) response.writeHead(503, { 'retry-after': '300' }).end()
      else response.writeHead(200, { 'cache-control': 'max-age=1' }).end(`body of ${request.url}`)
    },
    { staleIfError: '60s', breakFor: '10ms' },
  )
  expect(await get()).toBe('body of /page')
  isBusy = true
  await expect(get('other')).rejects.toThrow('ORIGIN pages: answered 503 with Retry-After: 300 s')
  expect(await node.groupInfo('pages', 'breaker')).toBe('open')
  await expect(get('third')).rejects.toThrow(
    /^ORIGIN pages: circuit breaker open for \d+ ms, after 1 failures? in a row/,
  )
  await poll(async () => (await explain()).state === 'stale', 'the end of its TTL')
  expect(await get()).toBe('body of /page')
  expect(requests).toHaveLength(2)
})

test('requests are sent again after the time of Retry-After', async () => {
  let isBusy = true
  const { get, requests } = await serve(
    (request, response) => {
      if (isBusy) response.writeHead(503, { 'retry-after': '1' }).end()
      else response.end(`body of ${request.url}`)
    },
    { breakFor: '10ms' },
  )
  const from = performance.now()
  await expect(get('other')).rejects.toThrow('ORIGIN pages: answered 503 with Retry-After: 1 s')
  isBusy = false
  const value = await poll(() => get('other').catch(() => undefined), 'a further request')
  expect(value).toBe('body of /other')
  expect(requests).toHaveLength(2)
  // Timers and clocks may differ slightly.
  expect(performance.now() - from).toBeGreaterThan(990)
})

test('max-age=0 with stale-while-revalidate serves while it revalidates, and no-store is not stored', async () => {
  let control = 'max-age=0, stale-while-revalidate=1000'
  let served = 0
  const { get, explain, requests } = await serve((_request, response) => {
    served++
    response.writeHead(200, { 'cache-control': control }).end(`body ${served}`)
  })
  expect(await get()).toBe('body 1')
  expect(await explain()).toMatchObject({ state: 'stale', source: 'memory' })
  control = 'no-store, stale-while-revalidate=1000'
  expect(await get()).toBe('body 1')
  await poll(async () => (await explain()).state === 'none', 'the second answer')
  expect(requests).toHaveLength(2)
  expect(await get()).toBe('body 3')
})
