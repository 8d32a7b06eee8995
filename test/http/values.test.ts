// GET and HEAD of values: bodies, headers, validators and ranges.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { loaded, type OriginValue, sortedSet } from '../../src/index.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { ask, problemOf, startHttp } from '../support/http.ts'
import { RespClient } from '../support/resp-client.ts'

describe('a string', () => {
  test('is loaded once, and then answered from memory', async () => {
    let loads = 0
    const node = await startHttp({
      groups: {
        scores: {
          origin: () => {
            loads++
            return '630'
          },
        },
      },
    })
    const miss = await node.ask('/cache/scores/Tom')
    expect([miss.status, miss.text, miss.headers['x-cache']]).toEqual([200, '630', 'miss'])
    expect(miss.headers['content-type']).toBe('application/octet-stream')
    const hit = await node.ask('/cache/scores/Tom')
    expect([hit.text, hit.headers['x-cache'], hit.headers['content-length']]).toEqual(['630', 'hit', '3'])
    expect(hit.headers['x-content-type-options']).toBe('nosniff')
    expect(loads).toBe(1)
  })

  test('has the content type of its group', async () => {
    const node = await startHttp({
      groups: { pages: { contentType: 'text/html; charset=utf-8', origin: () => '<p>' } },
    })
    expect((await node.ask('/cache/pages/a')).headers['content-type']).toBe('text/html; charset=utf-8')
  })

  test('is sent byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const node = await startHttp({ groups: { raw: { origin: () => bytes } } })
    expect((await node.ask('/cache/raw/a')).body.equals(bytes)).toBe(true)
    expect((await node.ask('/cache/raw/a')).body.equals(bytes)).toBe(true)
  })

  test('may be empty, or large', async () => {
    const large = Buffer.alloc(5 * 2 ** 20, 'x')
    const node = await startHttp({
      groups: { raw: { maxBytes: '64mb', origin: (key) => (key === 'empty' ? '' : large) } },
    })
    const empty = await node.ask('/cache/raw/empty')
    expect([empty.status, empty.headers['content-length']]).toEqual([200, '0'])
    expect((await node.ask('/cache/raw/large')).body.equals(large)).toBe(true)
  })

  test('HEAD gives the headers of GET without the body', async () => {
    const node = await startHttp({ groups: { scores: { origin: () => '630' } } })
    await node.ask('/cache/scores/Tom')
    const get = await node.ask('/cache/scores/Tom')
    const head = await node.ask('/cache/scores/Tom', { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' })
  })
})

describe('keys are any bytes', () => {
  test.each([
    ['/cache/g/a/b', 'a/b'],
    ['/cache/g/a%2Fb', 'a/b'],
    ['/cache/g/a%2fb', 'a/b'],
    ['/cache/g/', ''],
    ['/cache/g//', '/'],
    ['/cache/g/../../etc/passwd', '../../etc/passwd'],
    ['/cache/g/%2e%2e/%2e%2e/etc', '../../etc'],
    ['/cache/g/..%2f..%2fetc', '../../etc'],
    ['/cache/g/./x', './x'],
    ['/cache/g/a%20b+c', 'a b+c'],
    ['/cache/g/%25', '%'],
    ['/cache/g/a%00b', 'a\0b'],
    ['/cache/g/%C3%BC', 'ü'],
    ['/cache/g/key?encoding=utf8', 'key'],
    ['/cache/g/a%3Fb', 'a?b'],
    ['/cache/g/a;b=c,d', 'a;b=c,d'],
  ])('%s', async (path, key) => {
    const asked: string[] = []
    const origin = (name: string): string => {
      asked.push(name)
      return 'v'
    }
    const node = await startHttp({ groups: { g: { origin } } })
    expect((await node.ask(path)).text).toBe('v')
    expect(asked).toEqual([key])
  })

  test('also bytes that are no UTF-8, written by PUT and read by any client', async () => {
    const node = await startHttp({ groups: { g: {} } })
    expect((await node.ask('/cache/g/%FF%FE', { method: 'PUT', body: 'v' })).status).toBe(204)
    expect((await node.ask('/cache/g/%ff%fe')).text).toBe('v')
    const client = await RespClient.connect(node.respPort)
    expect(await client.call('GET', Buffer.from([0xff, 0xfe]))).toBe('v')
    client.socket.destroy()
  })

  test.each(['/cache/g/%', '/cache/g/%2', '/cache/g/%zz', '/cache/g/a%G0'])(
    '%s is malformed',
    async (path) => {
      const node = await startHttp({ groups: { g: { origin: () => 'v' } } })
      expect(problemOf(await node.ask(path))).toEqual({ status: 400, type: 'bad-request' })
    },
  )
})

test('collections are JSON', async () => {
  const values: Record<string, OriginValue> = {
    hash: { name: 'Ada', born: '1815' },
    list: ['a', 'b', 'a'],
    set: new Set(['x']),
    zset: sortedSet([
      ['low', 1.5],
      ['high', 20],
    ]),
  }
  const node = await startHttp({ groups: { g: { origin: (key) => values[key] } } })
  for (let i = 0; i < 2; i++) {
    expect((await node.ask('/cache/g/hash')).json()).toEqual({ name: 'Ada', born: '1815' })
    expect((await node.ask('/cache/g/list')).json()).toEqual(['a', 'b', 'a'])
    expect((await node.ask('/cache/g/set')).json()).toEqual(['x'])
    const zset = await node.ask('/cache/g/zset')
    expect(zset.json()).toEqual([
      ['low', 1.5],
      ['high', 20],
    ])
    expect(zset.headers['content-type']).toBe('application/json')
  }
})

test('a stream is JSON, too', async () => {
  const node = await startHttp({ groups: { g: {} } })
  const client = await RespClient.connect(node.respPort)
  await client.call('XADD', 's', '1-1', 'f', 'v', 'f', 'w')
  client.socket.destroy()
  expect((await node.ask('/cache/g/s')).json()).toEqual([
    [
      '1-1',
      [
        ['f', 'v'],
        ['f', 'w'],
      ],
    ],
  ])
})

test('bytes that JSON cannot express are an error, or base64', async () => {
  const node = await startHttp({ groups: { g: { origin: () => [Buffer.from([0xff, 0x00]), 'ok'] } } })
  expect(problemOf(await node.ask('/cache/g/a'))).toEqual({ status: 406, type: 'not-text' })
  expect((await node.ask('/cache/g/a?encoding=base64')).json()).toEqual(['/wA=', 'b2s='])
  expect(problemOf(await node.ask('/cache/g/a?encoding=hex'))).toEqual({ status: 400, type: 'bad-request' })
})

describe('what is not there', () => {
  test('a key: 404, and then from the negative entry', async () => {
    const node = await startHttp({ groups: { g: { origin: () => null, negativeTtl: '10s' } } })
    const miss = await node.ask('/cache/g/a')
    expect(problemOf(miss)).toEqual({ status: 404, type: 'absent' })
    expect(miss.headers['x-cache']).toBe('miss')
    const absent = await node.ask('/cache/g/a')
    expect([absent.status, absent.headers['x-cache']]).toEqual([404, 'absent'])
    expect(absent.headers['cache-control']).toMatch(/^max-age=(9|10)$/)
  })

  test('a group', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const answer = await node.ask('/cache/nope/a')
    expect(problemOf(answer)).toEqual({ status: 404, type: 'unknown-group' })
    expect(answer.json().detail).toBe('there is no group "nope", known are g')
  })

  test.each(['/cache', '/nope', '/cache/g/a/../../..', '/CACHE/g/a', '//cache/g/a'])(
    'a path: %s',
    async (path) => {
      const node = await startHttp({ groups: { x: {} } })
      expect((await node.ask(path)).status).toBe(404)
    },
  )

  test('a method: 405 with those that there are', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const answer = await node.ask('/cache/g/a', { method: 'PATCH', body: 'x' })
    expect(problemOf(answer)).toEqual({ status: 405, type: 'unknown-method' })
    expect(answer.headers.allow).toBe('GET, PUT, DELETE, PURGE, HEAD, OPTIONS')
    const options = await node.ask('/cache/g/a', { method: 'OPTIONS' })
    expect([options.status, options.headers.allow]).toEqual([204, answer.headers.allow])
  })
})

