// HTTP as an origin, against servers of this process.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { isBadRequest, type LoadContext, Loaded, RetryLater } from '../../../src/group/origin.ts'
import { type HttpOptions, HttpOrigin } from '../../../src/origin/http/http.ts'
import { UrlTemplate } from '../../../src/origin/http/url-template.ts'
import { KeyPattern } from '../../../src/origin/key-pattern.ts'
import { behind, originContract } from '../../contracts/origin.contract.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { certificate, key as privateKey } from '../../support/certificate.ts'
import { FaultyProxy } from '../../support/proxy.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void
type Options = Partial<Omit<HttpOptions, 'url' | 'keys'>> & { readonly url: string; readonly keys?: string }

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

async function serve(handler: Handler, encoding: BufferEncoding = 'utf8'): Promise<number> {
  const server: Server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding(encoding)) body += chunk
    handler(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function originOf({ url, keys, ...options }: Options): HttpOrigin {
  const pattern = keys === undefined ? undefined : new KeyPattern(keys)
  const origin = new HttpOrigin({
    shape: 'string',
    batchUrl: undefined,
    batchIdempotent: false,
    lazy: false,
    userAgent: 'erinys/test',
    headers: {},
    tls: undefined,
    connections: 8,
    redirects: 3,
    redirectTo: [],
    maxResponse: 2 ** 20,
    connectTimeout: PATIENT_MS,
    timeout: PATIENT_MS,
    clock: new ManualClock(),
    ...options,
    keys: pattern,
    url: new UrlTemplate(url, pattern?.names ?? []),
  })
  endings.push(() => origin.close())
  return origin
}

function context(validator?: string, signal = new AbortController().signal): LoadContext {
  return { group: 'things', signal, validator }
}

async function load(origin: HttpOrigin, key: string, validator?: string): Promise<Loaded | null> {
  const result = await origin.load(key, context(validator))
  if (result !== null && !(result instanceof Loaded)) throw new Error('wants facts')
  return result
}

const textOf = (result: Loaded | null): string | null =>
  result?.value == null ? null : Buffer.from(result.value as Uint8Array).toString()

originContract(
  'HTTP',
  async (contents) => {
    const port = await serve((request, response, body) => {
      if (request.method === 'POST') {
        const keys = JSON.parse(body) as string[]
        const found = keys.map((key) => {
          const value = contents.get(key)
          return `${JSON.stringify(key)}:${JSON.stringify(value == null ? null : Buffer.from(value).toString())}`
        })
        response.end(`{${found.join(',')}}`)
        return
      }
      const key = new URL(String(request.url), 'http://h').searchParams.get('key')
      const value = contents.get(String(key))
      response.statusCode = value == null ? 404 : 200
      response.end(value ?? 'no such key')
    })
    const proxy = await FaultyProxy.start(() => ({ port }))
    return {
      origin: originOf({
        url: `http://127.0.0.1:${proxy.port}/values?key={key}`,
        batchUrl: `http://127.0.0.1:${proxy.port}/values`,
      }),
      ...behind(proxy),
    }
  },
  { batches: true, faults: true },
)

originContract(
  'HTTP without batches',
  async (contents) => {
    const port = await serve((request, response) => {
      const value = contents.get(String(new URL(String(request.url), 'http://h').searchParams.get('key')))
      response.statusCode = value == null ? 410 : 200
      response.end(value ?? '')
    })
    return { origin: originOf({ url: `http://127.0.0.1:${port}/values?key={key}` }) }
  },
  { bytes: true },
)

originContract(
  'HTTP with writes',
  async (contents) => {
    const values = new Map(contents)
    const port = await serve(({ method, url }, response, body) => {
      const key = String(new URL(String(url), 'http://h').searchParams.get('key'))
      const value = values.get(key)
      if (method === 'PUT') values.set(key, Buffer.from(body, 'latin1'))
      if (method === 'DELETE') values.delete(key)
      if (method === 'PUT') response.writeHead(value == null ? 201 : 204).end()
      else response.writeHead(value == null ? 404 : 200).end(method === 'GET' ? value : 'gone')
    }, 'latin1')
    const proxy = await FaultyProxy.start(() => ({ port }))
    return {
      origin: originOf({ url: `http://127.0.0.1:${proxy.port}/values?key={key}` }),
      ...behind(proxy),
    }
  },
  { bytes: true, faults: true, writes: true },
)

describe('requests', () => {
  test('have the URL and the headers; keys outside the pattern send none', async () => {
    const asked: unknown[] = []
    const port = await serve(({ method, url, headers }, response) => {
      asked.push([method, url, headers.authorization, headers['accept-encoding']])
      response.end('x')
    })
    const origin = originOf({
      url: `http://127.0.0.1:${port}/users/{id}?all={key}`,
      keys: 'user:{id}',
      headers: { authorization: 'Bearer x' },
    })
    expect(textOf(await load(origin, 'user:a/b c'))).toBe('x')
    expect([await load(origin, 'user:..'), await load(origin, 'other:1')]).toEqual([null, null])
    expect(['user:..', 'other:1', 'user:a'].map((key) => origin.knows(key))).toEqual([false, false, true])
    expect(asked).toEqual([['GET', '/users/a%2Fb%20c?all=user%3Aa%2Fb%20c', 'Bearer x', 'identity']])
  })

  test('are conditional for a cached version; 304 means unchanged', async () => {
    const port = await serve(({ headers }, response) => {
      response.setHeader('etag', '"2"').setHeader('cache-control', 'max-age=9')
      response.statusCode = headers['if-none-match'] === '"2"' ? 304 : 200
      response.end(response.statusCode === 200 ? 'two' : undefined)
    })
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}` })
    const first = await load(origin, 'a')
    expect([textOf(first), first?.facts.ttl, first?.unchanged]).toEqual(['two', 9000, false])
    const second = await load(origin, 'a', first?.facts.validator)
    expect([second?.unchanged, second?.facts]).toEqual([true, first?.facts])
    const third = await load(origin, 'a', JSON.stringify({ etag: '"1"' }))
    expect([textOf(third), third?.unchanged]).toEqual(['two', false])
  })

  test('follow a limited number of redirects, and send no headers to another server', async () => {
    const seen: unknown[] = []
    const other = await serve(({ headers, url }, response) => {
      seen.push([url, headers['x-secret']])
      response.end('there')
    })
    const port = await serve(({ url, headers }, response) => {
      seen.push([url, headers['x-secret']])
      const [, hops] = String(url).split('/')
      const next = Number(hops) - 1
      response.writeHead(302, {
        location: next > 0 ? `/${next}` : hops === 'bad' ? 'ftp://x/' : `http://127.0.0.1:${other}/end`,
      })
      response.end()
    })
    const options = { url: `http://127.0.0.1:${port}/{key}`, headers: { 'x-secret': 's' }, redirects: 2 }
    const origin = originOf({ ...options, redirectTo: [`http://127.0.0.1:${other}`] })
    expect(textOf(await load(origin, '2'))).toBe('there')
    expect(seen).toEqual([
      ['/2', 's'],
      ['/1', 's'],
      ['/end', undefined],
    ])
    await expect(load(origin, '3')).rejects.toThrow('was redirected more than 2 times')
    await expect(load(origin, 'bad')).rejects.toThrow('was redirected to an invalid URL')
    seen.length = 0
    await expect(load(originOf(options), '2')).rejects.toThrow(
      `was redirected to http://127.0.0.1:${other}, which is not one of redirectTo`,
    )
    expect(seen).toEqual([
      ['/2', 's'],
      ['/1', 's'],
    ])
  })

  test('a 304 without caching headers keeps the TTL', async () => {
    const port = await serve(({ headers }, response) => {
      response.setHeader('etag', '"2"')
      if (headers['if-none-match'] === '"2"') response.writeHead(304).end()
      else response.setHeader('cache-control', 'max-age=9, stale-if-error=60').end('two')
    })
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}` })
    const first = await load(origin, 'a')
    const second = await load(origin, 'a', first?.facts.validator)
    expect([second?.unchanged, second?.facts]).toEqual([true, first?.facts])
    // An invalid validator sends no condition.
    expect(textOf(await load(origin, 'a', 'x'))).toBe('two')
  })
})

describe('writes', () => {
  const text = Buffer.from('text')

  test('are a PUT and a DELETE of the same URL, with the headers', async () => {
    const asked: unknown[] = []
    const port = await serve(({ method, url, headers }, response, body) => {
      const { authorization, 'content-type': type, 'content-length': length } = headers
      asked.push([method, url, authorization, type, length, body])
      response.end()
    })
    const url = `http://127.0.0.1:${port}/users/{id}`
    const origin = originOf({ url, keys: 'user:{id}', headers: { authorization: 'Bearer x' } })
    await origin.store('user:a/b', text, context())
    await origin.store('user:empty', Buffer.from(''), context())
    await origin.remove('user:a/b', context())
    const json = originOf({ url, keys: 'user:{id}', headers: { 'content-type': 'application/json' } })
    await json.store('user:1', Buffer.from('{}'), context())
    const bytes = 'application/octet-stream'
    expect(asked).toEqual([
      ['PUT', '/users/a%2Fb', 'Bearer x', bytes, '4', 'text'],
      ['PUT', '/users/empty', 'Bearer x', bytes, '0', ''],
      ['DELETE', '/users/a%2Fb', 'Bearer x', undefined, undefined, ''],
      ['PUT', '/users/1', undefined, 'application/json', '2', '{}'],
    ])
    for (const key of ['other', 'user:', 'user:..'])
      await expect(origin.store(key, text, context())).rejects.toThrow(
        /^the (key does not match the origin's pattern|origin cannot have this key)/,
      )
    expect(asked).toHaveLength(4)
  })

  test.each<[status: number, put: string | undefined, remove?: string]>([
    [200, undefined],
    [201, undefined],
    [202, undefined],
    [204, undefined],
    [404, 'answered 404 to PUT', undefined],
    [410, 'answered 410 to PUT', undefined],
    [301, 'answered 301 to PUT', 'answered 301 to DELETE'],
    [307, 'answered 307 to PUT', 'answered 307 to DELETE'],
    [308, 'answered 308 to PUT', 'answered 308 to DELETE'],
    [304, 'answered 304 to PUT', 'answered 304 to DELETE'],
    [400, 'answered 400 to PUT', 'answered 400 to DELETE'],
    [405, 'answered 405 to PUT', 'answered 405 to DELETE'],
    [409, 'answered 409 to PUT', 'answered 409 to DELETE'],
    [500, 'answered 500 to PUT', 'answered 500 to DELETE'],
  ])('%i: %s, %s', async (status, put, remove) => {
    let asked = 0
    const port = await serve((_, response) => {
      asked++
      // The body and its encoding do not matter.
      const headers = { location: '/elsewhere', 'content-encoding': 'gzip' }
      response.writeHead(status, headers).end(status === 204 || status === 304 ? undefined : 'said')
    })
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}` })
    const of = (write: Promise<void>): Promise<string | undefined> =>
      write.then(
        () => undefined,
        (error: Error) => error.message,
      )
    expect(await of(origin.store('a', text, context()))).toBe(put)
    expect(await of(origin.remove('a', context()))).toBe(remove)
    // Neither redirects nor errors are retried.
    expect(asked).toBe(2)
  })

  test("pass on the server's Retry-After", async () => {
    const port = await serve((_, response) => response.writeHead(503, { 'retry-after': '7' }).end())
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}` })
    const error = await origin.store('a', text, context()).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RetryLater)
    expect(error).toMatchObject({
      message: 'answered 503 to PUT with Retry-After: 7 s',
      retryAfter: 7000,
    })
  })

  test('succeed whatever the length of the response body, also if it is cut off', async () => {
    const port = await serve(({ url }, response) => {
      if (url === '/long') {
        response.end('x'.repeat(2_000_000))
        return
      }
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setImmediate(() => response.destroy())
    })
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}`, maxResponse: 1000 })
    await origin.store('long', text, context())
    await origin.store('half', text, context())
    await origin.remove('long', context())
  })

  test('time out when the server does not respond', async () => {
    const port = await serve(() => undefined)
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}`, timeout: 50 })
    await expect(origin.store('a', text, context())).rejects.toThrow(/timeout/i)
  })
})

