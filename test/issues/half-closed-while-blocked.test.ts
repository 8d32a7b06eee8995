// A client that closed its end during BLPOP got the replies to later commands in the place of BLPOP's.

import { afterEach, expect, test } from 'vitest'
import { type Peer, TestServer } from '../support/server.ts'

let running: TestServer
let peer: Peer
afterEach(() => running?.stop())

const COMMANDS = [
  'BLPOP l 0',
  'BLMOVE l m LEFT RIGHT 0',
  'BZPOPMIN z 0',
  'XREAD BLOCK 0 STREAMS s $',
  'BLMPOP 0 1 l LEFT',
]

test.each(COMMANDS)('%s: later commands do not run, as in Redis', async (command) => {
  running = await TestServer.start()
  peer = await running.connect()
  peer.send(`SET a 1\r\nPING\r\n${command}\r\nINCR a\r\nPING late\r\n`)
  expect(await peer.receive(12)).toBe('+OK\r\n+PONG\r\n')
  peer.socket.end()
  expect(await peer.rest()).toBe('')
  await peer.closed
  const other = await running.connect()
  other.send('GET a\r\n')
  expect(await other.receive(7)).toBe('$1\r\n1\r\n')
})

test('it closes its end at once', async () => {
  running = await TestServer.start()
  peer = await running.connect()
  peer.send('SET a 1\r\nBLPOP l 0\r\nINCR a\r\n')
  peer.socket.end()
  expect(await peer.rest()).toBe('+OK\r\n')
  await peer.closed
  const other = await running.connect()
  other.send('GET a\r\n')
  expect(await other.receive(7)).toBe('$1\r\n1\r\n')
})
