// Clients that sent without an end what is only kept: the commands of a transaction, watched keys, one long request.

import { afterEach, expect, test } from 'vitest'
import { type Peer, TestServer } from '../support/server.ts'

const MB = 2 ** 20

let running: TestServer
afterEach(() => running.stop())

async function start(): Promise<Peer> {
  running = await TestServer.start({ settings: { maxmemoryClients: 10 * MB } })
  return running.connect()
}

/** The connections are checked once a second. */
async function untilClients(count: number): Promise<void> {
  while (running.server.clients.size !== count) {
    running.clock.advance(1000)
    await new Promise(setImmediate)
  }
}

/** What all clients hold. */
function held(): number {
  let bytes = 0
  for (const client of running.server.clients.values()) bytes += client.heldBytes
  return bytes
}

async function untilHeld(bytes: number): Promise<void> {
  while (held() < bytes) await new Promise(setImmediate)
}

const SET = `*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$${MB}\r\n${'x'.repeat(MB)}\r\n`

test('a transaction that is never executed', async () => {
  const peer = await start()
  const [small, other] = [await running.connect(), await running.connect()]
  await small.exchange('MULTI\r\n', '+OK\r\n')
  small.send(SET)
  await small.receive('+QUEUED\r\n'.length)
  await peer.exchange('MULTI\r\n', '+OK\r\n')
  peer.send(SET.repeat(12))
  await peer.receive(12 * '+QUEUED\r\n'.length)
  await untilClients(2)
  expect(running.server.stats.evictedClients).toBe(1)
  await other.exchange('PING\r\n', '+PONG\r\n')
  await small.exchange('EXEC\r\n', '*1\r\n+OK\r\n')
})

test('keys that are watched', async () => {
  const peer = await start()
  const [small, other] = [await running.connect(), await running.connect()]
  await small.exchange('WATCH a b\r\n', '+OK\r\n')
  for (let i = 0; i < 24; i++) {
    const keys = Array.from({ length: 1000 }, (_, j) => `key:${1000 * i + j}`)
    await peer.exchange(`WATCH ${keys.join(' ')}\r\n`, '+OK\r\n')
  }
  await untilClients(2)
  expect(running.server.stats.evictedClients).toBe(1)
  await other.exchange('SET a 1\r\n', '+OK\r\n')
  await small.exchange('MULTI\r\nEXEC\r\n', '+OK\r\n*-1\r\n')
  expect(held()).toBe(0)
})

test('requests that are never complete, each within its limit', async () => {
  await start()
  for (let i = 0; i < 4; i++) {
    const client = await running.connect()
    client.send(`*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$${100 * MB}\r\n${'x'.repeat(4 * MB)}`)
  }
  await untilHeld(15 * MB)
  running.clock.advance(1000)
  while (running.server.stats.evictedClients < 2) await new Promise(setImmediate)
  expect(running.server.stats.evictedClients).toBe(2)
  expect(held()).toBeLessThanOrEqual(10 * MB)
})

test('a lower limit closes clients at once', async () => {
  const peer = await start()
  for (let i = 0; i < 4; i++) {
    const client = await running.connect()
    client.send(`*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$${100 * MB}\r\n${'x'.repeat(2 * MB)}`)
  }
  await untilHeld(8 * MB)
  await peer.exchange(`CONFIG SET maxmemory-clients ${5 * MB}\r\n`, '+OK\r\n')
  expect(running.server.stats.evictedClients).toBe(2)
})