describe('responses', () => {
  test.each<[number, Record<string, string>, string]>([
    [500, {}, 'answered 500'],
    [202, {}, 'answered 202'],
    [206, {}, 'answered 206'],
    [304, {}, 'answered 304'],
    [301, {}, 'answered 301'],
    [401, {}, 'answered 401'],
    [200, { 'content-encoding': 'foo' }, 'answered with the content coding "foo", which cannot be decoded'],
    [500, { 'content-encoding': 'gzip' }, 'answered 500'],
    [503, { 'retry-after': '7' }, 'answered 503 with Retry-After: 7 s'],
    [503, { 'retry-after': 'Mon, 01 Jan 2024 00:00:07 GMT' }, 'Retry-After: 7 s'],
    [503, { 'retry-after': 'soon' }, 'answered 503'],
  ])('%i %j is an error', async (status, headers, message) => {
    const port = await serve((_, response) => response.writeHead(status, headers).end())
    await expect(load(originOf({ url: `http://127.0.0.1:${port}/{key}` }), 'a')).rejects.toThrow(message)
  })

  test.each<[status: number, retryAfter: string | undefined, kind: 'bad' | 'later' | 'failure']>([
    [400, undefined, 'bad'],
    [400, '99', 'bad'],
    [405, undefined, 'bad'],
    [409, undefined, 'bad'],
    [413, '99', 'bad'],
    [422, undefined, 'bad'],
    [451, undefined, 'bad'],
    [401, '99', 'failure'],
    [403, undefined, 'failure'],
    [407, undefined, 'failure'],
    [408, '99', 'failure'],
    [425, undefined, 'failure'],
    [429, undefined, 'failure'],
    [429, '0', 'failure'],
    [429, '99', 'later'],
    [500, '99', 'failure'],
    [502, '99', 'failure'],
    [503, undefined, 'failure'],
    [503, '0', 'failure'],
    [503, 'Mon, 01 Jan 2001 00:00:00 GMT', 'failure'],
    [503, '99', 'later'],
    [304, '99', 'failure'],
  ])('%i with Retry-After %s is about the key, or the server: %s', async (status, after, kind) => {
    const headers: Record<string, string> = after === undefined ? {} : { 'retry-after': after }
    const port = await serve((_, response) => response.writeHead(status, headers).end())
    const url = `http://127.0.0.1:${port}/{key}`
    const origin = originOf({ url, batchUrl: `http://127.0.0.1:${port}/` })
    const asked = [
      () => origin.load('a', context()),
      () => origin.loadMany?.(['a', 'b'], context()),
      () => origin.store('a', Buffer.from('1'), context()),
    ]
    for (const ask of asked) {
      const error: unknown = await (async () => ask())().catch((thrown) => thrown)
      const is = isBadRequest(error) ? 'bad' : error instanceof RetryLater ? 'later' : 'failure'
      expect([is, error]).toEqual([kind, expect.any(Error)])
    }
  })

  test.each([202, 206, 226])('%i has not the whole value: an error about the key', async (status) => {
    const port = await serve((_, response) => response.writeHead(status).end('part'))
    const origin = originOf({ url: `http://127.0.0.1:${port}/{key}`, batchUrl: `http://127.0.0.1:${port}/` })
    for (const ask of [() => origin.load('a', context()), () => origin.loadMany?.(['a', 'b'], context())]) {
      const error: unknown = await (async () => ask())().catch((thrown) => thrown)
      expect([isBadRequest(error), (error as Error).message]).toEqual([true, `answered ${status}`])
    }
  })

  test.each([
    [200, ''],
    [201, 'made'],
    [203, 'made'],
    [204, ''],
    [205, ''],
    [207, 'made'],
    [299, 'made'],
  ])('%i is a success: its body %j is the value', async (status, body) => {
    const port = await serve((_, response) => response.writeHead(status).end(body))
    expect(textOf(await load(originOf({ url: `http://127.0.0.1:${port}/{key}` }), 'a'))).toBe(body)
  })

  test.each([204, 205])('%i is no collection, since there is no empty one', async (status) => {
    const port = await serve((_, response) => response.writeHead(status).end())
    for (const shape of ['hash', 'list', 'set', 'sortedset'] as const)
      expect((await load(originOf({ url: `http://127.0.0.1:${port}/{key}`, shape }), 'a'))?.value).toBe(null)
  })

  test("the error has the server's Retry-After", async () => {
    const port = await serve((_, response) => response.writeHead(429, { 'retry-after': '7' }).end())
    const error = await load(originOf({ url: `http://127.0.0.1:${port}/{key}` }), 'a').catch(
      (thrown) => thrown,
    )
    expect(error).toBeInstanceOf(RetryLater)
    expect((error as RetryLater).retryAfter).toBe(7000)
  })

  test('a negative entry has a TTL, and no validator', async () => {
    const headers = { 'cache-control': 'max-age=5', etag: '"x"' }
    const port = await serve((_, response) => response.writeHead(404, headers).end('not here'))
    const result = await load(originOf({ url: `http://127.0.0.1:${port}/{key}` }), 'a')
    expect([result?.value, result?.facts.ttl, result?.facts.validator]).toEqual([null, 5000, undefined])
  })

  test.each(['announced', 'streamed'])('a response that is too long, %s', async (how) => {
    const port = await serve((_, response) => {
      if (how === 'announced') response.setHeader('content-length', 2000)
      response.write('x'.repeat(1000))
      response.end('x'.repeat(1000))
    })
    const url = `http://127.0.0.1:${port}/{key}`
    const error = await load(originOf({ url, maxResponse: 1999 }), 'a').catch((thrown) => thrown)
    expect([isBadRequest(error), error.message]).toEqual([true, 'answered more than 1999 bytes'])
    expect(textOf(await load(originOf({ url, maxResponse: 2000 }), 'a'))).toHaveLength(2000)
  })
})

