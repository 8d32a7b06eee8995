// Requests that servers read in different ways are refused, rather than served in one of the ways.

import { describe, expect, test } from 'vitest'
import { exchangeBytes, problemOf, startHttp } from '../support/http.ts'

const HOST = 'Host: localhost\r\n'

describe('refused, and the connection is closed', () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('')
  test.each([
    ['two hosts', `GET /cache/g/a HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`, 400, 'Host'],
    ['the same host twice', `GET /cache/g/a HTTP/1.1\r\n${HOST}hOST: localhost\r\n\r\n`, 400, 'Host'],
    [
      'credentials twice',
      `GET /cache/g/a HTTP/1.1\r\n${HOST}Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n`,
      400,
      'Authorization',
    ],
    ['more headers than are read', `GET /cache/g/a HTTP/1.1\r\n${HOST}${lines(100)}\r\n`, 431, '100'],
    [
      'a transfer coding that is not decoded',
      `PUT /cache/g/a HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
      501,
      'gzip, chunked',
    ],
    ['HTTP/2.0 by name', `GET /cache/g/a HTTP/2.0\r\n${HOST}\r\n`, 505, '2.0'],
    ['no version', 'GET /cache/g/a\r\n\r\n', 505, '0.9'],
  ])('%s', async (_, bytes, status, named) => {
    const node = await startHttp({ groups: { g: {} } })
    const text = await exchangeBytes(node.port, `${bytes}GET /groups HTTP/1.1\r\n${HOST}\r\n`)
    const statuses = text.match(/(?<=HTTP\/1\.1 )\d+/g)
    expect(statuses?.[0]).toBe(`${status}`)
    expect(statuses).not.toContain('200')
    expect(text).toContain('"urn:erinys:problem:bad-request"')
    expect(JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '').detail).toContain(named)
  })

  test('a hundred headers are read, and the last of them counts', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const headers = Object.fromEntries(Array.from({ length: 96 }, (_, i) => [`X-${i}`, 'a']))
    const put = await node.ask('/cache/g/a?ttl=0', { method: 'PUT', headers, body: '' })
    expect(problemOf(put)).toEqual({ status: 400, type: 'bad-request' })
  })
})

test('the refusal of a target in absolute form names its host', async () => {
  const node = await startHttp({ groups: { g: {} } })
  const answer = await node.ask('http://evil.example/cache/g/a')
  expect(problemOf(answer)).toEqual({ status: 403, type: 'foreign-host' })
  expect(answer.json().detail).toContain('evil.example')
})

describe('a query', () => {
  test('that was meant as a part of the key is an error, not the value of another key', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/page', { method: 'PUT', body: 'v' })
    for (const path of ['/cache/g/page?id=7', '/explain/g/page?id=7']) {
      const answer = await node.ask(path)
      expect(problemOf(answer)).toEqual({ status: 400, type: 'bad-request' })
      expect(answer.json().detail).toContain('"id"')
      expect(answer.json().detail).toContain('%3F')
    }
    expect((await node.ask('/cache/g/page?encoding=base64')).status).toBe(200)
    expect((await node.ask('/cache/g/page?')).status).toBe(200)
  })

  test('with a misspelt or repeated parameter writes nothing', async () => {
    const node = await startHttp({ groups: { g: {} } })
    for (const query of ['tll=5m', 'ttl=5m&ttl=1h', 'TTL=5m', '%zz=1']) {
      const put = await node.ask(`/cache/g/a?${query}`, { method: 'PUT', body: 'v' })
      expect(problemOf(put)).toEqual({ status: 400, type: 'bad-request' })
    }
    expect((await node.ask('/cache/g/a')).status).toBe(404)
  })

  test('where a path names no group is not looked at', async () => {
    const node = await startHttp({ groups: { g: {} } })
    expect((await node.ask('/healthz?from=probe')).status).toBe(200)
    expect((await node.ask('/metrics?format=prometheus')).status).toBe(200)
  })
})

test('a key that is no text is refused in a list of keys', async () => {
  const node = await startHttp({ groups: { g: {} } })
  const answer = await node.ask('/cache/g', { method: 'POST', body: '["a", "\\ud800"]' })
  expect(problemOf(answer)).toEqual({ status: 400, type: 'bad-request' })
})
