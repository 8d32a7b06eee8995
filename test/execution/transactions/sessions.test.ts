// Transactions and the rest of the session: CLIENT REPLY, MONITOR, the slow log, limits, disconnection.

import { afterEach, expect, test } from 'vitest'
import { poll } from '../../support/poll.ts'
import { type Peer, TestServer, type TestServerOptions } from '../../support/server.ts'

const LARGE = `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000\r\n${'x'.repeat(200_000)}\r\n`

let server: TestServer | undefined
afterEach(() => server?.stop())

async function start(options: TestServerOptions = {}): Promise<[TestServer, Peer]> {
  server = await TestServer.start(options)
  return [server, await server.connect()]
}

test('CLIENT REPLY OFF before and within a block', async () => {
  const [, peer] = await start()
  const block = 'MULTI\r\nPING\r\nCLIENT REPLY OFF\r\nSET a 1\r\nCLIENT REPLY ON\r\nPING\r\nEXEC\r\n'
  await peer.exchange(block, `+OK\r\n${'+QUEUED\r\n'.repeat(5)}*5\r\n+PONG\r\n+OK\r\n+PONG\r\n`)
  await peer.exchange(`CLIENT REPLY OFF\r\n${block}GET a\r\n`, '+OK\r\n+PONG\r\n$1\r\n1\r\n')
  await peer.exchange(
    'MULTI\r\nPING\r\nCLIENT REPLY OFF\r\nPING\r\nEXEC\r\n',
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+PONG\r\n',
  )
  await peer.exchange('GET a\r\nEXEC\r\nCLIENT REPLY ON\r\n', '+OK\r\n')
})

test('CLIENT REPLY SKIP before and within a block', async () => {
  const [, peer] = await start()
  await peer.exchange(
    'MULTI\r\nCLIENT REPLY SKIP\r\nSET a 1\r\nPING\r\nEXEC\r\nPING\r\nPING a\r\n',
    `+OK\r\n${'+QUEUED\r\n'.repeat(3)}*3\r\n+OK\r\n+PONG\r\n$1\r\na\r\n`,
  )
  await peer.exchange(
    'MULTI\r\nPING\r\nCLIENT REPLY SKIP\r\nDISCARD\r\n',
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n+OK\r\n',
  )
  await peer.exchange('MULTI\r\nSET a 2\r\n', '+OK\r\n+QUEUED\r\n')
  await peer.exchange(
    'EXEC\r\nCLIENT REPLY SKIP\r\nMULTI\r\nGET a\r\nEXEC\r\n',
    '*1\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n2\r\n',
  )
})

test('CLIENT REPLY OFF while the keys of a block are loaded', async () => {
  const [, peer] = await start({ groups: { cache: { origin: () => '630' } } })
  await peer.exchange(
    'CLIENT REPLY OFF\r\nMULTI\r\nGET a\r\nEXEC\r\nCLIENT REPLY ON\r\nMULTI\r\nGET b\r\nEXEC\r\nPING\r\n',
    '+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$3\r\n630\r\n+PONG\r\n',
  )
})

test('MONITOR shows the commands when they run, then EXEC', async () => {
  const [, peer] = await start()
  const monitor = await (server as TestServer).connect()
  await monitor.exchange('MONITOR\r\n', '+OK\r\n')
  await peer.exchange(
    'MULTI\r\nSET a 1\r\nCONFIG GET x\r\nEXEC\r\nDISCARD\r\nQUIT\r\n',
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n*0\r\n-ERR DISCARD without MULTI\r\n+OK\r\n',
  )
  monitor.send('QUIT\r\n')
  const shown = [...(await monitor.rest()).matchAll(/\] (.*)\r/g)].map(([, command]) => command)
  expect(shown).toEqual(['"MULTI"', '"SET" "a" "1"', '"EXEC"', '"DISCARD"', '"QUIT"'])
})

test('the slow log has the commands of a block, not EXEC', async () => {
  const [, peer] = await start()
  await peer.exchange('CONFIG SET slowlog-log-slower-than 0\r\n', '+OK\r\n')
  await peer.exchange(
    'MULTI\r\nSET a 1\r\nGET a\r\nEXEC\r\n',
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n',
  )
  peer.send('SLOWLOG GET\r\nQUIT\r\n')
  const shown = [...(await peer.rest()).matchAll(/\*\d\r\n\$\d\r\n(\w+)\r\n/g)].map(([, name]) => name)
  expect(shown).toEqual(['GET', 'SET', 'MULTI', 'CONFIG'])
})

