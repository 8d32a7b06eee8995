// What hostile HTTP clients send: the node answers or closes, keeps its memory, and continues.

import { describe, expect, test } from 'vitest'
import { GatedOrigin } from '../support/gated-origin.ts'
import { closed, exchangeBytes, open, problemOf, received, startHttp } from '../support/http.ts'
import { poll } from '../support/poll.ts'

const HEAD = 'Host: localhost\r\n'

/** The status of each response. */
function statuses(text: string): readonly string[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => status)
}

describe('malformed requests are refused, and the connection is closed', () => {
  test.each([
    [
      'both lengths',
      `GET /healthz HTTP/1.1\r\n${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST /cache/g HTTP/1.1\r\n${HEAD}Content-Length: 4\r\nContent-Length: 5\r\n\r\n[""]`],
    ['a length that is no number', `POST /cache/g HTTP/1.1\r\n${HEAD}Content-Length: +4\r\n\r\n[""]`],
    ['a list of lengths', `POST /cache/g HTTP/1.1\r\n${HEAD}Content-Length: 4, 4\r\n\r\n[""]`],
    [
      'a coding after chunked',
      `POST /cache/g HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a space before the colon',
      `GET /healthz HTTP/1.1\r\n${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a folded header', `GET /healthz HTTP/1.1\r\n${HEAD}X: a\r\n b\r\n\r\n`],
    ['a bare line feed in a header', `GET /healthz HTTP/1.1\r\n${HEAD}X: a\nY: b\r\n\r\n`],
    ['a NUL in a header', `GET /healthz HTTP/1.1\r\n${HEAD}X: a\0b\r\n\r\n`],
    ['a bad chunk size', `POST /cache/g HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['no method', `/healthz HTTP/1.1\r\n${HEAD}\r\n`],
    ['another protocol', '*2\r\n$3\r\nGET\r\n$1\r\na\r\n'],
    ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5])],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['a space in the target', `GET /cache/g/a b HTTP/1.1\r\n${HEAD}\r\n`],
  ])('%s', async (_, bytes) => {
    const node = await startHttp({ groups: { g: {} } })
    const smuggled = `GET /groups HTTP/1.1\r\n${HEAD}\r\n`
    const text = await exchangeBytes(node.port, Buffer.concat([Buffer.from(bytes), Buffer.from(smuggled)]))
    expect(statuses(text)).toEqual(['400'])
    expect((await node.ask('/healthz')).status).toBe(200)
  })

  test('a header of a megabyte', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const text = await exchangeBytes(node.port, `GET / HTTP/1.1\r\n${HEAD}X: ${'a'.repeat(2 ** 20)}\r\n\r\n`)
    expect(statuses(text)).toEqual(['431'])
    expect((await node.ask('/healthz')).status).toBe(200)
  })

  test('a thousand headers', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const headers = Array.from({ length: 10_000 }, (_, i) => `X-${i}: a\r\n`).join('')
    expect(statuses(await exchangeBytes(node.port, `GET / HTTP/1.1\r\n${HEAD}${headers}\r\n`))).toEqual([
      '431',
    ])
  })

  test('a request that does not end in time', async () => {
    const node = await startHttp({ groups: { g: {} }, http: { timeout: 150 } })
    const text = await exchangeBytes(node.port, `GET /healthz HTTP/1.1\r\n${HEAD}X: `)
    expect(text === '' || statuses(text)[0] === '408').toBe(true)
  })
})

test('a target in absolute form is served; its authority counts instead of Host', async () => {
  const node = await startHttp({ groups: { g: { origin: (key) => key } } })
  expect((await node.ask('http://127.0.0.1/cache/g/a%2Fb')).text).toBe('a/b')
  expect(problemOf(await node.ask('http://evil.example/cache/g/a'))).toEqual({
    status: 403,
    type: 'foreign-host',
  })
  expect((await node.ask('*', { method: 'OPTIONS' })).status).toBe(204)
  expect(problemOf(await node.ask('*'))).toEqual({ status: 404, type: 'unknown-route' })
})

test('CONNECT and upgrades lead nowhere', async () => {
  const node = await startHttp({ groups: { g: {} } })
  expect(await exchangeBytes(node.port, `CONNECT h:80 HTTP/1.1\r\n${HEAD}\r\n`)).toBe('')
  const upgrade = `GET /healthz HTTP/1.1\r\n${HEAD}Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`
  expect(statuses(await exchangeBytes(node.port, upgrade))).toEqual(['200'])
})

describe('HTTP/1.0', () => {
  test('closes after the response, and needs no Host', async () => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    const text = await exchangeBytes(node.port, 'GET /cache/g/a HTTP/1.0\r\n\r\n')
    expect(statuses(text)).toEqual(['200'])
    expect(text.endsWith('\r\n\r\nv')).toBe(true)
  })

  test('many keys end with the connection, not in chunks', async () => {
    const node = await startHttp({ groups: { g: { origin: (key) => key } } })
    const body = '["a","b"]'
    const text = await exchangeBytes(
      node.port,
      `POST /cache/g HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(text.endsWith('\r\n\r\n{"a":"a","b":"b"}\n')).toBe(true)
  })
})

describe('pipelines', () => {
  const get = (key: string): string => `GET /cache/g/${key} HTTP/1.1\r\n${HEAD}\r\n`
  const put = (key: string, value: string): string =>
    `PUT /cache/g/${key} HTTP/1.1\r\n${HEAD}Content-Length: ${value.length}\r\n\r\n${value}`

  test('responses come in the order of the requests, whichever is ready first', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const socket = await open(node.port)
    socket.write(['a', 'b', 'c'].map(get).join(''))
    for (const key of ['a', 'b', 'c']) await gated.isAskedFor(key)
    for (const key of ['c', 'b', 'a']) gated.give(key, `<${key}>`)
    const text = await received(socket, (all) => all.includes('<c>'))
    expect([...text.matchAll(/<\w>/g)].map(String)).toEqual(['<a>', '<b>', '<c>'])
  })

  test('a read sees the writes before it, and not those after it', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const socket = await open(node.port)
    const requests = Array.from({ length: 50 }, (_, i) => put('k', `<${i}>`) + get('k')).join('')
    socket.write(requests)
    const text = await received(socket, (all) => all.includes('<49>'))
    expect([...text.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    )
  })

  test('thousands of requests are served', async () => {
    const node = await startHttp({ groups: { g: { origin: (key) => `<${key}>` } } })
    const socket = await open(node.port)
    socket.write(Array.from({ length: 3000 }, (_, i) => get(String(i))).join(''))
    const text = await received(socket, (all) => all.includes('<2999>'))
    expect(statuses(text)).toHaveLength(3000)
  })

  test('a client that goes away with requests under way leaves nothing behind', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const socket = await open(node.port)
    socket.write(get('a') + put('b', 'v') + get('c'))
    await gated.isAskedFor('a')
    socket.destroy()
    await closed(socket)
    gated.give('a', 'v')
    expect((await node.ask('/cache/g/a')).text).toBe('v')
  })
})

describe('uploads', () => {
  test('of all clients together are limited', async () => {
    const node = await startHttp({ groups: { g: { maxBytes: '64mb' } }, http: { maxUploads: '1mb' } })
    const socket = await open(node.port)
    const length = 800 * 1024
    socket.write(`PUT /cache/g/a HTTP/1.1\r\n${HEAD}Content-Length: ${length}\r\n\r\nx`)
    const busy = await poll(async () => {
      const answer = await node.ask('/cache/g/b', { method: 'PUT', body: 'x'.repeat(length) })
      return answer.status === 503 ? answer : undefined
    }, 'the first upload to begin')
    expect(problemOf(busy!)).toEqual({ status: 503, type: 'overloaded' })
    socket.write('x'.repeat(length - 1))
    await received(socket, (text) => text.startsWith('HTTP/1.1 204'))
    expect((await node.ask('/cache/g/b', { method: 'PUT', body: 'x'.repeat(length) })).status).toBe(204)
  })

  test('that wait for the origin count, too', async () => {
    const end: (() => void)[] = []
    const store = (): Promise<void> => new Promise((resolve) => end.push(resolve))
    const node = await startHttp({
      groups: { g: { write: 'through', origin: { load: () => null, store, remove: store } as never } },
      http: { maxUploads: '1mb' },
    })
    const body = 'x'.repeat(800 * 1024)
    const first = node.ask('/cache/g/a', { method: 'PUT', body })
    await poll(async () => end.length === 1 || undefined, 'the first write to reach the origin')
    expect(problemOf(await node.ask('/cache/g/b', { method: 'PUT', body }))).toEqual({
      status: 503,
      type: 'overloaded',
    })
    end[0]()
    expect((await first).status).toBe(204)
    const second = node.ask('/cache/g/b', { method: 'PUT', body })
    await poll(async () => end.length === 2 || undefined, 'the second write to reach the origin')
    end[1]()
    expect((await second).status).toBe(204)
  })

  test('that grow beyond the limit in chunks are refused', async () => {
    const node = await startHttp({ groups: { g: { maxBytes: '64kb' } } })
    const socket = await open(node.port)
    socket.write(`PUT /cache/g/a HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    for (let i = 0; i < 8; i++) socket.write(chunk)
    const text = await received(socket, (all) => all.endsWith('}\n'))
    expect(statuses(text)).toEqual(['413'])
  })

  test('that are cut off change nothing', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: 'old' })
    const socket = await open(node.port)
    socket.write(`PUT /cache/g/a HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\nnew`)
    socket.end()
    socket.resume()
    await closed(socket)
    expect((await node.ask('/cache/g/a')).text).toBe('old')
  })

  test('where no body belongs are ignored, and the next request is served', async () => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    const body = `GET /cache/g/smuggled HTTP/1.1\r\n${HEAD}\r\n`
    const first = `GET /cache/g/a HTTP/1.1\r\n${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`
    const last = `GET /healthz HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`
    expect(statuses(await exchangeBytes(node.port, first + last))).toEqual(['200', '200'])
    expect(await node.node.stats('g')).toMatchObject({ loads: 1 })
  })
})

test('a client that does not read is closed, and others are served', async () => {
  const large = Buffer.alloc(16 * 2 ** 20, 'x')
  const node = await startHttp({
    groups: { g: { maxBytes: '64mb', origin: () => large } },
    http: { timeout: 500 },
  })
  const socket = await open(node.port)
  socket.pause()
  socket.write(`GET /cache/g/a HTTP/1.1\r\n${HEAD}\r\n`.repeat(20))
  const end = closed(socket)
  // The node closes it with unread data, so that this end notices when it writes.
  const timer = setInterval(() => socket.write('x'), 50)
  await end
  clearInterval(timer)
  const isServed = (): Promise<boolean> =>
    node.ask('/healthz').then(
      ({ status }) => status === 200,
      () => false,
    )
  await poll(isServed, 'a response')
})

test('values are not read far ahead of a client that does not read the others', async () => {
  const value = 'x'.repeat(64 * 1024)
  const node = await startHttp({ groups: { g: { maxBytes: '64mb', origin: () => value } } })
  const body = JSON.stringify(Array.from({ length: 400 }, (_, i) => `k${i}`))
  expect((await node.ask('/cache/g', { method: 'POST', body })).status).toBe(200)
  const socket = await open(node.port)
  const head = `POST /cache/g HTTP/1.1\r\n${HEAD}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`
  socket.write(head + body)
  let bytes = (await received(socket, (text) => text !== '')).length
  // The system holds a few MB for the client, which are up to 200 values.
  const { hits } = await node.node.stats('g')
  expect(hits).toBeLessThan(350)
  for await (const part of socket) bytes += part.length
  expect(bytes).toBeGreaterThan(400 * value.length)
  expect((await node.node.stats('g')).hits).toBe(400)
})

test('more connections than are allowed are refused', async () => {
  const node = await startHttp({ groups: { g: {} }, http: { maxConnections: 2 } })
  const first = await open(node.port)
  first.write(`GET /healthz HTTP/1.1\r\n${HEAD}\r\n`)
  await received(first, (text) => text.endsWith('ok\n'))
  const second = await open(node.port)
  second.write(`GET /healthz HTTP/1.1\r\n${HEAD}\r\n`)
  await received(second, (text) => text.endsWith('ok\n'))
  const third = await open(node.port)
  await closed(third.resume())
  first.destroy()
  await poll(
    () =>
      node.ask('/healthz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    'a free connection',
  )
})

describe('pages of other web origins', () => {
  const foreignHost = { status: 403, type: 'foreign-host' }
  const foreignOrigin = { status: 403, type: 'foreign-origin' }

  test.each(['evil.example', 'evil.example:7080', 'localhost.evil.example', '127.0.0.1.evil.example', ' '])(
    'cannot rebind their name %j to this node',
    async (host) => {
      const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
      expect(problemOf(await node.ask('/cache/g/a', { headers: { Host: host } }))).toEqual(foreignHost)
      expect(problemOf(await node.ask('/healthz', { headers: { Host: host } }))).toEqual(foreignHost)
    },
  )

  test.each([
    'localhost',
    'localhost:7080',
    '127.0.0.1',
    '[::1]:7080',
    '10.0.0.1:1',
    'app.localhost',
    'LOCALHOST',
  ])('the host %j is served', async (host) => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    expect((await node.ask('/cache/g/a', { headers: { Host: host } })).status).toBe(200)
  })

  test('configured hosts are served', async () => {
    const node = await startHttp({
      groups: { g: { origin: () => 'v' } },
      http: { hosts: ['cache', '*.example.org'] },
    })
    const status = async (host: string) => (await node.ask('/cache/g/a', { headers: { Host: host } })).status
    expect(await status('cache:7080')).toBe(200)
    expect(await status('a.b.example.org')).toBe(200)
    expect(await status('example.org')).toBe(403)
    expect(await status('evilexample.org')).toBe(403)
  })

  test('cannot read or write', async () => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    for (const origin of [
      'http://evil.example',
      'null',
      'http://localhost:3000',
      `http://127.0.0.1.evil:${node.port}`,
    ])
      for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'PURGE', 'OPTIONS']) {
        const answer = await node.ask('/cache/g/a', { method, headers: { Origin: origin } })
        expect(problemOf(answer)).toEqual(foreignOrigin)
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    const own = await node.ask('/cache/g/a', { headers: { Origin: `http://127.0.0.1:${node.port}` } })
    expect(own.status).toBe(200)
  })

  test('requests without Origin that a browser marks as cross-site are refused, links are not', async () => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    const status = async (headers: Record<string, string>) =>
      (await node.ask('/cache/g/a', { headers })).status
    for (const site of ['cross-site', 'same-site'])
      expect(await status({ 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': 'no-cors' })).toBe(403)
    const link = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
    expect(await status({ 'Sec-Fetch-Site': 'cross-site', ...link })).toBe(200)
    expect(await status({ 'Sec-Fetch-Site': 'cross-site', ...link, 'Sec-Fetch-Dest': 'iframe' })).toBe(403)
    expect(await status({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200)
    expect(await status({ 'Sec-Fetch-Site': 'none' })).toBe(200)
  })

  test('may where CORS is configured', async () => {
    const node = await startHttp({
      groups: { g: { origin: () => 'v' } },
      http: { cors: ['https://app.example'] },
    })
    const headers = { Origin: 'https://app.example' }
    const answer = await node.ask('/cache/g/a', { headers })
    expect([answer.status, answer.headers['access-control-allow-origin'], answer.headers.vary]).toEqual([
      200,
      'https://app.example',
      'Origin',
    ])
    const preflight = await node.ask('/cache/g/a', {
      method: 'OPTIONS',
      headers: { ...headers, 'Access-Control-Request-Method': 'PUT' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-methods']).toContain('PUT')
    const missing = await node.ask('/cache/nope/a', { headers })
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([
      404,
      'https://app.example',
    ])
    expect(problemOf(await node.ask('/cache/g/a', { headers: { Origin: 'https://other.example' } }))).toEqual(
      foreignOrigin,
    )
  })
})

describe('credentials', () => {
  const basic = (name: string, password: string): Record<string, string> => ({
    Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
  })

  test('are needed where there is a password', async () => {
    const node = await startHttp({ requirepass: 'secret:ü', groups: { g: { origin: () => 'v' } } })
    const answer = await node.ask('/cache/g/a')
    expect(problemOf(answer)).toEqual({ status: 401, type: 'unauthorized' })
    expect(answer.headers['www-authenticate']).toContain('Basic realm="erinys"')
    const status = async (headers: Record<string, string>) =>
      (await node.ask('/cache/g/a', { headers })).status
    expect(await status(basic('default', 'secret:ü'))).toBe(200)
    expect(await status(basic('', 'secret:ü'))).toBe(200)
    expect(await status(basic('admin', 'secret:ü'))).toBe(401)
    expect(await status(basic('default', 'secret'))).toBe(401)
    expect(await status(basic('default', ''))).toBe(401)
    expect(await status({ Authorization: 'Bearer wrong' })).toBe(401)
    for (const method of ['PUT', 'DELETE', 'PURGE', 'POST'])
      expect((await node.ask('/cache/g/a', { method })).status).toBe(method === 'POST' ? 405 : 401)
    for (const path of ['/groups', '/groups/g', '/explain/g/a', '/cluster'])
      expect((await node.ask(path)).status).toBe(401)
    expect((await node.ask('/healthz')).status).toBe(200)
    expect((await node.ask('/readyz')).status).toBe(200)
    expect(await node.node.stats('g')).toMatchObject({ loads: 1 })
  })

  test('as a bearer token', async () => {
    const node = await startHttp({ requirepass: 'secret', groups: { g: { origin: () => 'v' } } })
    expect((await node.ask('/cache/g/a', { headers: { Authorization: 'Bearer secret' } })).status).toBe(200)
    expect((await node.ask('/cache/g/a', { headers: { Authorization: 'bearer secret' } })).status).toBe(200)
  })

  test.each(['Basic', 'Basic !!!', 'Basic bm9jb2xvbg==', 'Digest a=b', 'Bearer', 'x'.repeat(9000)])(
    'malformed ones are an error: %s',
    async (text) => {
      const node = await startHttp({ requirepass: 'secret', groups: { g: {} } })
      expect(problemOf(await node.ask('/cache/g/a', { headers: { Authorization: text } }))).toEqual({
        status: 400,
        type: 'bad-request',
      })
    },
  )

  test('what they open is for no shared cache', async () => {
    const groups = { g: { ttl: '1m', origin: () => 'v' }, forever: { origin: () => 'v' } }
    const node = await startHttp({ requirepass: 'secret', groups })
    const headers = { Authorization: 'Bearer secret' }
    const cacheControlOf = async (path: string) =>
      (await node.ask(path, { headers })).headers['cache-control']
    expect(await cacheControlOf('/cache/g/a')).toMatch(/^private, max-age=\d+$/)
    expect(await cacheControlOf('/cache/forever/a')).toBe('private, no-cache')
  })

  test('with a password any host name is served', async () => {
    const node = await startHttp({ requirepass: 'secret', groups: { g: { origin: () => 'v' } } })
    const headers = { Authorization: 'Bearer secret', Host: 'cache.internal' }
    expect((await node.ask('/cache/g/a', { headers })).status).toBe(200)
  })
})
