// A redirect to a path in UTF-8 was encoded twice, and the key was cached as absent.

import { expect, test } from 'vitest'
import { serveHttp, serveRaw, startPages } from '../support/http-server.ts'

test.each<[location: string, encoding: BufferEncoding, path: string]>([
  ['/größe', 'utf8', '/gr%C3%B6%C3%9Fe'],
  ['/gr%C3%B6%C3%9Fe', 'utf8', '/gr%C3%B6%C3%9Fe'],
  ['größe?q=größe&x=%26', 'utf8', '/gr%C3%B6%C3%9Fe?q=gr%C3%B6%C3%9Fe&x=%26'],
  ['/gr%c3%b6ße', 'utf8', '/gr%c3%b6%C3%9Fe'],
  ['/größe', 'latin1', '/gr%F6%DFe'],
  ['/鍵/🔑#ключ', 'utf8', '/%E9%8D%B5/%F0%9F%94%91'],
  ['/a b', 'utf8', '/a%20b'],
  ['?x', 'utf8', '/page?x'],
  ['/a%25b', 'utf8', '/a%25b'],
])('a redirect to %s in %s', async (location, encoding, path) => {
  const port = await serveRaw((socket, request) => {
    const [, asked] = request.split(' ')
    if (asked !== '/page') socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${asked.length}\r\n\r\n${asked}`)
    else {
      const head = Buffer.from(
        `HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`,
        encoding,
      )
      socket.write(head)
    }
  })
  const { watcher } = await startPages(port)
  expect(await watcher.get('page')).toBe(path)
})

test('redirects in a circle are an error, after a bounded number of requests', async () => {
  let asked = 0
  const port = await serveHttp(({ url }, response) => {
    asked++
    response.writeHead(301, { location: url === '/page' ? '/other' : '/page' }).end()
  })
  const { watcher } = await startPages(port)
  await expect(watcher.get('page')).rejects.toThrow('ORIGIN pages: was redirected more than 3 times')
  expect(asked).toBe(4)
})

test('credentials are not sent to another server, nor back from there', async () => {
  const asked: unknown[] = []
  const note = (name: string, url: string | undefined, authorization: string | undefined): void => {
    asked.push([name, url, authorization])
  }
  const other = await serveHttp(({ url, headers }, response) => {
    note('other', url, headers.authorization)
    response.writeHead(302, { location: `http://127.0.0.1:${port}/end` }).end()
  })
  const port: number = await serveHttp(({ url, headers }, response) => {
    note('first', url, headers.authorization)
    if (url === '/end') response.end('body')
    else
      response.writeHead(302, { location: url === '/page' ? '/there' : `http://127.0.0.1:${other}/` }).end()
  })
  const { watcher } = await startPages(
    port,
    {},
    { headers: { authorization: 'Bearer x' }, redirectTo: [`http://127.0.0.1:${other}`] },
  )
  expect(await watcher.get('page')).toBe('body')
  expect(asked).toEqual([
    ['first', '/page', 'Bearer x'],
    ['first', '/there', 'Bearer x'],
    ['other', '/', undefined],
    ['first', '/end', undefined],
  ])
})
