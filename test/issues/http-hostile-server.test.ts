// What a broken or hostile HTTP server sends without an end must cost an error of that key, and nothing else.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serveHttp, serveRaw, startPages } from '../support/http-server.ts'

const MB = 2 ** 20
const OK = 'HTTP/1.1 200 OK\r\n'

/** Writes for as long as the other end reads. */
function flood(socket: Socket, head: string, endless: string): void {
  const chunk = Buffer.from(endless.repeat(Math.ceil(65_536 / endless.length)), 'latin1')
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  socket.write(head, 'latin1')
  more()
}

test.each<[name: string, head: string, endless: string, error: string | RegExp]>([
  ['headers', OK, 'x-many: value\r\n', 'the headers of the response are too large'],
  ['a header', `${OK}x-long: `, 'x', 'the headers of the response are too large'],
  ['a name of a header', OK, 'x', 'the headers of the response are too large'],
  ['a status line', 'HTTP/1.1 200 ', 'x', /timed out|HTTP|too large/],
  ['early hints', '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', /timed out|HTTP/],
  ['trailers', `${OK}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`, 'x-many: value\r\n', /too large/],
  ['a chunk extension', `${OK}transfer-encoding: chunked\r\n\r\n1;`, 'x=y;', /timed out|HTTP/],
  ['a body', `${OK}\r\n`, 'x', 'answered more than 1048576 bytes'],
  ['chunks', `${OK}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n', /timed out|answered more than/],
  [
    'a body of announced length',
    `${OK}content-length: 99999999999\r\n\r\n`,
    'x',
    'answered more than 1048576 bytes',
  ],
  ['text', '', 'nonsense', 'the response is not HTTP'],
])('%s without an end', async (_, head, endless, error) => {
  let flooded: Socket | undefined
  const port = await serveRaw((socket, request) => {
    if (request.startsWith('GET /good ')) socket.write(`${OK}content-length: 4\r\n\r\nbody`)
    else {
      flooded = socket
      flood(socket, head, endless)
    }
  })
  const node = await startPages(port, { originTimeout: '2s' }, { maxResponse: '1mb' })
  expect(await node.watcher.get('good')).toBe('body')
  const failure = await node.watcher.get('endless').catch(({ message }: Error) => message)
  expect(failure).toMatch(/^ORIGIN pages: /)
  expect(failure).toMatch(error)
  // Nobody reads any more.
  await expect.poll(() => flooded?.destroyed).toBe(true)
  await node.watcher.del('good')
  expect(await node.watcher.get('good')).toBe('body')
})

test.each(['000 Odd', '100 Continue', '101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x'])(
  'the status %j, for which nobody has asked',
  async (status) => {
    const port = await serveRaw((socket) =>
      socket.write(`HTTP/1.1 ${status}\r\n\r\n${OK}content-length: 0\r\n\r\n`),
    )
    const node = await startPages(port)
    await expect(node.watcher.get('page')).rejects.toThrow(
      `ORIGIN pages: http://127.0.0.1:${port}: the response is not HTTP`,
    )
  },
)

const ZEROS = Buffer.alloc(64 * MB)

test.each<[encoding: string, bomb: () => Buffer]>([
  ['gzip', () => gzipSync(ZEROS)],
  ['br', () => brotliCompressSync(ZEROS, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ['gzip, gzip', () => gzipSync(gzipSync(ZEROS))],
])('a bomb of %s is an error', async (encoding, bomb) => {
  const body = bomb()
  expect(body.length).toBeLessThan(MB)
  const port = await serveHttp((request, response) => {
    if (request.url === '/good') response.end('body')
    else response.writeHead(200, { 'content-encoding': encoding }).end(body)
  })
  const node = await startPages(port, {}, { maxResponse: '1mb' })
  await expect(node.watcher.get('bomb')).rejects.toThrow('ORIGIN pages: answered more than 1048576 bytes')
  expect(await node.watcher.get('good')).toBe('body')
  // It is about the key: it does not count for the circuit breaker.
  expect(await node.groupInfo('pages', 'breaker')).toBe('closed')
})

test.each(['at once', 'later'])(
  'replies that nobody asked for, %s, are not the values of other keys',
  async (when) => {
    const closed: Promise<unknown>[] = []
    const port = await serveRaw((socket, request) => {
      const [, path] = request.split(' ')
      const answer = `${OK}content-length: ${path.length}\r\n\r\n${path}`
      if (path !== '/extra') {
        socket.write(answer)
        return
      }
      closed.push(once(socket, 'close'))
      if (when === 'at once') socket.write(answer.repeat(3))
      else socket.write(answer)
      extra = () => socket.write(answer)
    })
    let extra = (): unknown => undefined
    const { watcher } = await startPages(port, {}, { connections: 1 })
    for (let i = 0; i < 5; i++) {
      await watcher.del('extra')
      expect(await watcher.get('extra')).toBe('/extra')
      if (when === 'later') extra()
      // The connection on which they came is closed.
      await closed[i]
      expect(await watcher.get(`other${i}`)).toBe(`/other${i}`)
    }
  },
)

test.each<[name: string, answer: string]>([
  ['a body that is too short', `${OK}content-length: 10\r\nconnection: close\r\n\r\nshort`],
  ['two lengths', `${OK}content-length: 4\r\ncontent-length: 8\r\n\r\nbodybody`],
  ['a negative length', `${OK}content-length: -1\r\n\r\nbody`],
  ['a length that is no number', `${OK}content-length: 0x4\r\n\r\nbody`],
  [
    'a length and chunks',
    `${OK}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
  ],
  ['chunks of no number', `${OK}transfer-encoding: chunked\r\n\r\nzz\r\nbody\r\n0\r\n\r\n`],
  ['a header with NUL', `${OK}x: a\0b\r\ncontent-length: 4\r\n\r\nbody`],
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['switching protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
])('%s is an error', async (_, answer) => {
  const port = await serveRaw((socket, request) => {
    if (request.startsWith('GET /good ')) socket.write(`${OK}content-length: 4\r\n\r\nbody`)
    else socket.end(answer, 'latin1')
  })
  const { watcher } = await startPages(port)
  await expect(watcher.get('bad')).rejects.toThrow('ORIGIN pages: ')
  expect(await watcher.get('good')).toBe('body')
})
