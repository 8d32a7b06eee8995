// Floods from clients without the password: others are served, and what they send is not kept.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Peer, TestServer } from '../support/server.ts'

const CLIENTS = 200
const NOAUTH = '-NOAUTH Authentication required.\r\n'
const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

let running: TestServer
let known: Peer
beforeEach(async () => {
  running = await TestServer.start({ settings: { requirepass: 'secret', maxclients: CLIENTS + 1 } })
  known = await running.connect()
  await known.exchange('AUTH secret\r\n', '+OK\r\n')
})
afterEach(() => running.stop())

/** As many as maxclients allows. */
function crowd(): Promise<Peer[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => running.connect()))
}

/** What clients send, and what each gets before it is closed. */
const REFUSED: Readonly<Record<string, readonly [sent: string, got: string]>> = {
  garbage: ['\0\xff*\r\n*x\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
  'a value of 512 MB announced before AUTH': [
    '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n',
    '-ERR Protocol error: unauthenticated bulk length\r\n',
  ],
  'a password of 1 GB': [
    '*2\r\n$4\r\nAUTH\r\n$1000000000\r\n',
    '-ERR Protocol error: invalid bulk length\r\n',
  ],
  'a million keys announced before AUTH': [
    '*1000000\r\n$4\r\nMGET\r\n',
    '-ERR Protocol error: unauthenticated multibulk length\r\n',
  ],
  'a line without an end': ['x'.repeat(70_000), '-ERR Protocol error: too big inline request\r\n'],
  'HTTP without the password': ['POST / HTTP/1.1\r\n', ''],
}

for (const [what, [sent, got]] of Object.entries(REFUSED)) {
  test(`${what}: each is closed, and others are served`, async () => {
    const peers = await crowd()
    for (const peer of peers) peer.send(sent)
    for (const peer of peers) expect(await peer.rest()).toMatch(new RegExp(`${got.replace('*', '\\*')}$`))
    await known.exchange('PING\r\n', '+PONG\r\n')
    await Promise.all(peers.map((peer) => peer.socket.destroy()))
    await known.exchange('SET a 1\r\n', '+OK\r\n')
  })
}

test('those that send nothing hold places up to maxclients, and are not served', async () => {
  const peers = await crowd()
  for (let i = 0; i < 10; i++)
    expect(await (await running.connect()).rest()).toBe('-ERR max number of clients reached\r\n')
  await known.exchange('PING\r\n', '+PONG\r\n')
  for (const peer of peers) await peer.exchange('GET a\r\n', NOAUTH)
})

test('guessing passwords and commands in pipelines changes nothing, and is slowed down', async () => {
  const peers = await crowd()
  const guesses = 50
  const requests = 'AUTH wrong\r\nSET a pwned\r\nFLUSHALL\r\nCONFIG SET requirepass ""\r\n'
  await known.exchange('SET a 1\r\n', '+OK\r\n')
  for (const peer of peers) peer.send(requests.repeat(guesses))
  const replies = (WRONG + NOAUTH.repeat(3)).repeat(guesses)
  const startedAt = running.clock.now()
  let left = peers.length
  const received = peers.map((peer) => peer.receive(replies.length).finally(() => left--))
  while (left > 0) {
    running.clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const reply of received) expect(await reply).toBe(replies)
  // The first ten failures cost nothing, and those after them soon a second each, on every connection.
  expect(running.clock.now() - startedAt).toBeGreaterThan((guesses - 20) * 1000)
  await known.exchange('GET a\r\n', '$1\r\n1\r\n')
})
