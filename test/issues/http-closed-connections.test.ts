// A kept-alive connection that the server closed just as it was used again was an error of the read, and counted for the
// circuit breaker.

import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { certificate } from '../support/certificate.ts'
import { serveHttps, serveRaw, startPages } from '../support/http-server.ts'

const answer = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`

/** A server whose connections serve one request each, and end with the next one in the given way. */
const ENDINGS = {
  'closes it': (socket: Socket) => socket.end(),
  'resets it': (socket: Socket) => socket.resetAndDestroy(),
  'says that the request took too long': (socket: Socket) =>
    socket.end('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
} as const

test.each(Object.keys(ENDINGS) as (keyof typeof ENDINGS)[])(
  'a server that has kept a connection %s when it is used again: the request is sent once more',
  async (ending) => {
    const asked: string[] = []
    const port = await serveRaw((socket, request, nth) => {
      const [method, url] = request.split(' ')
      asked.push(`${method} ${url} ${nth}`)
      if (nth === 1) socket.write(answer(`body of ${url}`))
      else ENDINGS[ending](socket)
    })
    const node = await startPages(port, { breakAfter: 1, write: 'through' }, { connections: 1 })
    for (const key of ['a', 'b', 'c', 'd']) expect(await node.watcher.get(key)).toBe(`body of /${key}`)
    expect(await node.watcher.set('e', '1')).toBe('OK')
    expect(await node.watcher.del('e')).toBe(1)
    expect(asked).toContain('GET /b 2')
    expect(asked.filter((request) => request.endsWith(' 2')).length).toBeGreaterThanOrEqual(2)
    expect(await node.groupInfo('pages', 'failures')).toBe(0)
    expect(await node.groupInfo('pages', 'breaker')).toBe('closed')
  },
)

test('many connections that the server closes at once are no error', async () => {
  const sockets: Socket[] = []
  let isFirst = true
  const port = await serveRaw((socket, request, nth) => {
    if (isFirst) {
      sockets.push(socket)
      if (sockets.length === 8) for (const each of sockets) each.write(answer('1'))
    } else if (nth > 1) socket.end()
    else socket.write(answer(request.split(' ')[1]))
  })
  const node = await startPages(port, { breakAfter: 1 }, { connections: 8 })
  const keys = Array.from({ length: 8 }, (_, i) => `first:${i}`)
  expect(await Promise.all(keys.map((key) => node.watcher.get(key)))).toEqual(keys.map(() => '1'))
  isFirst = false
  const later = Array.from({ length: 8 }, (_, i) => `x${i}`)
  expect(await Promise.all(later.map((key) => node.watcher.get(key)))).toEqual(later.map((key) => `/${key}`))
  expect(await node.groupInfo('pages', 'failures')).toBe(0)
})

test('a fresh connection that is closed is an error, after one request', async () => {
  let asked = 0
  const port = await serveRaw((socket) => {
    asked++
    socket.end()
  })
  const node = await startPages(port)
  await expect(node.watcher.get('a')).rejects.toThrow(
    `ORIGIN pages: http://127.0.0.1:${port}: other side closed`,
  )
  expect(asked).toBe(1)
})

test('the second attempt is the last one', async () => {
  const asked: number[] = []
  const port = await serveRaw((socket, request, nth) => {
    asked.push(nth)
    if (request.startsWith('GET /a ')) socket.write(answer('1'))
    else socket.end()
  })
  const node = await startPages(port, {}, { connections: 1 })
  expect(await node.watcher.get('a')).toBe('1')
  await expect(node.watcher.get('b')).rejects.toThrow('ORIGIN pages: ')
  expect(asked).toEqual([1, 2, 1])
  expect(await node.groupInfo('pages', 'failures')).toBe(1)
})

test.each([
  [undefined, false],
  [false, false],
  [true, true],
] as const)('a batch is sent again if it is declared idempotent: %s', async (batchIdempotent, isAgain) => {
  let asked = 0
  const port = await serveRaw((socket, _, nth) => {
    asked++
    if (nth === 1) socket.write(answer('{"a":"1","b":"2"}'))
    else socket.end()
  })
  const batchUrl = `http://127.0.0.1:${port}/batch`
  const node = await startPages(
    port,
    { ttl: '1h', negativeTtl: 0 },
    { connections: 1, batchUrl, batchIdempotent },
  )
  expect(await node.watcher.mget('a', 'x')).toEqual(['1', null])
  const second = node.watcher.mget('b', 'x')
  if (isAgain) expect(await second).toEqual(['2', null])
  else await expect(second).rejects.toThrow('ORIGIN pages: ')
  expect(asked).toBe(isAgain ? 3 : 2)
})

test('over TLS, too', async () => {
  const port = await serveHttps((request, response) => {
    const { socket } = request as unknown as { socket: { isUsed?: boolean; destroy(): void } }
    if (socket.isUsed === true) socket.destroy()
    else response.end('body')
    socket.isUsed = true
  })
  const url = `https://127.0.0.1:${port}/{key}`
  const node = await startPages(port, { breakAfter: 1 }, { url, tls: { ca: certificate }, connections: 1 })
  for (const key of ['a', 'b', 'c']) expect(await node.watcher.get(key)).toBe('body')
  expect(await node.groupInfo('pages', 'failures')).toBe(0)
})