describe('what fails', () => {
  test('the origin: 502 with its reason', async () => {
    const node = await startHttp({
      groups: { g: { origin: () => Promise.reject(new Error('the table is gone')) } },
    })
    const answer = await node.ask('/cache/g/a')
    expect(problemOf(answer)).toEqual({ status: 502, type: 'origin-failed' })
    expect(answer.json().detail).toBe('g: the table is gone')
  })

  test('the circuit breaker: 503 with Retry-After', async () => {
    const origin = (): Promise<never> => Promise.reject(new Error('down'))
    const node = await startHttp({ groups: { g: { origin, breakAfter: 1, breakFor: '1h' } } })
    expect((await node.ask('/cache/g/a')).status).toBe(502)
    const answer = await node.ask('/cache/g/b')
    expect(problemOf(answer)).toEqual({ status: 503, type: 'origin-unavailable' })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(1000)
  })

  test('an overloaded origin: 503', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({
      groups: { g: { origin: gated, originConcurrency: 1, originQueue: 0 } },
    })
    const first = node.ask('/cache/g/a')
    await gated.isAskedFor('a')
    const answer = await node.ask('/cache/g/b')
    expect(problemOf(answer)).toEqual({ status: 503, type: 'origin-unavailable' })
    expect(answer.headers['retry-after']).toBe('1')
    gated.give('a', 'v')
    expect((await first).text).toBe('v')
  })

  test('an origin that does not answer: 504', async () => {
    const node = await startHttp({ groups: { g: { origin: new GatedOrigin(), originTimeout: 20 } } })
    expect(problemOf(await node.ask('/cache/g/a'))).toEqual({ status: 504, type: 'origin-timeout' })
  })

  test('a wait that is too long: 504', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({ groups: { g: { origin: gated, maxWait: 20 } } })
    expect(problemOf(await node.ask('/cache/g/a'))).toEqual({ status: 504, type: 'origin-timeout' })
    gated.give('a', 'v')
  })
})

