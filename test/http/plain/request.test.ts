// Which requests are plain reads: only those that node:http reads in the same way.

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PlainRequestReader } from '../../../src/http/plain/request.ts'
import { open, received } from '../../support/http.ts'
import { seededRandom } from '../../support/random.ts'

const HOST = 'Host: localhost\r\n'
const GET = `GET /cache/g/key HTTP/1.1\r\n${HOST}\r\n`

const read = (text: string) => new PlainRequestReader().read(text, 0)

test('the parts of a request, and where the next begins', () => {
  const reader = new PlainRequestReader()
  const head = `HEAD /cache/a-b.c/x/%2F/../y HTTP/1.1\r\nhOST:a\r\nX-Y: \t v w \t\r\nEmpty:\r\n\r\n`
  const text = GET + head + GET
  expect(reader.read(text, 0)).toEqual({
    method: 'GET',
    group: 'g',
    key: 'key',
    headers: { host: 'localhost' },
    end: GET.length,
  })
  expect(reader.read(text, GET.length)).toEqual({
    method: 'HEAD',
    group: 'a-b.c',
    key: 'x/%2F/../y',
    headers: { host: 'a', 'x-y': 'v w', empty: '' },
    end: GET.length + head.length,
  })
  expect(reader.read(text, GET.length + head.length)).toMatchObject({ headers: { host: 'localhost' } })
})

test('part of a request is not recognized, wherever it ends', () => {
  for (let end = 0; end < GET.length; end++) expect(read(GET.slice(0, end)), `${end} bytes`).toBeUndefined()
})

describe('what is left to node:http', () => {
  const line = (text: string): string => `${text}\r\n${HOST}\r\n`
  const header = (text: string): string => `GET /cache/g/key HTTP/1.1\r\n${HOST}${text}\r\n\r\n`
  test.each([
    ['another method', line('PUT /cache/g/key HTTP/1.1')],
    ['a method in lower case', line('get /cache/g/key HTTP/1.1')],
    ['HTTP/1.0', line('GET /cache/g/key HTTP/1.0')],
    ['another route', line('GET /groups HTTP/1.1')],
    ['a query', line('GET /cache/g/key?encoding=base64 HTTP/1.1')],
    ['a fragment', line('GET /cache/g/key#a HTTP/1.1')],
    ['a target in absolute form', line('GET http://localhost/cache/g/key HTTP/1.1')],
    ['a space in the target', line('GET /cache/g/k ey HTTP/1.1')],
    ['two spaces', line('GET  /cache/g/key HTTP/1.1')],
    ['a malformed escape', line('GET /cache/g/%2 HTTP/1.1')],
    ['no key', line('GET /cache/g HTTP/1.1')],
    ['no headers', 'GET /cache/g/key HTTP/1.1\r\n\r\n'],
    ['no Host', 'GET /cache/g/key HTTP/1.1\r\nAccept: */*\r\n\r\n'],
    ['two Hosts', header('Host: b')],
    ['a header twice', header('X: a\r\nx: b')],
    ['a space before the colon', header('X : a')],
    ['a folded header', header('X: a\r\n b')],
    ['a header without a colon', header('X')],
    ['a bare line feed', header('X: a\nY: b')],
    ['a bare carriage return', header('X: a\rY: b')],
    ['a NUL', header('X: a\0b')],
    ['Connection: close', header('Connection: close')],
    ['Content-Length', header('Content-Length: 0')],
    ['Transfer-Encoding', header('Transfer-Encoding: chunked')],
    ['Trailer', header('Trailer: x')],
    ['Expect', header('Expect: 100-continue')],
    ['Upgrade', header('Upgrade: h2c')],
    ['two headers with credentials', header('Authorization: Bearer a\r\nAuthorization: Bearer a')],
    ['a web origin', header('Origin: http://localhost')],
    ['a long target', line(`GET /cache/g/${'a'.repeat(8192)} HTTP/1.1`)],
    ['long headers', header(`X: ${'a'.repeat(8192)}`)],
  ])('%s', (_, text) => {
    expect(read(text)).toBeUndefined()
    // Also where the header lines of an earlier request are known.
    const reader = new PlainRequestReader()
    reader.read(GET, 0)
    expect(reader.read(text, 0)).toBeUndefined()
    expect(reader.read(text, 0)).toBeUndefined()
  })
})

test('what is recognized, node:http reads in the same way', async () => {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const base = `GET /cache/g/a%2Fb HTTP/1.1\r\n${HOST}X-Tag: v w\r\nConnection: keep-alive\r\n\r\n`
  const random = seededRandom(1)
  const pick = (from: number): number => random() % from
  const bytes = '\r\n\t :%/?#"\\\0\x7f\x80\xa0\xffaZ0-_|'
  let text = ''
  const recognized = []
  while (recognized.length < 300) {
    const at = pick(base.length)
    const removed = pick(2)
    const mutant = base.slice(0, at) + bytes[pick(bytes.length)] + base.slice(at + removed)
    const request = read(mutant)
    if (request === undefined || request.headers.connection === '') continue
    recognized.push(request)
    text += mutant
  }
  const socket = await open(port)
  socket.write(text, 'latin1')
  await received(socket, (all) => all.split('HTTP/1.1 200').length > recognized.length)
  expect(asked.map(({ method, url, headers }) => ({ method, url, headers }))).toEqual(
    recognized.map(({ method, group, key, headers }) => ({
      method,
      url: `/cache/${group}/${key}`,
      headers: { ...headers },
    })),
  )
})
