// HTTP caching: a 304 kept the lifetime that an Age had left, Expires in asctime form was local time, a value with
// no-cache and an ETag was always sent anew, and 204 was an error.

import { expect, test } from 'vitest'
import { serveHttp, startPages } from '../support/http-server.ts'
import { poll } from '../support/poll.ts'

test('after a 304 a value lives for its whole lifetime, whatever the Age of the response before', async () => {
  let asked = 0
  const port = await serveHttp((request, response) => {
    asked++
    if (request.headers['if-none-match'] !== undefined) response.writeHead(304).end()
    else response.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=600', age: '599' }).end('body')
  })
  const { watcher } = await startPages(port)
  expect(await watcher.get('page')).toBe('body')
  await poll(async () => ((await watcher.ttl('page')) < 0 ? true : undefined), 'the end of its lifetime')
  expect(await watcher.get('page')).toBe('body')
  expect(asked).toBe(2)
  // What a slow machine takes for the response is part of the age.
  expect(await watcher.ttl('page')).toBeGreaterThan(300)
})

test.each(['no-cache', 'max-age=0', 'no-cache, must-revalidate', 'max-age=60, no-cache'])(
  '%s with an ETag: each read asks whether the version is current, and the body is sent once',
  async (control) => {
    const asked: unknown[] = []
    let version = 1
    const port = await serveHttp((request, response) => {
      const etag = `"${version}"`
      const condition = request.headers['if-none-match']
      asked.push(condition)
      response.setHeader('cache-control', control).setHeader('etag', etag)
      if (condition === etag) response.writeHead(304).end()
      else response.end(`body ${version}`)
    })
    const node = await startPages(port, { ttl: '1h', staleIfError: '1h', staleWhileRevalidate: '1h' })
    for (let i = 0; i < 3; i++) expect(await node.watcher.get('page')).toBe('body 1')
    version = 2
    expect(await node.watcher.strlen('page')).toBe(6)
    expect(await node.watcher.mget('page', 'page')).toEqual(['body 2', 'body 2'])
    expect(asked).toEqual([undefined, '"1"', '"1"', '"1"', '"2"'])
    expect(await node.groupInfo('pages', 'unchanged')).toBe(3)
    // It is there for the next load only.
    expect([await node.watcher.exists('page'), await node.watcher.ttl('page')]).toEqual([0, -2])
  },
)

test('no-store with an ETag is never kept', async () => {
  const asked: unknown[] = []
  const port = await serveHttp((request, response) => {
    asked.push(request.headers['if-none-match'])
    response.writeHead(200, { etag: '"1"', 'cache-control': 'no-store' }).end('body')
  })
  const { watcher } = await startPages(port)
  for (let i = 0; i < 2; i++) expect(await watcher.get('page')).toBe('body')
  expect(asked).toEqual([undefined, undefined])
})

test('an Expires in any form of HTTP is in GMT', async () => {
  const zone = process.env.TZ
  process.env.TZ = 'Pacific/Kiritimati'
  try {
    const until = new Date(Date.now() + 3_600_000)
    const [, day, month, year, time] = until.toUTCString().split(/[ ,]+/)
    const forms: Record<string, string> = {
      fixdate: until.toUTCString(),
      rfc850: `Monday, ${day}-${month}-${year.slice(2)} ${time} GMT`,
      asctime: `Mon ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`,
      none: '0',
    }
    const port = await serveHttp((request, response) => {
      response.writeHead(200, { expires: forms[String(request.url).slice(1)] }).end('body')
    })
    const { watcher } = await startPages(port)
    for (const form of Object.keys(forms)) {
      expect(await watcher.get(form)).toBe('body')
      const ttl = await watcher.ttl(form)
      if (form === 'none') expect(ttl).toBe(-2)
      else expect([form, ttl > 3000 && ttl <= 3600]).toEqual([form, true])
    }
  } finally {
    if (zone === undefined) delete process.env.TZ
    else process.env.TZ = zone
  }
})

test('204 is the empty value, and is cached as one', async () => {
  let asked = 0
  const port = await serveHttp((_, response) => {
    asked++
    response.writeHead(204, { 'cache-control': 'max-age=600' }).end()
  })
  const node = await startPages(port)
  expect([await node.watcher.get('page'), await node.watcher.get('page')]).toEqual(['', ''])
  expect([asked, await node.groupInfo('pages', 'failures')]).toEqual([1, 0])
})

test('a version of one URL is not asked for at another one to which a redirect leads', async () => {
  const asked: unknown[] = []
  let target = '/old'
  const port = await serveHttp((request, response) => {
    const condition = request.headers['if-none-match']
    asked.push([request.url, condition])
    if (request.url === '/page') response.writeHead(302, { location: target }).end()
    else if (condition === '"1"') response.writeHead(304).end()
    else response.writeHead(200, { etag: '"1"', 'cache-control': 'no-cache' }).end(`body of ${request.url}`)
  })
  const { watcher } = await startPages(port)
  expect([await watcher.get('page'), await watcher.get('page')]).toEqual(['body of /old', 'body of /old'])
  target = '/new'
  expect(await watcher.get('page')).toBe('body of /new')
  expect(asked).toEqual([
    ['/page', undefined],
    ['/old', undefined],
    ['/page', undefined],
    ['/old', '"1"'],
    ['/page', undefined],
    ['/new', undefined],
  ])
})

test('a 304 with no-store ends what was kept', async () => {
  const asked: unknown[] = []
  const port = await serveHttp((request, response) => {
    const condition = request.headers['if-none-match']
    asked.push(condition)
    if (condition !== undefined) response.writeHead(304, { 'cache-control': 'no-store' }).end()
    else response.writeHead(200, { etag: '"1"', 'cache-control': 'no-cache' }).end('body')
  })
  const { watcher } = await startPages(port)
  for (let i = 0; i < 3; i++) expect(await watcher.get('page')).toBe('body')
  expect(asked).toEqual([undefined, '"1"', undefined])
})

test.each<[redirect: string, target: string | undefined, ttl: number]>([
  ['no-store', 'max-age=600', -2],
  ['no-cache', 'max-age=600', -2],
  ['private', undefined, -2],
  ['max-age=60', 'max-age=600', 60],
  ['max-age=6000', 'max-age=600', 600],
  ['max-age=31536000', undefined, 3600],
  ['immutable', 'max-age=600', 600],
])('a redirect with %s to a page with %s: the shorter lifetime counts', async (redirect, target, ttl) => {
  const port = await serveHttp(({ url }, response) => {
    if (url === '/page') response.writeHead(302, { location: '/target', 'cache-control': redirect }).end()
    else response.writeHead(200, target === undefined ? {} : { 'cache-control': target }).end('body')
  })
  const { watcher } = await startPages(port, { ttl: '1h' })
  expect(await watcher.get('page')).toBe('body')
  const left = await watcher.ttl('page')
  expect(left).toBeLessThanOrEqual(ttl)
  // A slow machine may take some of it.
  expect(left).toBeGreaterThan(ttl < 0 ? -3 : ttl / 2)
})
