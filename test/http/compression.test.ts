// Large texts are compressed for clients that accept it, where the node is configured to.

import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Answer, type HttpNode, startHttp } from '../support/http.ts'

const TEXT = 'All cached values are equal, but some are more equal than others. '.repeat(100)
const SHORT = 'a short text'

function start(compress: boolean): Promise<HttpNode> {
  const origin = (key: string): string | Record<string, string> =>
    ({ hash: { text: TEXT }, short: SHORT })[key] ?? TEXT
  return startHttp({
    groups: { text: { contentType: 'text/html; charset=utf-8', origin }, bytes: { origin } },
    http: { compress },
  })
}

const askFor = (node: HttpNode, accepted: string, path = '/cache/text/a', more = {}): Promise<Answer> =>
  node.ask(path, { headers: { 'Accept-Encoding': accepted, ...more } })

const codingOf = ({ headers }: Answer): string | undefined => headers['content-encoding']

test('nothing is compressed by default', async () => {
  const node = await startHttp({ groups: { text: { contentType: 'text/plain', origin: () => TEXT } } })
  const answer = await askFor(node, 'gzip, br')
  expect([answer.text, codingOf(answer), answer.headers.vary]).toEqual([TEXT, undefined, undefined])
})

describe('where it is on', () => {
  test.each([
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['gzip;q=0.8, br;q=0.8', 'br'],
    ['br;q=0, gzip;q=0.1', 'gzip'],
    ['br; q=0', undefined],
    ['br;q=x', undefined],
    ['deflate, zstd', undefined],
    ['identity', undefined],
    ['', undefined],
  ])('Accept-Encoding %j: %s', async (accepted, coding) => {
    const answer = await askFor(await start(true), accepted)
    expect([answer.status, codingOf(answer), answer.headers.vary]).toEqual([200, coding, 'Accept-Encoding'])
    const { body } = answer
    const text = coding === 'gzip' ? gunzipSync(body) : coding === 'br' ? brotliDecompressSync(body) : body
    expect(text.toString()).toBe(TEXT)
    expect(answer.headers['content-length']).toBe(String(body.length))
    if (coding !== undefined) expect(body.length).toBeLessThan(TEXT.length / 5)
  })

  test('JSON is text; a short value and bytes of no known type are sent as they are', async () => {
    const node = await start(true)
    const hash = await askFor(node, 'gzip', '/cache/bytes/hash')
    expect([codingOf(hash), JSON.parse(gunzipSync(hash.body).toString())]).toEqual(['gzip', { text: TEXT }])
    const short = await askFor(node, 'gzip', '/cache/text/short')
    expect([codingOf(short), short.text]).toEqual([undefined, SHORT])
    const bytes = await askFor(node, 'gzip', '/cache/bytes/a')
    expect([codingOf(bytes), bytes.text]).toEqual([undefined, TEXT])
  })

  test('each coding has a validator of its own, and a range is of the text itself', async () => {
    const node = await start(true)
    const [plain, gzip, br] = await Promise.all(['', 'gzip', 'br'].map((accepted) => askFor(node, accepted)))
    const tags = [plain, gzip, br].map(({ headers }) => headers.etag as string)
    expect(new Set(tags).size).toBe(3)
    const again = await askFor(node, 'gzip', '/cache/text/a', { 'If-None-Match': tags[1] })
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, tags[1]])
    const other = await askFor(node, 'br', '/cache/text/a', { 'If-None-Match': tags[1] })
    expect([other.status, codingOf(other)]).toEqual([200, 'br'])
    const range = await askFor(node, 'gzip', '/cache/text/a', { Range: 'bytes=0-9' })
    expect([range.status, range.text, codingOf(range)]).toEqual([206, TEXT.slice(0, 10), undefined])
  })

  test('HEAD has the headers of GET', async () => {
    const node = await start(true)
    const get = await askFor(node, 'gzip')
    const head = await node.ask('/cache/text/a', { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } })
    const names = ['content-encoding', 'content-length', 'etag', 'vary']
    expect(names.map((name) => head.headers[name])).toEqual(names.map((name) => get.headers[name]))
    expect(head.body).toHaveLength(0)
  })
})
