// Plain reads are answered as node:http answers them, byte for byte; other requests of their connections are served, too.

import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { PlainRequestReader } from '../../../src/http/plain/request.ts'
import { sortedSet } from '../../../src/index.ts'
import { GatedOrigin } from '../../support/gated-origin.ts'
import { closed, type HttpNode, open, received, startHttp } from '../../support/http.ts'
import { poll } from '../../support/poll.ts'
import { startTracing } from '../../support/tracer.ts'

const HEAD = 'Host: localhost\r\n'
const get = (key: string, more = ''): string => `GET /cache/g/${key} HTTP/1.1\r\n${HEAD}${more}\r\n`

/** The whole response to a request on a connection of its own, without the date. */
async function responseTo(node: HttpNode, request: string): Promise<string> {
  const socket = await open(node.port)
  socket.write(request)
  const isHead = request.startsWith('HEAD')
  const text = await received(socket, (all) => {
    const end = all.indexOf('\r\n\r\n')
    const length = isHead ? 0 : Number(/\r\nContent-Length: (\d+)/.exec(all)?.[1] ?? 0)
    return end >= 0 && all.length >= end + 4 + length
  })
  socket.destroy()
  return text.replace(/\r\nDate: [^\r]+ GMT\r\n/, '\r\n')
}

