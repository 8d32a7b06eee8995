// Users in a cluster: they are those of the node that the client is connected to, also for commands that other nodes run.

import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownersOf, startCluster, type TestCluster } from '../support/cluster.ts'

const KEYS = Array.from({ length: 40 }, (_, i) => `open:${i}`)
const NO_KEY = 'NOPERM this user has no permissions to access one of the keys used as arguments'

let cluster: TestCluster
let admin: Redis
let client: Redis
let elsewhere: string
beforeAll(async () => {
  cluster = await startCluster(2, {
    groups: { cache: { maxBytes: '16mb' }, other: { maxBytes: '16mb' } },
    cluster: { secret: 'a secret of the nodes' },
  })
  const [first] = cluster.members
  admin = first.watcher
  const rules = ['~open:*', '+@all', '@group:cache', '(%R~list:* +blpop +multi)']
  await admin.call('ACL', 'SETUSER', 'u', 'on', '>p', ...rules)
  client = new Redis(first.port, { username: 'u', password: 'p' })
  const owners = await ownersOf(first, KEYS)
  elsewhere = KEYS[owners.findIndex((port) => port !== first.port)]
})
afterAll(async () => {
  client.disconnect()
  expect(cluster.warnings).toEqual([])
  await cluster.close()
})

test('a forwarded command is checked before it leaves', async () => {
  expect(await client.set(elsewhere, '1')).toBe('OK')
  const before = await cluster.forwarded()
  const keys = KEYS.map((key) => `closed:${key}`)
  for (const key of keys) await expect(client.get(key)).rejects.toThrow(NO_KEY)
  // INFO itself is not forwarded.
  expect(await cluster.forwarded()).toBe(before)
})

test('a command that is split is refused as a whole', async () => {
  expect(await client.mset(...KEYS.flatMap((key) => [key, '1']))).toBe('OK')
  expect(await client.mget(...KEYS)).toEqual(KEYS.map(() => '1'))
  await expect(client.mget(...KEYS, 'closed')).rejects.toThrow(NO_KEY)
  await expect(client.del(...KEYS, 'closed')).rejects.toThrow(NO_KEY)
  expect(await client.exists(...KEYS)).toBe(KEYS.length)
})

test('one for all nodes is checked by its group', async () => {
  expect(await client.dbsize()).toBe(KEYS.length)
  await expect(client.flushall()).rejects.toThrow(
    "NOPERM this user has no permissions to access the 'other' group",
  )
  await expect(client.select('other' as unknown as number)).rejects.toThrow('NOPERM')
})

test('a transaction that another node runs has errors in place of what is forbidden by now', async () => {
  const own = new Redis(cluster.ports[0], { username: 'u', password: 'p' })
  await own.call('MULTI')
  await own.call('SET', elsewhere, '2')
  await own.call('INCR', elsewhere)
  await own.call('GET', elsewhere)
  await admin.call('ACL', 'SETUSER', 'u', '-incr')
  const replies = (await own.call('EXEC')) as unknown[]
  expect(replies).toMatchObject([
    'OK',
    { message: expect.stringContaining('NOPERM ACLs rules changed') },
    '2',
  ])
  await admin.call('ACL', 'SETUSER', 'u', '+incr')
  own.disconnect()
})

test('in a transaction that another node runs, no command with keys comes after a change of rights', async () => {
  const own = new Redis(cluster.ports[0])
  const refusal = { message: expect.stringContaining('ERR this cannot come after AUTH, HELLO or ACL') }
  await own.call('MULTI')
  await own.call('SET', elsewhere, '3')
  await own.call('AUTH', 'u', 'p')
  await own.call('SET', elsewhere, '4')
  await own.call('ACL', 'WHOAMI')
  expect(await own.call('EXEC')).toMatchObject(['OK', 'OK', refusal, 'u'])
  expect(await admin.get(elsewhere)).toBe('3')
  await admin.set(elsewhere, '2')
  own.disconnect()
})

test('a command that waits at another node ends when its user loses the right to it', async () => {
  const own = new Redis(cluster.ports[0], { username: 'u', password: 'p' })
  const id = (await own.call('CLIENT', 'ID')) as number
  const list = `{${elsewhere}}list`
  await admin.call('ACL', 'SETUSER', 'u', `~${list}`)
  const reply = own.blpop(list, 0).catch((error: Error) => error.message)
  while (!String(await admin.call('CLIENT', 'LIST', 'ID', String(id))).includes(' cmd=blpop '));
  await admin.call('ACL', 'SETUSER', 'u', '-blpop', 'clearselectors')
  expect(await reply).toBe("NOPERM this user has no permissions to run the 'blpop' command")
  const [, second] = cluster.members
  await second.watcher.rpush(list, 'a')
  expect(await second.watcher.llen(list)).toBe(1)
  own.disconnect()
})

test('every node has users of its own, and nodes are not limited by them', async () => {
  const [, second] = cluster.members
  expect(await second.watcher.call('ACL', 'USERS')).toEqual(['default'])
  await second.watcher.call('ACL', 'SETUSER', 'default', '-@all', '+acl')
  expect(await client.get(elsewhere)).toBe('2')
  await second.watcher.call('ACL', 'SETUSER', 'default', '+@all')
})

test('commands between nodes are refused where the client comes in, and do not reach the owner of their keys', async () => {
  const refusal = 'NOPERM only nodes of the cluster may send this: they prove its secret first'
  const own = new Redis(cluster.ports[0], { username: 'u', password: 'p' })
  const smuggled = '*3\r\n$3\r\nSET\r\n$6\r\nclosed\r\n$1\r\n1\r\n'
  const exec = ['EXEC', '0', '1', elsewhere, 'other', smuggled] as const
  await expect(own.call('PEER', ...exec)).rejects.toThrow(refusal)
  await expect(admin.call('PEER', ...exec)).rejects.toThrow(refusal)
  await own.call('MULTI')
  await expect(own.call('PEER', ...exec)).rejects.toThrow(refusal)
  await expect(own.call('EXEC')).rejects.toThrow('EXECABORT')
  const sizes = cluster.members.map(async ({ port }) => {
    const other = new Redis(port)
    await other.call('SELECT', 'other')
    const size = await other.dbsize()
    other.disconnect()
    return size
  })
  expect(await Promise.all(sizes)).toEqual([0, 0])
  own.disconnect()
})

test('HOTKEYS names keys of a group only to users that may use it', async () => {
  await expect(client.call('HOTKEYS', 'other')).rejects.toThrow("access the 'other' group")
  await expect(client.call('HOTKEYS')).rejects.toThrow("access the 'other' group")
  expect(await client.call('HOTKEYS', 'cache')).toBeInstanceOf(Array)
})
