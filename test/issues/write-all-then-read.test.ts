// A client that writes its whole pipeline before it reads: every synchronous client does.

import { afterEach, expect, test } from 'vitest'
import { writeValue } from '../../src/group/calls.ts'
import { bufferBytes } from '../support/garbage.ts'
import { type Peer, TestServer, type TestServerOptions } from '../support/server.ts'

const MB = 2 ** 20

let running: TestServer
afterEach(() => running?.stop())

async function start(options?: TestServerOptions): Promise<Peer> {
  running = await TestServer.start(options)
  return running.connect()
}

function store(key: string, value: Buffer): void {
  writeValue(running.groups[0], Buffer.from(key), value, 0)
}

/** Resolves when the system has taken all of it: the client then begins to read. */
function written(peer: Peer, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve) => peer.socket.write(bytes, () => resolve()))
}

async function settled(): Promise<void> {
  const [connection] = running.server.clients.values()
  let seen = -1
  while (connection.outputBufferBytes !== seen) {
    seen = connection.outputBufferBytes
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
}

test('300,000 GETs of 1 KiB are all answered', async () => {
  const peer = await start()
  store('a', Buffer.alloc(1024, 'x'))
  await written(peer, 'GET a\r\n'.repeat(300_000))
  const reply = `$1024\r\n${'x'.repeat(1024)}\r\n`
  const hundred = reply.repeat(100)
  for (let i = 0; i < 3000; i++) expect((await peer.receive(hundred.length)) === hundred).toBe(true)
})

test('GET of 16 MB, then SET of 16 MB', async () => {
  const peer = await start()
  const value = Buffer.alloc(16 * MB, 'x')
  store('a', value)
  const set = Buffer.concat([Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$${value.length}\r\n`), value])
  await written(peer, Buffer.concat([Buffer.from('GET a\r\n'), set, Buffer.from('\r\n')]))
  await peer.exchange('', `$${value.length}\r\n${value}\r\n+OK\r\n`)
})

test('requests behind one that waits for its origin', async () => {
  let load: (value: string) => void = () => undefined
  const origin = (): Promise<string> => new Promise((resolve) => (load = resolve))
  const peer = await start({ groups: { slow: { origin } } })
  store('a', Buffer.alloc(65_536, 'x'))
  await written(peer, `GET slow\r\n${'GET a\r\n'.repeat(200)}SET b 1\r\n`)
  while (running.groups[0].store.size < 2) await new Promise((resolve) => setImmediate(resolve))
  load('loaded')
  await peer.exchange('', `$6\r\nloaded\r\n${`$65536\r\n${'x'.repeat(65_536)}\r\n`.repeat(200)}+OK\r\n`)
})

test('an error and the end of the connection come after the replies that wait', async () => {
  const peer = await start()
  store('a', Buffer.alloc(MB, 'x'))
  await written(peer, `${'GET a\r\n'.repeat(20)}QUIT\r\n`)
  await settled()
  expect((await peer.rest()).endsWith('x\r\n+OK\r\n')).toBe(true)
})

test('replies that wait take little more memory than their bytes', async () => {
  const peer = await start()
  store('a', Buffer.alloc(100, 'x'))
  const other = await running.connect()
  const before = bufferBytes()
  // Small pieces, each written with those of another client into the same pages.
  for (let i = 0; i < 400; i++) {
    peer.send('GET a\r\n'.repeat(600))
    other.send('PING\r\n'.repeat(600))
    await other.receive(7 * 600)
  }
  await settled()
  const [connection] = running.server.clients.values()
  expect(connection.outputBufferBytes).toBeGreaterThan(10 * MB)
  const used = bufferBytes() - before
  expect(used).toBeLessThan(1.2 * connection.outputBufferBytes + 4 * MB)
})

test('CLIENT LIST and INFO show what waits', async () => {
  const peer = await start()
  store('a', Buffer.alloc(MB, 'x'))
  peer.send('GET a\r\n'.repeat(50))
  await settled()
  const [{ outputBufferBytes }] = running.server.clients.values()
  expect(outputBufferBytes).toBeGreaterThan(30 * MB)
  const other = await running.connect()
  other.send('CLIENT LIST\r\nINFO clients\r\nQUIT\r\n')
  const text = await other.rest()
  expect(text).toContain(` omem=${outputBufferBytes} `)
  expect(text).toContain(`client_recent_max_output_buffer:${outputBufferBytes}\r\n`)
})

test('the hard limit closes it, as soon as CONFIG SET has set one', async () => {
  const peer = await start()
  store('a', Buffer.alloc(MB, 'x'))
  peer.send('GET a\r\n'.repeat(50))
  await settled()
  const other = await running.connect()
  await other.exchange(
    "CONFIG SET client-output-buffer-limit 'normal 1mb 0 0'\r\nCONFIG GET client-output-buffer-limit\r\n",
    '+OK\r\n*2\r\n$26\r\nclient-output-buffer-limit\r\n' +
      '$73\r\nnormal 1048576 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60\r\n',
  )
  running.clock.advance(1000)
  expect(running.server.stats.outputBufferDisconnections).toBe(1)
  while (running.server.clients.size !== 1) await new Promise((resolve) => setImmediate(resolve))
  await other.exchange('PING\r\n', '+PONG\r\n')
})

test('above the limit of all together, the client with the most is closed', async () => {
  const peer = await start({ settings: { maxmemoryClients: 100 * MB } })
  store('a', Buffer.alloc(MB, 'x'))
  const [few, exempt] = [await running.connect(), await running.connect()]
  await exempt.exchange('CLIENT NO-EVICT ON\r\n', '+OK\r\n')
  few.send('GET a\r\n'.repeat(20))
  exempt.send('GET a\r\n'.repeat(60))
  peer.send('GET a\r\n'.repeat(55))
  while (running.server.clients.size !== 2) await new Promise((resolve) => setImmediate(resolve))
  expect(running.server.stats.evictedClients).toBe(1)
  expect((await few.receive(20 * (MB + 12))).length).toBe(20 * (MB + 12))
  expect((await exempt.receive(60 * (MB + 12))).length).toBe(60 * (MB + 12))
})

test('where one is not enough, the next one is closed at once', async () => {
  const peer = await start()
  const [few, exempt] = [await running.connect(), await running.connect()]
  await exempt.exchange('CLIENT NO-EVICT ON\r\n', '+OK\r\n')
  store('a', Buffer.alloc(20 * MB, 'x'))
  store('b', Buffer.alloc(10 * MB, 'x'))
  peer.send('GET a\r\n')
  few.send('GET b\r\n')
  exempt.send('GET b\r\n')
  await settled()
  const other = await running.connect()
  await other.exchange('CONFIG SET maxmemory-clients 5mb\r\n', '+OK\r\n')
  expect(running.server.stats.evictedClients).toBe(2)
  while (running.server.clients.size !== 2) await new Promise((resolve) => setImmediate(resolve))
  await other.exchange('PING\r\n', '+PONG\r\n')
})

test('CONFIG SET maxmemory-clients 0 lifts that limit', async () => {
  const peer = await start({ settings: { maxmemoryClients: MB } })
  await peer.exchange('CONFIG SET maxmemory-clients 0\r\n', '+OK\r\n')
  store('a', Buffer.alloc(MB, 'x'))
  peer.send('GET a\r\n'.repeat(55))
  await settled()
  expect((await peer.receive(55 * (MB + 12))).length).toBe(55 * (MB + 12))
})

test('a client that reads is served beside 200 in MONITOR that do not', async () => {
  const peer = await start({
    settings: {
      clientOutputBufferLimit: {
        normal: { hard: 0, soft: 0, softTime: 0 },
        replica: { hard: 0, soft: 0, softTime: 0 },
        pubsub: { hard: MB, soft: 0, softTime: 0 },
      },
    },
  })
  const monitors = await Promise.all(Array.from({ length: 200 }, () => running.connect()))
  for (const monitor of monitors) monitor.send('MONITOR\r\n')
  while (running.server.monitors < 200) await new Promise((resolve) => setImmediate(resolve))
  const set = `SET a ${'x'.repeat(60_000)}\r\n`
  while (running.server.monitors > 0) await peer.exchange(set, '+OK\r\n')
  expect(running.server.stats.outputBufferDisconnections).toBe(200)
  expect(running.server.clients.size).toBe(1)
})