describe('a response is the same as that of node:http', () => {
  const large = 'y'.repeat(100_000)
  const values: Record<string, unknown> = {
    text: 'v',
    empty: '',
    large,
    bytes: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    hash: { name: 'Ada', née: 'Byron' },
    zset: sortedSet([['low', 1.5]]),
    'no text': [Buffer.from([0xff])],
  }
  const origin = (key: string): never => {
    if (key === 'fails') throw new Error('the tàble is gone')
    return values[key] as never
  }
  const request = (method: string, key: string, more: string): string =>
    `${method} /cache/g/${key} HTTP/1.1\r\n${HEAD}${more}\r\n`

  test.each([
    ['GET', 'text', ''],
    ['HEAD', 'text', ''],
    ['GET', 'empty', ''],
    ['GET', 'large', ''],
    ['HEAD', 'large', ''],
    ['GET', 'bytes', ''],
    ['GET', 'hash', ''],
    ['GET', 'zset', ''],
    ['GET', 'no%20text', ''],
    ['GET', 'absent', ''],
    ['HEAD', 'absent', ''],
    ['GET', 'fails', ''],
    ['GET', 'text', 'If-None-Match: *\r\n'],
    ['GET', 'text', 'Range: bytes=0-0\r\n'],
    ['GET', 'text', 'Range: bytes=5-\r\n'],
    ['GET', 'large', 'Accept-Encoding: gzip\r\n'],
  ])('%s %s %s', async (method, key, more) => {
    const clock = new ManualClock(1_700_000_000_000)
    const group = { ttl: '60s', jitter: 0, negativeTtl: '10s', staleIfError: '5m', contentType: 'text/plain' }
    const node = await startHttp({ groups: { g: { ...group, origin } }, http: { compress: true } }, { clock })
    const plain = request(method, key, more)
    // With this header it is for node:http, which ignores it.
    const other = request(method, key, `${more}Trailer: X\r\n`)
    const reader = new PlainRequestReader()
    expect([reader.read(plain, 0)?.method, reader.read(other, 0)]).toEqual([method, undefined])
    // The first may be a miss.
    await responseTo(node, plain)
    clock.advance(5000)
    const [own, theirs] = [await responseTo(node, plain), await responseTo(node, other)]
    expect(own).toBe(theirs)
    expect(own).toMatch(/^HTTP\/1\.1 \d{3} [A-Z]/)
  })

  test('also while requests are traced: they are routes then, and have spans', async () => {
    const clock = new ManualClock(1_700_000_000_000)
    const node = await startHttp({ groups: { g: { ttl: '60s', jitter: 0, origin } } }, { clock })
    await responseTo(node, request('GET', 'text', ''))
    const untraced = await responseTo(node, request('GET', 'text', ''))
    const sdk = startTracing()
    onTestFinished(() => sdk.remove())
    const traceparent = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n'
    expect(await responseTo(node, request('GET', 'text', traceparent))).toBe(untraced)
    await poll(() => sdk.spans.some(({ hasEnded }) => hasEnded), 'the span')
    expect(sdk.spans.map(({ name, parent }) => [name, parent])).toEqual([
      ['GET /cache/{group}/{key*}', 'b7ad6b7169203331'],
    ])
  })

  test('also of a refusal', async () => {
    const node = await startHttp({ groups: { g: { origin } } })
    for (const path of ['/cache/nope/a', '/cache/g/%zz'])
      for (const host of ['localhost', 'evil.example']) {
        const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`
        const own = await responseTo(node, `${head}\r\n`)
        expect(own).toBe(await responseTo(node, `${head}Trailer: X\r\n\r\n`))
        expect(own).toMatch(/^HTTP\/1\.1 4/)
      }
  })
})

test('a connection changes over to node:http in the order of its requests', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated }, h: {} } })
  const socket = await open(node.port)
  socket.write(get('a') + get('b'))
  await gated.isAskedFor('a')
  await gated.isAskedFor('b')
  const put = `PUT /cache/h/k HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n`
  // The write comes in parts, and is followed by a plain read.
  socket.write(put.slice(0, 9))
  socket.write(`${put.slice(9)}v`)
  gated.give('b', '<b>')
  socket.write(`w${get('a')}GET /cache/h/k HTTP/1.1\r\n${HEAD}\r\n`)
  gated.give('a', '<a>')
  const text = await received(socket, (all) => all.endsWith('vw'))
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)|<\w>/g)].map(([found, status]) => status ?? found)).toEqual([
    '200',
    '<a>',
    '200',
    '<b>',
    '204',
    '200',
    '<a>',
    '200',
  ])
})

test('a client that has sent all gets its responses', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated } } })
  const socket = await open(node.port)
  socket.end(get('a'))
  await gated.isAskedFor('a')
  gated.give('a', '<a>')
  await received(socket, (all) => all.endsWith('<a>'))
  await closed(socket)
})

test('a client that has sent more than is served at once, and then ends, gets all responses', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated }, h: {} } })
  const socket = await open(node.port)
  // The last request is not a plain read.
  socket.end(`${get('a').repeat(100)}PUT /cache/h/k HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\nv`)
  await gated.isAskedFor('a')
  // By now the end has arrived, too.
  for (let i = 0; i < 3; i++) await node.ask('/healthz')
  gated.give('a', '<a>')
  const text = await received(socket, (all) => all.includes('HTTP/1.1 204'))
  expect(text.split('<a>').length - 1).toBe(100)
})

test('all reads of a client that has ended are followed by the end', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated } } })
  const socket = await open(node.port)
  socket.end(get('a').repeat(100))
  await gated.isAskedFor('a')
  for (let i = 0; i < 3; i++) await node.ask('/healthz')
  gated.give('a', '<a>')
  const text = await received(socket, (all) => all.split('<a>').length > 100)
  expect(text.endsWith('<a>')).toBe(true)
  await closed(socket)
})

test.each([
  ['waits', true],
  ['does not wait', false],
])(
  'a connection that %s before it is handed over is not read while many of its requests wait',
  async (_, waits) => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const socket = await open(node.port)
    const others = Array.from({ length: 64 }, (_, i) => get(`n${i}`, 'Trailer: X\r\n')).join('')
    socket.write((waits ? get('a') : '') + others)
    if (waits) {
      await gated.isAskedFor('a')
      gated.give('a', '<a>')
    }
    await gated.isAskedFor('n63')
    socket.write(get('beyond', 'Trailer: X\r\n'))
    for (let i = 0; i < 5; i++) await node.ask('/healthz')
    expect(gated.asked).not.toContain('beyond')
    for (let i = 0; i < 64; i++) gated.give(`n${i}`, `<n${i}>`)
    await gated.isAskedFor('beyond')
    gated.give('beyond', '<beyond>')
    const text = await received(socket, (all) => all.endsWith('<beyond>'))
    expect([...text.matchAll(/<(\w+)>/g)].map(([, key]) => key)).toEqual([
      ...(waits ? ['a'] : []),
      ...Array.from({ length: 64 }, (_, i) => `n${i}`),
      'beyond',
    ])
  },
)

test('what arrives while a connection waits to be handed over is neither lost nor served before', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated }, h: {} } })
  const socket = await open(node.port)
  const put = (value: string): string =>
    `PUT /cache/h/k HTTP/1.1\r\n${HEAD}Content-Length: ${value.length}\r\n\r\n${value}`
  socket.write(get('a') + put('1'))
  await gated.isAskedFor('a')
  // The socket is paused, and keeps what it reads meanwhile.
  for (let i = 2; i < 100; i++) {
    socket.write(put(String(i)))
    if (i % 20 === 0) await node.ask('/healthz')
  }
  socket.write(`GET /cache/h/k HTTP/1.1\r\n${HEAD}\r\n`)
  await node.ask('/healthz')
  gated.give('a', '<a>')
  const text = await received(socket, (all) => all.endsWith('\r\n\r\n99'))
  expect(text.split('HTTP/1.1 204').length - 1).toBe(99)
})

test('a client that goes away while its read waits leaves nothing behind', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated } } })
  const socket = await open(node.port)
  socket.write(get('a'))
  await gated.isAskedFor('a')
  socket.destroy()
  await closed(socket)
  gated.give('a', '<a>')
  expect((await node.ask('/cache/g/a')).text).toBe('<a>')
  expect(node.warnings).toEqual([])
})

test('an idle connection is closed, before and after its first request', async () => {
  const node = await startHttp({ groups: { g: { origin: () => '<v>' } }, http: { timeout: 100 } })
  const silent = await open(node.port)
  await closed(silent.resume())
  const idle = await open(node.port)
  idle.write(get('a'))
  await closed(idle.resume())
})

describe('credentials', () => {
  const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`
  const users = {
    default: 'on >secret ~* +@all',
    alice: 'on >one >two ~a* +@read +fetch',
    bob: 'off >secret ~* +@all',
    carol: 'on >secret ~* +get',
  }
  const groups = { g: { origin: (key: string) => `<${key}>` } }

  test.each([
    ['none', 'a', '', 401],
    ['a password', 'a', basic('default:secret'), 200],
    ['a password without a name', 'a', basic(':secret'), 200],
    ['a token', 'a', 'Authorization: Bearer secret\r\n', 200],
    ['a scheme in other letters', 'a', 'authorization: bEARER secret\r\n', 200],
    ['another password of a user', 'a', basic('alice:two'), 200],
    ['a key that the user may not read', 'b', basic('alice:two'), 403],
    ['a command that the user may not run', 'a', basic('carol:secret'), 403],
    ['a wrong password', 'a', basic('alice:three'), 401],
    ['an unknown user', 'a', basic('nobody:secret'), 401],
    ['a user that is off', 'a', basic('bob:secret'), 401],
    ['the password of another user', 'a', 'Authorization: Bearer two\r\n', 401],
    ['no known scheme', 'a', 'Authorization: Digest secret\r\n', 400],
    ['no colon', 'a', basic('secret'), 400],
    ['an empty header', 'a', 'Authorization:\r\n', 400],
    ['two headers', 'a', basic('alice:two') + basic('default:secret'), 400],
    ['a key that is not there', 'a%zz', basic('alice:two'), 400],
    ['dots in the key', '../h/a', basic('alice:two'), 403],
  ])('%s', async (_, key, header, status) => {
    const node = await startHttp({ users, groups })
    // The first may be a miss.
    await responseTo(node, get(key, header))
    const own = await responseTo(node, get(key, header))
    expect(own).toBe(await responseTo(node, get(key, `${header}Trailer: X\r\n`)))
    expect(own).toContain(`HTTP/1.1 ${status} `)
    if (status === 200) expect(own).toContain('\r\nCache-Control: private')
  })

  test('are read without node:http where they are right', () => {
    const reader = new PlainRequestReader()
    const request = get('a', basic('default:secret'))
    expect(reader.read(request, 0)?.headers.authorization).toMatch(/^Basic /)
    expect(reader.read(get('a', basic('a:1') + basic('a:2')), 0)).toBeUndefined()
  })

  test('those of another user on the same connection count for their own request', async () => {
    const node = await startHttp({ users, groups })
    const socket = await open(node.port)
    const requests = [
      get('b', basic('default:secret')),
      get('a', basic('alice:one')),
      get('b', basic('alice:one')),
      get('b', basic('default:secret')),
      get('b'),
    ]
    socket.write(requests.join(''))
    const text = await received(socket, (all) => all.split('HTTP/1.1 ').length === 6 && all.endsWith('}\n'))
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '200',
      '200',
      '403',
      '200',
      '401',
    ])
  })

  test('a change of the user counts from the next request on', async () => {
    const node = await startHttp({ users, groups })
    const redis = new Redis(node.respPort, { password: 'secret', lazyConnect: true })
    onTestFinished(() => redis.disconnect())
    const socket = await open(node.port)
    const ask = async (): Promise<string> => {
      socket.write(get('a', basic('alice:one')))
      return received(socket, (all) => all.endsWith('<a>') || all.endsWith('}\n'))
    }
    expect(await ask()).toContain('200 OK')
    await redis.call('ACL', 'SETUSER', 'alice', '<one')
    expect(await ask()).toContain('401 Unauthorized')
    await redis.call('ACL', 'SETUSER', 'alice', '>one', 'resetkeys')
    expect(await ask()).toContain('403 Forbidden')
  })

  test('failures are logged once each, and let the address wait', async () => {
    const clock = new ManualClock(1_700_000_000_000)
    const node = await startHttp({ users, groups }, { clock })
    const redis = new Redis(node.respPort, { password: 'secret', lazyConnect: true })
    onTestFinished(() => redis.disconnect())
    await redis.connect()
    for (let i = 0; i < 10; i++)
      expect(await responseTo(node, get('a', basic(`alice:wrong${i}`)))).toContain('401 Unauthorized')
    const [entry] = (await redis.call('ACL', 'LOG')) as unknown[][]
    expect(entry.slice(0, 4)).toEqual(['count', 10, 'reason', 'auth'])
    // The right password waits like a wrong one, for 50 ms: never shorter, however slow the machine is.
    const startedAt = performance.now()
    expect(await responseTo(node, get('a', basic('alice:one')))).toContain('200 OK')
    expect(performance.now() - startedAt).toBeGreaterThan(45)
  })
})
