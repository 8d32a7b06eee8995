// Too few open files for all clients: connections beyond the limit were closed without a word.

import { afterEach, expect, test } from 'vitest'
import { connectionRoom } from '../../src/server/clients/open-files.ts'
import { TestServer } from '../support/server.ts'

let running: TestServer
afterEach(() => running?.stop())

test('maxclients is lowered at the start, with a warning', async () => {
  running = await TestServer.start({ openFiles: 256 })
  expect(running.settings.maxclients).toBe(192)
  expect(running.log).toEqual([
    {
      level: 'warn',
      message:
        "maxclients is 192 instead of 10000: the limit on open files does not allow more; raise it ('ulimit -n'), or set maxclients",
      fields: { maxclients: 192, configured: 10_000 },
    },
  ])
})

test('each connection beyond is refused in words', async () => {
  running = await TestServer.start({ openFiles: 70 })
  const peers = []
  for (let i = 0; i < 6; i++) peers.push(await running.connect())
  for (const peer of peers) await peer.exchange('PING\r\n', '+PONG\r\n')
  for (let i = 0; i < 20; i++)
    expect(await (await running.connect()).rest()).toBe('-ERR max number of clients reached\r\n')
  expect(running.server.stats.rejectedConnections).toBe(20)
})

test('CONFIG SET maxclients does not promise more', async () => {
  running = await TestServer.start({ openFiles: 256 })
  const peer = await running.connect()
  await peer.exchange(
    'CONFIG SET maxclients 193\r\nCONFIG SET maxclients 192\r\n',
    "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to " +
      'handle the specified number of clients, try with 192\r\n+OK\r\n',
  )
})

test('nothing is lowered where the limit suffices', async () => {
  running = await TestServer.start({ openFiles: 10_064 })
  expect(running.settings.maxclients).toBe(10_000)
  expect(running.log).toEqual([])
})

test('in a cluster there is room for other nodes', () => {
  expect(connectionRoom(256, true, 0)).toEqual({ clients: 144, peers: 24, http: 0 })
  expect(connectionRoom(1_048_576, true, 0).peers).toBe(4096)
  expect(connectionRoom(Number.POSITIVE_INFINITY, true, 0).peers).toBe(4096)
  expect(connectionRoom(10, true, 1000).clients).toBeGreaterThan(0)
})

test('HTTP has its connections beside those of clients, and no more than a quarter of all', async () => {
  expect(connectionRoom(10_064, false, 1000)).toEqual({ clients: 9000, peers: 0, http: 1000 })
  expect(connectionRoom(264, false, 1000)).toEqual({ clients: 150, peers: 0, http: 50 })
  expect(connectionRoom(Number.POSITIVE_INFINITY, true, 1000).http).toBe(1000)
  running = await TestServer.start({ openFiles: 264, httpConnections: 1000 })
  expect(running.settings.maxclients).toBe(150)
  expect(running.server.http.maxConnections).toBe(50)
  expect(running.log[1]).toEqual({
    level: 'warn',
    message:
      "there may be 50 HTTP connections instead of 1000: the limit on open files does not allow more; raise it ('ulimit -n'), or set http.maxConnections",
    fields: { httpConnections: 50, configured: 1000 },
  })
})

test('another limit of HTTP connections takes files from clients, or gives them back, also for CONFIG SET', async () => {
  running = await TestServer.start({ openFiles: 264, httpConnections: 40 })
  const peer = await running.connect()
  const refusal = (most: number): string =>
    "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to " +
    `handle the specified number of clients, try with ${most}\r\n`
  await peer.exchange('CONFIG SET maxclients 161\r\nCONFIG SET maxclients 150\r\n', `${refusal(160)}+OK\r\n`)
  running.server.limitHttp(1000)
  expect(running.server.http.maxConnections).toBe(50)
  await peer.exchange('CONFIG SET maxclients 160\r\n', refusal(150))
  running.server.limitHttp(0)
  await peer.exchange('CONFIG SET maxclients 200\r\nCONFIG SET maxclients 201\r\n', `+OK\r\n${refusal(200)}`)
  running.server.limitHttp(10)
  expect(running.server.http.maxConnections).toBe(0)
})