describe('batches', () => {
  async function batch(
    answer: string,
    keys: string[],
    options: Partial<Options> = {},
    status = 200,
  ): Promise<unknown[]> {
    const port = await serve((request, response, body) => {
      asked.push([request.method, request.headers['content-type'], body])
      response.writeHead(status, { 'cache-control': 'max-age=3', etag: '"all"' }).end(answer)
    })
    const asked: unknown[] = []
    const url = `http://127.0.0.1:${port}/{key}`
    const origin = originOf({ url, batchUrl: `http://127.0.0.1:${port}/batch`, ...options })
    const results = (await origin.loadMany?.(keys, context())) as ReadonlyMap<string, Loaded | Error>
    return [
      ...asked,
      ...[...results].map(([key, result]) => [
        key,
        result instanceof Error ? result.message : result.value,
        (result as Loaded).facts,
      ]),
    ]
  }
  const facts = { ttl: 3000 }

  test('strings are text, null and missing members are absent, other JSON is stored as JSON', async () => {
    const json =
      '{"a":"1","b":null,"d":1.5,"e":{"x":[1]},"f":true,"g":12345678901234567890,"__proto__":"p","z":"?"}'
    expect(await batch(json, ['a', 'b', 'c', 'd', 'e', 'f', 'g', '__proto__'])).toEqual([
      ['POST', 'application/json', '["a","b","c","d","e","f","g","__proto__"]'],
      ['a', '1', facts],
      ['b', null, facts],
      ['c', null, facts],
      ['d', '1.5', facts],
      ['e', '{"x":[1]}', facts],
      ['f', 'true', facts],
      ['g', '12345678901234567890', facts],
      ['__proto__', 'p', facts],
    ])
  })

  test('no number loses digits, at whatever depth', async () => {
    const json =
      '{ "a": {"id":9007199254740993}, "b": {"x": [1e400]}, "c" : 1e400 , "d":0.10, "e":[" \\"},{", "\\\\"] }'
    const [, ...results] = await batch(json, ['a', 'b', 'c', 'd', 'e'])
    expect(results).toEqual([
      ['a', '{"id":9007199254740993}', facts],
      ['b', '{"x": [1e400]}', facts],
      ['c', '1e400', facts],
      ['d', '0.10', facts],
      ['e', '[" \\"},{", "\\\\"]', facts],
    ])
  })

  test('keys outside the pattern, or whose own URL has another path, are not posted', async () => {
    expect((await batch('{}', ['a', '..', 'a/../b', '', 'b']))[0]).toEqual([
      'POST',
      'application/json',
      '["a","b"]',
    ])
    expect((await batch('{}', ['user:1', 'x', 'user:y'], { keys: 'user:{id:int}' }))[0]).toEqual([
      'POST',
      'application/json',
      '["user:1"]',
    ])
    expect(await batch('{}', ['x', 'y'], { keys: 'user:{id:int}' })).toEqual([])
  })

  test.each<[string, number, string]>([
    ['[1]', 200, 'answered JSON that is not an object from key to value'],
    ['null', 200, 'answered JSON that is not an object'],
    ['{"a":', 200, 'answered invalid JSON: '],
    ['{}', 404, 'answered 404'],
    ['{}', 302, 'answered 302'],
  ])('%s with %i is an error of all', async (answer, status, message) => {
    await expect(batch(answer, ['a', 'b'], {}, status)).rejects.toThrow(message)
  })
})

