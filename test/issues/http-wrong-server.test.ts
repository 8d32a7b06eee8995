// A wrong address or certificate of an HTTP server was found out by the first read; and errors in the log had the objects
// of the HTTP client, with parts of responses.

import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/bytes/clock.ts'
import { createNode, http } from '../../src/index.ts'
import { HttpOrigin } from '../../src/origin/http/http.ts'
import { UrlTemplate } from '../../src/origin/http/url-template.ts'
import { certificate } from '../support/certificate.ts'
import { serveHttp, serveHttps, serveRaw, startPages } from '../support/http-server.ts'

test('a certificate that is refused keeps the node from starting, unless the origin is lazy', async () => {
  const url = `https://127.0.0.1:${await serveHttps((_, response) => response.end('body'))}/{key}`
  const { origin: server } = new URL(url)
  const start = (more: object): ReturnType<typeof createNode> =>
    createNode({ groups: { pages: { origin: http({ url, ...more }) } } })
  await expect(start({})).rejects.toThrow(`group pages: ${server}: self-signed certificate`)
  const lazy = await start({ lazy: true })
  await expect(lazy.get('pages', 'a')).rejects.toThrow('self-signed certificate')
  await lazy.close()
  const trusting = await start({ tls: { ca: certificate } })
  expect(String(await trusting.get('pages', 'a'))).toBe('body')
  await trusting.close()
})

test('https: to a server that does not speak TLS keeps the node from starting', async () => {
  const port = await serveHttp((_, response) => response.end('body'))
  const origin = http({ url: `https://127.0.0.1:${port}/{key}` })
  await expect(createNode({ groups: { pages: { origin } } })).rejects.toThrow(
    `group pages: https://127.0.0.1:${port}: `,
  )
})

test('a server that is not there is a warning that names it', async () => {
  const node = await startPages(1)
  expect(node.warnings).toEqual([
    expect.stringMatching(
      /^group pages: the server does not answer, loads fail until it does: http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
    ),
  ])
  expect(node.warnings.join()).not.toContain('{key}')
})

test('the errors of a load have no parts of the response, and no path or query of the URL', async () => {
  const port = await serveRaw((socket) => socket.end('secret text of the server\r\n'))
  const node = await startPages(
    port,
    {},
    { url: `http://127.0.0.1:${port}/{key}?token=secret`, headers: { a: 'secret' } },
  )
  await expect(node.watcher.get('page')).rejects.toThrow(
    `ORIGIN pages: http://127.0.0.1:${port}: the response is not HTTP`,
  )
  const origin = new HttpOrigin({
    url: new UrlTemplate(`http://127.0.0.1:${port}/{key}?token=secret`, []),
    shape: 'string',
    batchUrl: undefined,
    batchIdempotent: false,
    lazy: true,
    keys: undefined,
    headers: { a: 'secret' },
    userAgent: 'x',
    tls: undefined,
    connections: 1,
    redirects: 0,
    redirectTo: [],
    maxResponse: 1000,
    connectTimeout: 60_000,
    timeout: 60_000,
    clock: systemClock,
  })
  onTestFinished(() => origin.close())
  const context = { group: 'pages', signal: new AbortController().signal }
  const error: unknown = await origin.load('page', context).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(Error)
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('secret')
})