describe('freshness', () => {
  test('max-age, Age and X-Cache follow the entry', async () => {
    const clock = new ManualClock(1_700_000_000_000)
    const node = await startHttp(
      {
        groups: {
          g: { ttl: '60s', jitter: 0, staleWhileRevalidate: '30s', staleIfError: '1h', origin: (key) => key },
        },
      },
      { clock },
    )
    const miss = await node.ask('/cache/g/a')
    const policy = 'max-age=60, stale-while-revalidate=30, stale-if-error=3600'
    expect([miss.headers['cache-control'], miss.headers.age]).toEqual([policy, '0'])
    clock.advance(45_000)
    const hit = await node.ask('/cache/g/a')
    expect([hit.headers['x-cache'], hit.headers['cache-control'], hit.headers.age]).toEqual([
      'hit',
      policy,
      '45',
    ])
    clock.advance(20_000)
    const stale = await node.ask('/cache/g/a')
    expect([stale.headers['x-cache'], stale.headers['cache-control'], stale.headers.age]).toEqual([
      'stale',
      policy,
      '65',
    ])
  })

  test('a stale value is served when the origin fails', async () => {
    const clock = new ManualClock(1_700_000_000_000)
    let fails = false
    const origin = (): string => {
      if (fails) throw new Error('down')
      return 'v'
    }
    const node = await startHttp(
      { groups: { g: { ttl: '60s', jitter: 0, staleIfError: '1h', origin } } },
      { clock },
    )
    await node.ask('/cache/g/a')
    fails = true
    clock.advance(61_000)
    const answer = await node.ask('/cache/g/a')
    expect([answer.text, answer.headers['x-cache']]).toEqual(['v', 'stale'])
  })

  test('a value without a lifetime is to be validated each time', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: 'v' })
    const { headers } = await node.ask('/cache/g/a')
    expect([headers['cache-control'], headers.age]).toEqual(['no-cache', undefined])
  })

  test('a value with a TTL of 0 is not kept', async () => {
    const node = await startHttp({ groups: { g: { origin: () => loaded('v', { ttl: 0 }) } } })
    const { headers } = await node.ask('/cache/g/a')
    expect([headers['cache-control'], headers['x-cache']]).toEqual(['max-age=0', 'miss'])
  })

  test('Server-Timing has the wait and the load of a miss', async () => {
    const gated = new GatedOrigin()
    const clock = new ManualClock(1_700_000_000_000)
    const node = await startHttp({ groups: { g: { origin: gated } } }, { clock })
    const answer = node.ask('/cache/g/a')
    await gated.isAskedFor('a')
    clock.advance(25)
    gated.give('a', 'v')
    expect((await answer).headers['server-timing']).toBe('wait;dur=25, load;dur=25')
    expect((await node.ask('/cache/g/a')).headers['server-timing']).toBeUndefined()
  })
})