describe('faults', () => {
  test('a server that is unreachable, closes the connection, or does not respond', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/half') {
        response.writeHead(200, { 'content-length': 10 }).write('half')
        setImmediate(() => response.destroy())
      }
    })
    const proxy = await FaultyProxy.start(() => ({ port }))
    const url = `http://127.0.0.1:${proxy.port}/{key}`
    await expect(load(originOf({ url }), 'half')).rejects.toThrow(/\w/)
    await expect(load(originOf({ url, timeout: 50 }), 'silent')).rejects.toThrow(/timeout/i)
    await proxy.close()
    await expect(load(originOf({ url }), 'x')).rejects.toThrow('ECONNREFUSED')
  })

  test('a slow response is read until the load is aborted', async () => {
    const port = await serve((_, response) => response.end('dripping'))
    const proxy = await FaultyProxy.start(() => ({ port }))
    proxy.sendByteByByte()
    expect(textOf(await load(originOf({ url: `http://127.0.0.1:${proxy.port}/{key}` }), 'a'))).toBe(
      'dripping',
    )
    await proxy.close()
  })
})

test('the number of connections is limited', async () => {
  const waiting: ServerResponse[] = []
  let wake = (): void => undefined
  const port = await serve((_, response) => {
    waiting.push(response)
    wake()
  })
  const proxy = await FaultyProxy.start(() => ({ port }))
  endings.push(() => proxy.close())
  const origin = originOf({ url: `http://127.0.0.1:${proxy.port}/{key}`, connections: 2 })
  const loads = ['a', 'b', 'c', 'd', 'e'].map((key) => load(origin, key))
  for (let answered = 0; answered < 5; ) {
    const most = Math.min(2, 5 - answered)
    while (waiting.length < most)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    expect([waiting.length, proxy.connections]).toEqual([most, 2])
    answered += waiting.length
    for (const response of waiting.splice(0)) response.end('x')
  }
  expect((await Promise.all(loads)).map(textOf)).toEqual(['x', 'x', 'x', 'x', 'x'])
})

