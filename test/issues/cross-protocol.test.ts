// An HTTP request at the port of the Redis protocol: its body must not run as commands (cross-protocol scripting).

import { afterEach, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

let running: TestServer
afterEach(() => running?.stop())

async function closed(): Promise<void> {
  while (running.server.clients.size !== 0) await new Promise((resolve) => setImmediate(resolve))
}

const BODY = 'SET pwned 1\r\n'

const REQUESTS = [
  ['POST', `POST / HTTP/1.1\r\n${BODY}`],
  ['POST in lower case', `post / HTTP/1.1\r\n${BODY}`],
  ['POST alone', `POST\r\n${BODY}`],
  ['Host:', `GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${BODY}`],
  ['host: in lower case', `PUT / HTTP/1.1\r\nhost: localhost:7000\r\n\r\n${BODY}`],
  ['Host: without a space', `OPTIONS / HTTP/1.1\r\nHost:localhost\r\n\r\n${BODY}`],
  ['in the middle of a pipeline', `PING\r\nGET a\r\nPOST /x HTTP/1.1\r\n${BODY}`],
  ['as a multibulk', `*2\r\n$4\r\nPoSt\r\n$1\r\n/\r\n${BODY}`],
] as const

describe.each(REQUESTS)('%s', (_, request) => {
  test.each(['', 'secret'])('closes the connection at once (password %j)', async (requirepass) => {
    running = await TestServer.start({ settings: { requirepass } })
    const peer = await running.connect()
    peer.send(request)
    expect(await peer.rest()).not.toContain('OK')
    await closed()
    expect(running.groups[0].store.size).toBe(0)
    expect(running.log).toMatchObject([
      {
        level: 'warn',
        message:
          'possible attack: a client has sent an HTTP request (POST or Host:); its connection is closed',
        fields: { address: expect.stringContaining('127.0.0.1:') },
      },
    ])
  })
})

test('a flood of them writes one line a minute', async () => {
  running = await TestServer.start()
  const attack = async (): Promise<void> => {
    const peer = await running.connect()
    peer.send('POST / HTTP/1.1\r\n')
    await peer.rest()
    await closed()
  }
  for (let i = 0; i < 3; i++) await attack()
  expect(running.log).toHaveLength(1)
  running.clock.advance(60_000)
  await attack()
  expect(running.log).toHaveLength(2)
})

test('a key or a value that looks like a header is not taken for one', async () => {
  running = await TestServer.start()
  const peer = await running.connect()
  await peer.exchange('SET Host: POST\r\nGET Host:\r\n', '+OK\r\n$4\r\nPOST\r\n')
})