test('commands of a block are counted when they run', async () => {
  const [, peer] = await start()
  await peer.exchange(
    'MULTI\r\nGET a\r\nINCR\r\nEXEC\r\n',
    "+OK\r\n+QUEUED\r\n-ERR wrong number of arguments for 'incr' command\r\n-EXECABORT Transaction discarded because of previous errors.\r\n",
  )
  await peer.exchange('MULTI\r\nGET a\r\nEXEC\r\n', '+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n')
  peer.send('INFO commandstats\r\nQUIT\r\n')
  const info = await peer.rest()
  expect(info).toMatch(/cmdstat_get:calls=1,/)
  expect(info).toMatch(/cmdstat_incr:calls=0,.*rejected_calls=1/)
  expect(info).toMatch(/cmdstat_exec:calls=2,.*failed_calls=1/)
})

test('a client that queues more than client-query-buffer-limit is disconnected', async () => {
  const [, peer] = await start()
  await peer.exchange('CONFIG SET client-query-buffer-limit 1048576\r\nMULTI\r\n', '+OK\r\n+OK\r\n')
  for (let i = 0; i < 6; i++) peer.send(LARGE)
  await peer.rest()
  const [group] = (server as TestServer).groups
  expect([group.store.size, (server as TestServer).server.stats.queryBufferDisconnections]).toEqual([0, 1])
})

test('an aborted transaction keeps no commands', async () => {
  const [, peer] = await start()
  await peer.exchange(
    'CONFIG SET client-query-buffer-limit 1048576\r\nMULTI\r\nnonsense\r\n',
    "+OK\r\n+OK\r\n-ERR unknown command 'nonsense', with args beginning with: \r\n",
  )
  for (let i = 0; i < 10; i++) await peer.exchange(LARGE, '+QUEUED\r\n')
  await peer.exchange('EXEC\r\n', '-EXECABORT Transaction discarded because of previous errors.\r\n')
})

test('CLIENT INFO shows the transaction', async () => {
  const [, peer] = await start()
  await peer.exchange('WATCH a\r\nSET a 1\r\nMULTI\r\n', '+OK\r\n+OK\r\n+OK\r\n')
  const other = await (server as TestServer).connect()
  other.send('CLIENT LIST\r\nQUIT\r\n')
  expect(await other.rest()).toMatch(/flags=xd .* multi=0 /)
})

test('a client that disconnects runs nothing and watches nothing', async () => {
  const [{ groups }, peer] = await start()
  await peer.exchange('WATCH a\r\nMULTI\r\nSET b 1\r\n', '+OK\r\n+OK\r\n+QUEUED\r\n')
  expect(groups[0].watchedKeys.size).toBe(1)
  peer.socket.destroy()
  await poll(() => groups[0].watchedKeys.size === 0, 'the end of the watch')
  expect(groups[0].store.size).toBe(0)
})

test('CLIENT PAUSE WRITE delays EXEC of a transaction that writes', async () => {
  const [{ clock }, peer] = await start()
  await peer.exchange('MULTI\r\nSET a 1\r\n', '+OK\r\n+QUEUED\r\n')
  const other = await (server as TestServer).connect()
  await other.exchange(
    'CLIENT PAUSE 1000 WRITE\r\nMULTI\r\nGET a\r\nEXEC\r\n',
    '+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n',
  )
  peer.send('EXEC\r\n')
  await other.exchange('PING\r\nGET a\r\n', '+PONG\r\n$-1\r\n')
  clock.advance(1001)
  expect(await peer.receive(9)).toBe('*1\r\n+OK\r\n')
})

test('requests of a client that is not authenticated', async () => {
  const [, peer] = await start({ settings: { requirepass: 'secret' } })
  await peer.exchange('MULTI\r\n', '-NOAUTH Authentication required.\r\n')
  await peer.exchange(
    'EXEC\r\n',
    '-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n',
  )
})