test("TLS: the server's certificate is verified, and the client's is sent", async () => {
  const tls = {
    cert: certificate,
    key: privateKey,
    ca: certificate,
    requestCert: true,
    rejectUnauthorized: false,
  }
  const server = createTlsServer(tls, (request, response) => {
    if (request.url === '/redirected') response.writeHead(302, { location: 'http://127.0.0.1:1/' })
    response.end((request.socket as TLSSocket).authorized ? 'known' : 'unknown')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/{key}`
  await expect(load(originOf({ url }), 'a')).rejects.toThrow('self-signed certificate')
  expect(textOf(await load(originOf({ url, tls: { ca: certificate } }), 'a'))).toBe('unknown')
  expect(textOf(await load(originOf({ url, tls: { rejectUnauthorized: false } }), 'a'))).toBe('unknown')
  const mutual = { ca: certificate, cert: certificate, key: privateKey }
  expect(textOf(await load(originOf({ url, tls: mutual }), 'a'))).toBe('known')
  await expect(load(originOf({ url, tls: mutual }), 'redirected')).rejects.toThrow(
    'was redirected from https to http',
  )
})

test('TLS: the client certificate is not sent after a redirect to another server', async () => {
  const shown: unknown[] = []
  const serveTls = async (redirect: (path: string) => string | undefined): Promise<number> => {
    const identity = { cert: certificate, key: privateKey, ca: certificate }
    const options = { ...identity, requestCert: true, rejectUnauthorized: false }
    const server = createTlsServer(options, ({ url, socket }, response) => {
      shown.push([url, (socket as TLSSocket).getPeerCertificate().subject !== undefined])
      const location = redirect(String(url))
      response
        .writeHead(location === undefined ? 200 : 307, location === undefined ? {} : { location })
        .end('x')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    endings.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return (server.address() as AddressInfo).port
  }
  const other = await serveTls((path) => (path === '/there' ? '/here' : undefined))
  const port = await serveTls((path) => (path === '/a' ? `https://127.0.0.1:${other}/there` : undefined))
  const origin = originOf({
    url: `https://127.0.0.1:${port}/{key}`,
    tls: { ca: certificate, cert: certificate, key: privateKey },
    redirectTo: [`https://127.0.0.1:${other}`],
  })
  expect(textOf(await load(origin, 'a'))).toBe('x')
  expect(shown).toEqual([
    ['/a', true],
    ['/there', false],
    ['/here', false],
  ])
})

test('JSON is a hash, a list, a set or a sorted set', async () => {
  const bodies: Record<string, string> = {
    Tom: '{"name": "Tom", "points": 630.50, "left": null, "games": [1, 2.0]}',
    moves: '["left", 1.50, null, {"a": 1}, "left"]',
    scores: '{"Tom": 630.5, "Jack": "589"}',
    text: 'text',
    none: 'null',
  }
  const port = await serve((request, response, body) => {
    const keys = request.method === 'POST' ? (JSON.parse(body) as string[]) : []
    const found = keys.filter((key) => key !== 'text').map((key) => `${JSON.stringify(key)}:${bodies[key]}`)
    response.end(request.method === 'POST' ? `{${found.join(',')}}` : bodies[String(request.url).slice(1)])
  })
  const url = `http://127.0.0.1:${port}/{key}`
  const value = async (shape: HttpOptions['shape'], key: string): Promise<unknown> => {
    const origin = originOf({ url, batchUrl: `http://127.0.0.1:${port}/`, shape })
    const alone = await load(origin, key).catch((error: Error) => error)
    const together = (await origin.loadMany?.([key], context())) as ReadonlyMap<string, Loaded | Error>
    if (key !== 'text') expect(together.get(key)).toEqual(alone)
    if (!(alone instanceof Error)) return alone?.value
    expect(isBadRequest(alone)).toBe(true)
    return alone.message
  }
  const fields = { name: 'Tom', points: '630.50', left: null, games: '[1, 2.0]' }
  expect(await value('hash', 'Tom')).toEqual(new Map(Object.entries(fields)))
  expect(await value('list', 'moves')).toEqual(['left', '1.50', '{"a": 1}', 'left'])
  expect(await value('set', 'moves')).toEqual(new Set(['left', '1.50', '{"a": 1}']))
  expect(await value('sortedset', 'scores')).toMatchObject({
    entries: [
      ['Tom', 630.5],
      ['Jack', 589],
    ],
  })
  expect(await value('list', 'none')).toBe(null)
  expect(await value('hash', 'moves')).toMatch(/got a JSON array, as: 'hash' wants an object/)
  expect(await value('list', 'text')).toMatch(/answered invalid JSON/)
})