describe('validators and ranges', () => {
  test('If-None-Match', async () => {
    const node = await startHttp({ groups: { g: { ttl: '1h', origin: (key) => key } } })
    const { etag } = (await node.ask('/cache/g/a')).headers
    const same = await node.ask('/cache/g/a', { headers: { 'If-None-Match': etag! } })
    expect([same.status, same.text, same.headers.etag]).toEqual([304, '', etag])
    expect(same.headers['cache-control']).toMatch(/^max-age=/)
    expect((await node.ask('/cache/g/a', { headers: { 'If-None-Match': `"x", W/${etag}` } })).status).toBe(
      304,
    )
    expect((await node.ask('/cache/g/b', { headers: { 'If-None-Match': etag! } })).status).toBe(200)
    expect((await node.ask('/cache/g/a', { headers: { 'If-None-Match': '*' } })).status).toBe(304)
  })

  test('Range', async () => {
    const node = await startHttp({ groups: { g: { origin: () => '0123456789' } } })
    const range = async (text: string, more = {}) => {
      const {
        status,
        text: body,
        headers,
      } = await node.ask('/cache/g/a', { headers: { Range: text, ...more } })
      return [status, status === 416 ? '' : body, headers['content-range']]
    }
    expect(await range('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await range('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await range('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await range('bytes=5-99')).toEqual([206, '56789', 'bytes 5-9/10'])
    expect(await range('bytes=10-')).toEqual([416, '', 'bytes */10'])
    expect(await range('bytes=-0')).toEqual([416, '', 'bytes */10'])
    // What a server may ignore.
    expect(await range('bytes=4-2')).toEqual([200, '0123456789', undefined])
    expect(await range('bytes=0-1,3-4')).toEqual([200, '0123456789', undefined])
    expect(await range('lines=0-1')).toEqual([200, '0123456789', undefined])
    expect(await range('bytes=2-4', { 'If-Range': '"old"' })).toEqual([200, '0123456789', undefined])
    const { etag } = (await node.ask('/cache/g/a')).headers
    expect(await range('bytes=2-4', { 'If-Range': etag })).toEqual([206, '234', 'bytes 2-4/10'])
    // RFC 9110, section 14.2: ranges are of GET only.
    for (const Range of ['bytes=2-4', 'bytes=10-']) {
      const head = await node.ask('/cache/g/a', { method: 'HEAD', headers: { Range } })
      expect([head.status, head.headers['content-length']]).toEqual([200, '10'])
    }
  })
})

test('one load serves all requests at the same time, over HTTP and RESP', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ groups: { g: { origin: gated } } })
  const client = await RespClient.connect(node.respPort)
  const answers = Array.from({ length: 20 }, () => ask(node.port, '/cache/g/a'))
  await gated.isAskedFor('a')
  const reply = client.call('GET', 'a')
  gated.give('a', 'v')
  for (const answer of await Promise.all(answers)) expect(answer.text).toBe('v')
  expect(await reply).toBe('v')
  expect(gated.asked).toEqual(['a'])
  client.socket.destroy()
})

test('reads over HTTP are counted, in the slow log, and shown by MONITOR', async () => {
  const node = await startHttp({ slowlogLogSlowerThan: 0, groups: { g: { origin: () => 'v' } } })
  const monitor = await RespClient.connect(node.respPort)
  await monitor.call('MONITOR')
  const shown = monitor.next()
  await node.ask('/cache/g/a')
  await node.ask('/cache/g/a')
  expect(String(await shown)).toMatch(/\[0 127\.0\.0\.1:\d+\] "FETCH" "a"/)
  expect(await node.node.stats('g')).toMatchObject({ hits: 1, misses: 1, loads: 1 })
  const client = await RespClient.connect(node.respPort)
  expect(String(await client.call('INFO', 'commandstats'))).toMatch(/cmdstat_fetch:calls=2/)
  const slow = (await client.call('SLOWLOG', 'GET', '10')) as unknown[][]
  expect(slow.find((entry) => String(entry[3]) === 'FETCH,a')?.[4]).toMatch(/^127\.0\.0\.1:\d+$/)
  monitor.socket.destroy()
  client.socket.destroy()
})
