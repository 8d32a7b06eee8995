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

test.each([
  ['an unknown command', 'NOSUCHCOMMAND'],
  ['an unknown subcommand', 'CLIENT NOSUCH'],
  ['too few arguments', 'GET'],
  ['a command of nodes', 'PEER FAREWELL'],
])('%s: later commands are not refused either', async (_, command) => {
  running = await TestServer.start()
  peer = await running.connect()
  peer.send(`PING\r\nBLPOP l 0\r\n${command}\r\n`)
  expect(await peer.receive(7)).toBe('+PONG\r\n')
  peer.socket.end()
  expect(await peer.rest()).toBe('')
})

test('commands that are refused behind a blocking one get their errors after its reply', async () => {
  running = await TestServer.start()
  peer = await running.connect()
  peer.send('BLPOP l 0\r\nGET\r\nNOSUCHCOMMAND\r\nPING\r\n')
  const other = await running.connect()
  other.send('RPUSH l 1\r\n')
  const replies =
    "*2\r\n$1\r\nl\r\n$1\r\n1\r\n-ERR wrong number of arguments for 'get' command\r\n" +
    "-ERR unknown command 'NOSUCHCOMMAND', with args beginning with: \r\n+PONG\r\n"
  expect(await peer.receive(replies.length)).toBe(replies)
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
