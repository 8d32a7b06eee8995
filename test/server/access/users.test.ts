// Users on a server: which connections end with them, the file that keeps them, and what is logged.

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { poll } from '../../support/poll.ts'
import { type Peer, TestServer } from '../../support/server.ts'

const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

let directory: string
let aclfile: string
let running: TestServer | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'erinys-users-'))
  aclfile = join(directory, 'users.acl')
})
afterEach(async () => {
  await running?.stop()
  running = undefined
  rmSync(directory, { recursive: true, force: true })
})

async function start(settings: object = {}): Promise<TestServer> {
  running = await TestServer.start({ settings })
  return running
}

test('deleting a user closes its connections; the one that does it gets its reply first', async () => {
  const server = await start()
  const [admin, own, other] = [await server.connect(), await server.connect(), await server.connect()]
  await admin.exchange('ACL SETUSER u on nopass +acl\r\n', '+OK\r\n')
  await own.exchange('AUTH u x\r\n', '+OK\r\n')
  await other.exchange('AUTH u x\r\n', '+OK\r\n')
  own.send('ACL DELUSER u\r\nACL WHOAMI\r\n')
  expect(await own.rest()).toBe(':1\r\n')
  expect(await other.rest()).toBe('')
  await admin.exchange('PING\r\n', '+PONG\r\n')
})

test('a user that is switched off keeps its connections, and cannot log in', async () => {
  const server = await start()
  const [admin, client] = [await server.connect(), await server.connect()]
  await admin.exchange('ACL SETUSER u on nopass +ping\r\n', '+OK\r\n')
  await client.exchange('AUTH u x\r\n', '+OK\r\n')
  await admin.exchange('ACL SETUSER u off\r\n', '+OK\r\n')
  await client.exchange('PING\r\n', '+PONG\r\n')
  await client.exchange('AUTH u x\r\n', '-WRONGPASS invalid username-password pair or user is disabled.\r\n')
})

test('users are kept in a file that only its owner may read', async () => {
  const server = await start({ aclfile })
  const admin = await server.connect()
  await admin.exchange('ACL SETUSER u on >secret ~a* +@read\r\n', '+OK\r\n')
  await admin.exchange('ACL SAVE\r\n', '+OK\r\n')
  const text = readFileSync(aclfile, 'utf8')
  expect(text).toMatch(
    /^user default on nopass ~\* &\* \+@all\nuser u on #[0-9a-f]{64} ~a\* resetchannels -@all \+@read\n$/,
  )
  expect(statSync(aclfile).mode & 0o777).toBe(0o600)
  chmodSync(aclfile, 0o640)
  await admin.exchange('ACL SETUSER v on\r\n', '+OK\r\n')
  await admin.exchange('ACL SAVE\r\n', '+OK\r\n')
  expect(statSync(aclfile).mode & 0o777).toBe(0o640)
  await admin.exchange(
    'CONFIG GET aclfile\r\n',
    `*2\r\n$7\r\naclfile\r\n$${aclfile.length}\r\n${aclfile}\r\n`,
  )
})

test('ACL LOAD replaces the users, and closes the connections of those that are gone', async () => {
  const server = await start({ aclfile })
  const admin = await server.connect()
  const clients: Peer[] = []
  for (const name of ['a', 'b']) {
    await admin.exchange(`ACL SETUSER ${name} on nopass +ping +echo\r\n`, '+OK\r\n')
    const client = await server.connect()
    await client.exchange(`AUTH ${name} x\r\n`, '+OK\r\n')
    clients.push(client)
  }
  writeFileSync(aclfile, 'user a on nopass +ping\nuser c on\n')
  await admin.exchange('ACL LOAD\r\n', '+OK\r\n')
  expect(await clients[1].rest()).toBe('')
  await clients[0].exchange('PING\r\n', '+PONG\r\n')
  await clients[0].exchange(
    'ECHO x\r\n',
    "-NOPERM this user has no permissions to run the 'echo' command\r\n",
  )
  await admin.exchange('ACL USERS\r\n', '*3\r\n$1\r\na\r\n$1\r\nc\r\n$7\r\ndefault\r\n')
})

test('a broken or missing file changes nothing', async () => {
  const server = await start({ aclfile })
  const admin = await server.connect()
  await admin.exchange('ACL SETUSER u on\r\n', '+OK\r\n')
  await admin.exchange(
    'ACL LOAD\r\n',
    `-ERR Error loading ACLs, opening file '${aclfile}': no such file or directory\r\n`,
  )
  writeFileSync(aclfile, 'user a on >secret\nuser b on +nosuch >secret\n')
  await admin.exchange(
    'ACL LOAD\r\n',
    `-ERR ${aclfile}:2: Error in applying operation '+nosuch': Unknown command or category name in ACL. WARNING: ACL ` +
      'errors detected, no change to the previously active ACL rules was performed\r\n',
  )
  await admin.exchange('ACL USERS\r\n', '*2\r\n$7\r\ndefault\r\n$1\r\nu\r\n')
})

test('a file that cannot be written stays as it was, and the reason is logged', async () => {
  const server = await start({ aclfile: join(directory, 'nosuch', 'users.acl') })
  const admin = await server.connect()
  await admin.exchange(
    'ACL SAVE\r\n',
    '-ERR There was an error trying to save the ACLs. Please check the server logs for more information\r\n',
  )
  expect(server.log).toMatchObject([{ level: 'error', message: 'the users could not be saved' }])
})

test('failed logins are logged once a minute, without the password', async () => {
  const server = await start({ requirepass: 'secret' })
  const client = await server.connect()
  for (let i = 0; i < 5; i++) await client.exchange('AUTH guess\r\n', WRONG)
  const message = 'a client gave a wrong name or password: see ACL LOG'
  expect(server.log).toMatchObject([{ level: 'warn', message, fields: { failures: 1 } }])
  server.clock.advance(60_000)
  await client.exchange('AUTH guess another\r\n', WRONG)
  expect(server.log).toMatchObject([{}, { level: 'warn', message, fields: { failures: 5 } }])
  expect(JSON.stringify(server.log)).not.toMatch(/guess|another|secret/)
})

test('a login waits after many failures', async () => {
  const server = await start({ requirepass: 'secret' })
  const client = await server.connect()
  for (let i = 0; i < 10; i++) await client.exchange('AUTH guess\r\n', WRONG)
  client.send('AUTH secret\r\nSET a 1\r\n')
  const connection = [...server.server.clients.values()][0]
  await poll(() => connection.pending.isExclusive, 'the login to wait')
  expect(connection.authenticated).toBe(false)
  server.clock.advance(50)
  expect(await client.receive(10)).toBe('+OK\r\n+OK\r\n')
})
