// PUT, DELETE, PURGE and POST of many keys.

import { describe, expect, test } from 'vitest'
import { loaded } from '../../src/index.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { open, problemOf, received, startHttp } from '../support/http.ts'
import { RespClient } from '../support/resp-client.ts'

describe('PUT', () => {
  test('writes a value with its lifetime and its tags', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const put = await node.ask('/cache/g/a?ttl=5m', {
      method: 'PUT',
      body: 'v',
      headers: { 'X-Tags': 'red, blue' },
    })
    expect([put.status, put.text]).toEqual([204, ''])
    const { text, headers } = await node.ask('/cache/g/a')
    expect([text, headers['cache-control']]).toEqual(['v', expect.stringMatching(/^max-age=(299|300)$/)])
    const client = await RespClient.connect(node.respPort)
    await client.call('INVALIDATE', 'TAG', 'blue')
    client.socket.destroy()
    expect((await node.ask('/cache/g/a')).status).toBe(404)
  })

  test('an empty body is an empty value; a chunked one is received as a whole', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/empty', { method: 'PUT' })
    expect((await node.ask('/cache/g/empty')).headers['content-length']).toBe('0')
    const socket = await open(node.port)
    socket.write(
      'PUT /cache/g/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    )
    socket.write('2\r\nde\r\n0\r\n\r\n')
    await received(socket, (text) => text.startsWith('HTTP/1.1 204'))
    expect((await node.ask('/cache/g/b')).text).toBe('abcde')
  })

  test.each(['0', '-1', 'soon', '', '1e3', '99999999999999999999'])(
    'a ttl of %j is an error',
    async (ttl) => {
      const node = await startHttp({ groups: { g: {} } })
      const put = await node.ask(`/cache/g/a?ttl=${ttl}`, { method: 'PUT', body: 'v' })
      expect(problemOf(put)).toEqual({ status: 400, type: 'bad-request' })
      expect(put.json().detail).toContain('ttl')
      expect((await node.ask('/cache/g/a')).status).toBe(404)
    },
  )

  test('more tags than an entry has are an error', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const tags = Array.from({ length: 17 }, (_, i) => `t${i}`).join()
    const put = await node.ask('/cache/g/a', { method: 'PUT', body: 'v', headers: { 'X-Tags': tags } })
    expect(problemOf(put)).toEqual({ status: 400, type: 'rejected' })
    expect(put.json().detail).toBe('an entry has at most 16 tags')
  })

  test('an entry larger than its group is refused before it is received', async () => {
    const node = await startHttp({ groups: { g: { maxBytes: '64kb' } } })
    const socket = await open(node.port)
    socket.write('PUT /cache/g/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n')
    const answer = await received(socket, (text) => text.includes('\r\n\r\n') && text.endsWith('}\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*too-large/s)
  })

  test('Expect: 100-continue is answered once the body is wanted', async () => {
    const node = await startHttp({ groups: { g: { maxBytes: '64kb' } } })
    const head = (length: number): string =>
      `PUT /cache/g/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    const socket = await open(node.port)
    socket.write(head(3))
    await received(socket, (text) => text === 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('abc')
    await received(socket, (text) => text.startsWith('HTTP/1.1 204'))
    const refused = await open(node.port)
    refused.write(head(2 ** 30))
    expect(await received(refused, (text) => text.endsWith('}\n'))).toMatch(/^HTTP\/1\.1 413/)
  })

  test('is written through to the origin, and not kept when that refuses', async () => {
    const written: string[] = []
    const origin = {
      load: () => null,
      store: (key: string, value: unknown) => {
        if (key === 'bad') throw new Error('no')
        written.push(`${key}=${String(value)}`)
      },
      remove: (key: string) => void written.push(`-${key}`),
    }
    const node = await startHttp({ groups: { g: { write: 'through', origin: origin as never } } })
    expect((await node.ask('/cache/g/a', { method: 'PUT', body: 'v' })).status).toBe(204)
    expect(problemOf(await node.ask('/cache/g/bad', { method: 'PUT', body: 'v' }))).toEqual({
      status: 502,
      type: 'origin-failed',
    })
    expect((await node.ask('/cache/g/a', { method: 'DELETE' })).status).toBe(204)
    expect(written).toEqual(['a=v', '-a'])
  })

  test('a group that refuses writes answers 403', async () => {
    const node = await startHttp({ groups: { g: { write: 'refuse', origin: () => 'v' } } })
    for (const method of ['PUT', 'DELETE'])
      expect(problemOf(await node.ask('/cache/g/a', { method }))).toEqual({
        status: 403,
        type: 'writes-refused',
      })
  })

  test('fences a load that is under way', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const read = node.ask('/cache/g/a')
    await gated.isAskedFor('a')
    await node.ask('/cache/g/a', { method: 'PUT', body: 'new' })
    gated.give('a', 'old')
    expect((await read).text).toBe('old')
    expect((await node.ask('/cache/g/a')).text).toBe('new')
  })
})

test('DELETE removes a value', async () => {
  const node = await startHttp({ groups: { g: {} } })
  await node.ask('/cache/g/a', { method: 'PUT', body: 'v' })
  expect((await node.ask('/cache/g/a', { method: 'DELETE' })).status).toBe(204)
  expect((await node.ask('/cache/g/a')).status).toBe(404)
  expect((await node.ask('/cache/g/a', { method: 'DELETE' })).status).toBe(204)
})

describe('PURGE', () => {
  const PURGE = { method: 'PURGE' }

  test('drops a key, which is loaded again', async () => {
    let value = 'old'
    const node = await startHttp({ groups: { g: { origin: () => value } } })
    await node.ask('/cache/g/a')
    value = 'new'
    expect((await node.ask('/cache/g/a', PURGE)).json()).toEqual({ purged: 1, tags: 0 })
    expect((await node.ask('/cache/g/a', PURGE)).json()).toEqual({ purged: 0, tags: 0 })
    expect((await node.ask('/cache/g/a')).text).toBe('new')
  })

  test.each<Record<string, string>>([{ 'Surrogate-Key': 'red green' }, { 'Cache-Tag': 'red, green' }])(
    'drops tags: %j',
    async (tags) => {
      const node = await startHttp({
        groups: { g: { origin: (key) => loaded(key, { tags: [key === 'a' ? 'red' : 'blue'] }) } },
      })
      await node.ask('/cache/g/a')
      await node.ask('/cache/g/b')
      expect((await node.ask('/cache/g', { ...PURGE, headers: tags })).json()).toEqual({ purged: 0, tags: 2 })
      expect((await node.ask('/cache/g/a')).headers['x-cache']).toBe('miss')
      expect((await node.ask('/cache/g/b')).headers['x-cache']).toBe('hit')
    },
  )

  test.each<[what: string, path: string, tags: Record<string, string>]>([
    ['a key', '/cache/g/a', {}],
    ['a tag', '/cache/g', { 'Surrogate-Key': 'red' }],
  ])('softly makes %s stale: it is served while it is loaded', async (_, path, tags) => {
    const gated = new GatedOrigin()
    const origin = {
      load: async (key: string) => loaded(String(await gated.load(key, {} as never)), { tags: ['red'] }),
    }
    const node = await startHttp({ groups: { g: { ttl: '1h', staleWhileRevalidate: '1h', origin } } })
    const first = node.ask('/cache/g/a')
    await gated.isAskedFor('a')
    gated.give('a', 'old')
    await first
    await node.ask(path, { ...PURGE, headers: { ...tags, 'Soft-Purge': '1' } })
    const stale = await node.ask('/cache/g/a')
    expect([stale.text, stale.headers['x-cache']]).toEqual(['old', 'stale'])
    expect(gated.asked).toEqual(['a', 'a'])
    gated.give('a', 'new')
    await node.node.get('g', 'a')
    const hit = await node.ask('/cache/g/a')
    expect([hit.text, hit.headers['x-cache']]).toEqual(['new', 'hit'])
  })

  test('softly drops what may not be served stale', async () => {
    const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
    await node.ask('/cache/g/a')
    await node.ask('/cache/g/a', { ...PURGE, headers: { 'Soft-Purge': '1' } })
    expect((await node.ask('/cache/g/a')).headers['x-cache']).toBe('miss')
  })

  test('bad input', async () => {
    const node = await startHttp({ groups: { g: {} } })
    expect(problemOf(await node.ask('/cache/g', PURGE))).toEqual({ status: 400, type: 'bad-request' })
    const soft = await node.ask('/cache/g/a', { ...PURGE, headers: { 'Soft-Purge': 'yes' } })
    expect(problemOf(soft)).toEqual({ status: 400, type: 'bad-request' })
  })
})

describe('POST of many keys', () => {
  const many = (keys: unknown, path = '/cache/g') =>
    [path, { method: 'POST', body: typeof keys === 'string' ? keys : JSON.stringify(keys) }] as const

  test('gives an object of values, in the order of the keys', async () => {
    const node = await startHttp({
      groups: {
        g: { origin: (key) => (key === 'none' ? null : key === 'list' ? ['x', 'y'] : key.toUpperCase()) },
      },
    })
    const answer = await node.ask(...many(['b', 'a', 'none', 'list', 'a']))
    expect(answer.text).toBe('{"b":"B","a":"A","none":null,"list":["x","y"]}\n')
    expect((await node.ask(...many([]))).json()).toEqual({})
  })

  test('loads misses together', async () => {
    const batches: number[] = []
    const node = await startHttp({
      groups: {
        g: {
          origin: {
            load: () => null,
            loadMany: (keys) => {
              batches.push(keys.length)
              return keys.map((key) => `v${key}`)
            },
          },
        },
      },
    })
    const keys = Array.from({ length: 100 }, (_, i) => String(i))
    expect(Object.keys((await node.ask(...many(keys))).json())).toHaveLength(100)
    // A turn of the event loop may end before all are asked for.
    expect(batches.length).toBeLessThan(20)
    expect(batches.reduce((sum, each) => sum + each, 0)).toBe(100)
  })

  test('is streamed: what was read is sent while later keys are loaded', async () => {
    const gated = new GatedOrigin()
    const value = 'x'.repeat(40_000)
    const node = await startHttp({ groups: { g: { origin: gated } } })
    const socket = await open(node.port)
    const body = JSON.stringify(['a', 'b'])
    socket.write(`POST /cache/g HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await gated.isAskedFor('a')
    await gated.isAskedFor('b')
    gated.give('a', value)
    await received(socket, (text) => text.includes(value))
    gated.give('b', 'last')
    await received(socket, (text) => text.includes('"b":"last"}'))
  })

  test('a key whose read failed is left out, and named by the trailer', async () => {
    const node = await startHttp({
      groups: {
        g: {
          origin: (key) => {
            if (key.startsWith('ü')) throw new Error(`no ${key}`)
            return key
          },
        },
      },
    })
    const answer = await node.ask(...many(['a', 'ü', 'b']))
    expect(answer.json()).toEqual({ a: 'a', b: 'b' })
    expect(JSON.parse(answer.trailers['x-problems']!)).toEqual({
      failed: 1,
      problems: [{ key: 'ü', status: 502, type: 'origin-failed', detail: 'g: no ü' }],
    })
    expect(problemOf(await node.ask(...many(['ü1', 'ü2'])))).toEqual({ status: 502, type: 'origin-failed' })
  })

  test('keys and values as base64', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/%FF', { method: 'PUT', body: Buffer.from([0xfe]) })
    const path = '/cache/g?encoding=base64'
    expect((await node.ask(...many(['/w=='], path))).json()).toEqual({ '/w==': '/g==' })
    expect(problemOf(await node.ask(...many(['!'], path)))).toEqual({ status: 400, type: 'bad-request' })
  })

  test.each(['', 'x', '{}', '[1]', '["a", null]', '"a"'])('a body of %j is an error', async (body) => {
    const node = await startHttp({ groups: { g: {} } })
    expect(problemOf(await node.ask(...many(body)))).toEqual({ status: 400, type: 'bad-request' })
  })

  test('thousands of keys', async () => {
    const node = await startHttp({ groups: { g: { origin: (key) => key.repeat(10) } } })
    const keys = Array.from({ length: 5000 }, (_, i) => `key:${i}`)
    const answer = (await node.ask(...many(keys))).json()
    expect(Object.keys(answer)).toEqual(keys)
    expect(answer['key:4999']).toBe('key:4999'.repeat(10))
  })
})
