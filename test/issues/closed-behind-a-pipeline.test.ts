// A client that had sent more than 64 KiB behind a blocking command was not read any more. When it died it stayed connected,
// and took an element of the list that it had waited for.

import { afterEach, expect, test } from 'vitest'
import { type Peer, TestServer } from '../support/server.ts'

const ECHO = `*2\r\n$4\r\nECHO\r\n$1024\r\n${'x'.repeat(1024)}\r\n`
const ECHOED = `$1024\r\n${'x'.repeat(1024)}\r\n`

let running: TestServer
afterEach(() => running.stop())

async function start(settings = {}): Promise<{ blocked: Peer; other: Peer }> {
  running = await TestServer.start({ settings })
  const other = await running.connect()
  return { blocked: await running.connect(), other }
}

/** Until only one client is connected. */
async function untilGone(): Promise<void> {
  while (running.server.clients.size !== 1) await new Promise(setImmediate)
}

/** Until the server has received so many bytes. */
async function untilReceived(bytes: number): Promise<void> {
  while (running.server.stats.inputBytes < bytes) await new Promise(setImmediate)
}

test.each(['BLPOP l 0', 'XREAD BLOCK 0 STREAMS s $', 'BZPOPMIN z 0'])(
  '%s: a client that is gone is noticed',
  async (command) => {
    const { blocked, other } = await start()
    blocked.send(`${command}\r\n${ECHO.repeat(300)}`)
    await untilReceived(300 * ECHO.length)
    blocked.socket.destroy()
    await untilGone()
    await other.exchange('RPUSH l 1\r\nLLEN l\r\n', ':1\r\n:1\r\n')
  },
)

test('so is one that has closed its end', async () => {
  const { blocked, other } = await start()
  blocked.send(`BLPOP l 0\r\n${ECHO.repeat(300)}`)
  await untilReceived(300 * ECHO.length)
  blocked.socket.end()
  expect(await blocked.rest()).toBe('')
  await untilGone()
  await other.exchange('RPUSH l 1\r\nLLEN l\r\n', ':1\r\n:1\r\n')
})

test('a pipeline behind it is answered in order', async () => {
  const { blocked, other } = await start()
  blocked.send(`BLPOP l 0\r\n${ECHO.repeat(3000)}PING\r\n`)
  await untilReceived(3000 * ECHO.length)
  await other.exchange('RPUSH l 1\r\n', ':1\r\n')
  const replies = `*2\r\n$1\r\nl\r\n$1\r\n1\r\n${ECHOED.repeat(3000)}+PONG\r\n`
  expect((await blocked.receive(replies.length)) === replies).toBe(true)
})

test('as much as client-query-buffer-limit may wait behind it', async () => {
  const { blocked, other } = await start({ clientQueryBufferLimit: 2 ** 20 })
  blocked.socket.on('error', () => {})
  blocked.send(`BLPOP l 0\r\n${ECHO.repeat(1200)}`)
  await untilGone()
  expect(running.server.stats.queryBufferDisconnections).toBe(1)
  await other.exchange('RPUSH l 1\r\nLLEN l\r\n', ':1\r\n:1\r\n')
})
