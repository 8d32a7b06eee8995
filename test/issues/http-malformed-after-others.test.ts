// A malformed request behind others on one connection was answered before them: a PUT that was done, or a read, got 400.

import { expect, test } from 'vitest'
import { GatedOrigin } from '../support/gated-origin.ts'
import { ask, closed, exchangeBytes, open, startHttp } from '../support/http.ts'

const HOST = 'Host: localhost\r\n'
const PUT = `PUT /cache/plain/a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nnew`
/** One that node:http serves, with a load that the test ends. */
const READ = `GET /cache/gated/k?encoding=base64 HTTP/1.1\r\n${HOST}\r\n`
const CHUNKED = `PUT /cache/plain/b HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`

const groups = (origin = new GatedOrigin()) => ({
  plain: { maxBytes: '1mb' },
  gated: { maxBytes: '1mb', origin },
})

/** The statuses and bodies of responses. */
function answersIn(text: string): string[] {
  return text
    .split(/(?=HTTP\/1\.1 )/)
    .map((response) => `${response.slice(9, 12)} ${response.slice(response.indexOf('\r\n\r\n') + 4)}`.trim())
}

test.each([
  ['a request line without a method', 'garbage\r\n\r\n'],
  ['chunks without a length', CHUNKED],
  ['two lengths', `PUT /cache/plain/b HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
])('a write that is done says so: %s behind it', async (_, malformed) => {
  const { port } = await startHttp({ groups: groups() })
  expect(answersIn(await exchangeBytes(port, PUT + malformed))).toEqual([
    '204',
    expect.stringMatching(/^400/),
  ])
  expect((await ask(port, '/cache/plain/a')).text).toBe('new')
  expect((await ask(port, '/cache/plain/b')).status).toBe(404)
})

test.each([
  ['a request line without a method', 'garbage\r\n\r\n', ['200 v', '400']],
  ['half a request, and the end', 'GET /cache', ['200 v', '400']],
  ['chunks without a length', CHUNKED, ['200 v', '400']],
  ['a write, and chunks without a length', PUT + CHUNKED, ['200 v', '204', '400']],
])('a read that takes long gets its value: %s behind it', async (_, rest, expected) => {
  const origin = new GatedOrigin()
  const { port } = await startHttp({ groups: groups(origin) })
  const socket = await open(port)
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => {
    text += part
  })
  socket.end(READ + rest)
  await origin.isAskedFor('k')
  // Another connection is served in between: what has arrived here before is parsed.
  await ask(port, '/cache/plain/a')
  origin.give('k', 'v')
  await closed(socket)
  expect(answersIn(text)).toEqual(expected)
  expect((await ask(port, '/cache/plain/b')).status).toBe(404)
})

test('a request behind one that asks for the end of the connection is ignored', async () => {
  const { port } = await startHttp({ groups: groups() })
  const last = PUT.replace(HOST, `${HOST}Connection: close\r\n`)
  expect(answersIn(await exchangeBytes(port, last + PUT.replace('/a', '/b')))).toEqual(['204'])
  expect((await ask(port, '/cache/plain/b')).status).toBe(404)
})

test('a body of HTTP/1.0 without a length is refused, not taken for an empty one', async () => {
  const { port } = await startHttp({ groups: groups() })
  const socket = await open(port)
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => {
    text += part
  })
  socket.end(`PUT /cache/plain/a HTTP/1.0\r\n${HOST}\r\nvalue`)
  await closed(socket)
  expect(text).toMatch(/^HTTP\/1\.1 411 .*needs Content-Length/s)
  expect((await ask(port, '/cache/plain/a')).status).toBe(404)
})

test('a client of HTTP/1.0 gets no interim response', async () => {
  const { port } = await startHttp({ groups: groups() })
  const old = PUT.replace('HTTP/1.1', 'HTTP/1.0').replace(HOST, `${HOST}Expect: 100-continue\r\n`)
  expect(answersIn(await exchangeBytes(port, old))).toEqual(['204'])
})

test('the unit of a range in any case', async () => {
  const { port } = await startHttp({ groups: groups() })
  await ask(port, '/cache/plain/a', { method: 'PUT', body: 'value' })
  const answer = await ask(port, '/cache/plain/a', { headers: { range: 'Bytes=1-2' } })
  expect([answer.status, answer.text]).toEqual([206, 'al'])
})
