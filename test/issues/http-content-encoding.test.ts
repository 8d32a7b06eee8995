// Content-Encoding: Identity, an empty one and a charset were errors: "answered in Identity, which was not requested".

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serveHttp, startPages } from '../support/http-server.ts'

const TEXT = 'välue '.repeat(1000)
const BODY = Buffer.from(TEXT)

test.each<[encoding: string | string[], body: Buffer]>([
  ['identity', BODY],
  ['Identity', BODY],
  ['IDENTITY', BODY],
  ['', BODY],
  [' , ', BODY],
  ['identity, identity', BODY],
  ['gzip', gzipSync(BODY)],
  ['GZip', gzipSync(BODY)],
  ['x-gzip', gzipSync(BODY)],
  ['gzip, identity', gzipSync(BODY)],
  [['identity', 'gzip'], gzipSync(BODY)],
  ['br', brotliCompressSync(BODY)],
  ['deflate', deflateSync(BODY)],
  ['deflate', deflateRawSync(BODY)],
  ['gzip;q=1.0', gzipSync(BODY)],
  ['"gzip"', gzipSync(BODY)],
  ['identity; q=1', BODY],
  ['x-deflate', deflateSync(BODY)],
  ['brotli', brotliCompressSync(BODY)],
  ['gzip, br', brotliCompressSync(gzipSync(BODY))],
  ['br,gzip,,identity', gzipSync(brotliCompressSync(BODY))],
  ['gzip, gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(gzipSync(BODY))))],
  ['gzip', Buffer.concat([gzipSync(BODY.subarray(0, 100)), gzipSync(BODY.subarray(100))])],
])('a body with Content-Encoding: %s', async (encoding, body) => {
  const port = await serveHttp((_, response) => response.setHeader('content-encoding', encoding).end(body))
  const node = await startPages(port)
  expect(await node.watcher.get('page')).toBe(TEXT)
  expect(node.warnings).toEqual([])
})

test.each(['gzip', 'br', 'deflate', 'gzip, br'])(
  'an empty body with Content-Encoding: %s',
  async (encoding) => {
    const port = await serveHttp(({ url }, response) => {
      response.writeHead(url === '/none' ? 204 : 200, { 'content-encoding': encoding }).end()
    })
    const { watcher } = await startPages(port)
    expect(await watcher.mget('page', 'none')).toEqual(['', ''])
  },
)

test.each([
  'charset=utf-8',
  'Shift_JIS',
  'koi8-r',
  'ANSI',
  'off',
  '*',
  'en-US',
  'utf-8',
  'UTF8',
  'iso-8859-1',
  'none',
  'binary',
  'aws-chunked',
  'text/html',
  'us-ascii',
])('Content-Encoding: %s is a mistake: it is ignored with a warning, once', async (encoding) => {
  const port = await serveHttp((_, response) => {
    response.writeHead(200, { 'content-encoding': encoding }).end(BODY)
  })
  const node = await startPages(port)
  for (const key of ['a', 'b', 'c']) expect(await node.watcher.get(key)).toBe(TEXT)
  const said = `group pages: http://127.0.0.1:${port} sends Content-Encoding: ${encoding.toLowerCase()}`
  expect(node.warnings).toEqual([expect.stringContaining(said)])
})

test.each<[encoding: string, error: string]>([
  ['foo', 'answered with the content coding "foo", which cannot be decoded'],
  ['gzip, compress', 'answered with the content coding "compress", which cannot be decoded'],
  ['gzip', 'answered what is not gzip: '],
  ['gzip, br', 'answered what is not gzip, br: '],
  [Array(5).fill('gzip').join(), 'answered with 5 content codings, at most 4 are decoded'],
])('Content-Encoding: %s that cannot be decoded is an error', async (encoding, error) => {
  const port = await serveHttp((_, response) =>
    response.writeHead(200, { 'content-encoding': encoding }).end(BODY),
  )
  const { watcher } = await startPages(port)
  await expect(watcher.get('page')).rejects.toThrow(`ORIGIN pages: ${error}`)
})

test('a batch is decoded, too', async () => {
  const port = await serveHttp((_, response) => {
    response.writeHead(200, { 'content-encoding': 'GZIP' }).end(gzipSync('{"a":1.10,"b":"x"}'))
  })
  const { watcher } = await startPages(port, {}, { batchUrl: `http://127.0.0.1:${port}/` })
  expect(await watcher.mget('a', 'b', 'c')).toEqual(['1.10', 'x', null])
})
