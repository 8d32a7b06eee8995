// Secrets of a configuration, and those that clients send, appear in no output: replies, log lines, errors, descriptions.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveLayers } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { createNode, type Node } from '../../src/index.ts'
import { problems } from '../config/problems.ts'
import { RespClient } from '../support/resp-client.ts'

/** All secrets begin like this. */
const PLANTED = /planted-\w+/

/** Nothing listens there. */
const CLOSED = '127.0.0.1:1'

const sqlOrigin = (url: string) =>
  ({ kind: 'sql', url, query: 'select v from t where k = $1', lazy: true }) as const

const config = {
  port: 0,
  bind: '127.0.0.1',
  requirepass: 'planted-requirepass',
  slowlogLogSlowerThan: 0 as const,
  slowlogOriginSlowerThan: 0 as const,
  users: { alice: 'on >planted-alice ~* +@all' },
  cluster: { peers: ['127.0.0.1:7999'], announce: '127.0.0.1:7999', secret: 'planted-cluster' },
  groups: {
    cache: { maxBytes: '16mb' },
    http: {
      maxBytes: '16mb',
      origin: {
        kind: 'http',
        url: `http://${CLOSED}/{key}`,
        headers: { authorization: 'Bearer planted-header' },
        lazy: true,
      },
    },
    redis: {
      maxBytes: '16mb',
      origin: { kind: 'redis', url: `redis://user:planted-redis@${CLOSED}`, lazy: true },
    },
    postgres: { maxBytes: '16mb', origin: sqlOrigin(`postgres://user:planted-postgres@${CLOSED}/db`) },
    mysql: { maxBytes: '16mb', origin: sqlOrigin(`mysql://user:planted-mysql@${CLOSED}/db`) },
  },
} as const

/** What came out, with where it came from. */
const outputs: string[] = []
const directory = mkdtempSync(join(tmpdir(), 'erinys-secrets-'))
let node: Node
let port: number
let client: RespClient
let monitor: RespClient

/** With everything that a log might write of an error. */
function collect(source: string, output: unknown): void {
  const withErrors = (_: string, value: unknown): unknown =>
    value instanceof Error
      ? { ...value, name: value.name, message: value.message, stack: value.stack, cause: value.cause }
      : value
  outputs.push(`${source}: ${typeof output === 'string' ? output : JSON.stringify(output, withErrors)}`)
}

async function ask(...command: string[]): Promise<void> {
  collect(command[0], await client.call(...command))
}

beforeAll(async () => {
  const line = (fields: object, message: string): void => collect('log', { fields, message })
  const { cluster: _, ...alone } = config
  node = await createNode(alone, { log: { info: line, warn: line, error: line } })
  ;[{ port }] = await node.listen()
  client = await RespClient.connect(port)
  monitor = await RespClient.connect(port)
})
afterAll(async () => {
  client.socket.destroy()
  monitor.socket.destroy()
  await node.close()
  rmSync(directory, { recursive: true, force: true })
})

test('no output of a running node has one', async () => {
  expect(await monitor.call('AUTH', 'alice', 'planted-alice')).toBe('OK')
  expect(await monitor.call('MONITOR')).toBe('OK')
  await ask('AUTH', 'planted-wrong')
  await ask('AUTH', 'alice', 'planted-wrong')
  await ask('HELLO', '3', 'AUTH', 'alice', 'planted-wrong')
  expect(await client.call('AUTH', 'planted-requirepass')).toBe('OK')
  await ask('HELLO', '2', 'AUTH', 'alice', 'planted-alice')
  await ask('CONFIG', 'SET', 'requirepass', 'planted-new')
  await ask('ACL', 'SETUSER', 'bob', 'on', '>planted-bob', '<planted-nosuch')
  await ask('ACL', 'SETUSER', 'bob', 'on', '>planted-bob', '#planted-nohash')
  await ask('ACL', 'SETUSER', 'bob', 'on', '(+get >planted-inner)')
  await ask('ACL', 'SETUSER', 'bob', 'on', '>planted-bob')
  for (const group of Object.keys(config.groups)) {
    await ask('SELECT', group)
    await ask('GET', 'a')
    await ask('MGET', 'a', 'b')
    await ask('SET', 'a', 'value')
    await ask('EXPLAIN', 'a')
    await ask('GROUP', 'INFO', group)
    collect('stats', await node.stats(group))
    collect('explain', await node.explain(group, 'a'))
    collect('get', await node.get(group, 'c').catch((error: unknown) => error))
  }
  await ask('INFO', 'everything')
  await ask('CONFIG', 'GET', '*')
  await ask('CLIENT', 'LIST')
  await ask('CLIENT', 'INFO')
  await ask('ACL', 'LIST')
  await ask('ACL', 'GETUSER', 'alice')
  await ask('ACL', 'LOG')
  await ask('SLOWLOG', 'GET', '128')
  await ask('COMMAND', 'DOCS', 'auth')
  await ask('LATENCY', 'DOCTOR')
  await ask('MEMORY', 'STATS')
  await ask('DEBUG', 'OBJECT', 'a')
  await ask('CLUSTER', 'INFO')
  await ask('CLUSTER', 'NODES')
  await ask('MODULE', 'LIST')
  await client.call('ECHO', 'the end')
  const seen: unknown[] = []
  while (!String(seen.at(-1)).includes('the end')) seen.push(await monitor.next())
  collect('MONITOR', seen)
  expect(outputs.length).toBeGreaterThan(50)
  for (const source of ['log', 'MONITOR', 'SLOWLOG', 'INFO', 'CONFIG', 'ACL', 'get'])
    expect(
      outputs.some((output) => output.startsWith(`${source}: `)),
      source,
    ).toBe(true)
  expect(outputs.filter((output) => PLANTED.test(output))).toEqual([])
})

test('the description of a configuration has none', () => {
  const text = describeConfig({ ...resolveLayers({ config }), file: undefined })
  expect(text).toContain('requirepass')
  expect(text.match(PLANTED)).toBeNull()
})

describe('no error of a configuration has one', () => {
  const origins = [
    { kind: 'http', url: 'http://user:planted-a@host/x' },
    { kind: 'http', url: 'http://user:planted-a@host/{key}' },
    { kind: 'http', url: 'http://host/{key}', batchUrl: 'http://user:planted-a@host/' },
    { kind: 'http', url: 'http://host/{key}', headers: { 'bad header': 'planted-a' } },
    { kind: 'http', url: 'http://host/{key}', headers: { authorization: ['planted-a'] } },
    { kind: 'redis', url: 'redis://:planted-a@host:port' },
    { kind: 'redis', url: 'redis://:planted-a@host/notanumber' },
    { kind: 'redis', url: 'http://:planted-a@host' },
    { kind: 'sql', url: 'postgres://user:planted-a@host:port/db', query: 'select 1' },
    { kind: 'sql', url: 'oracle://user:planted-a@host/db', query: 'select 1' },
    { kind: 'sql', url: 'mysql://user:planted-a@host/db?ssl=nonsense', query: 'select ?' },
    { kind: 'sql', url: 'postgres://user:planted-a@host/db' },
    { kind: 'nosuch', url: 'postgres://user:planted-a@host/db' },
  ]

  test.each(origins)('of an origin: %j', (origin) => {
    const found = problems({ config: { groups: { g: { origin } } } })
    expect(found.join('\n').match(PLANTED)).toBeNull()
  })

  test.each<object>([
    { requirepass: ['planted-a'] },
    { users: 'planted-a' },
    { users: ['planted-a'] },
    { users: { alice: { password: 'planted-a' } } },
    { users: { alice: 'on >planted-a nonsense' } },
    { users: { alice: '#planted-a' } },
    { users: { alice: 'on (~a >planted-a)' } },
    { users: { alice: 'on (~a >planted-a' } },
    { cluster: { peers: ['a:1'], secret: { of: 'planted-a' } } },
    { cluster: { etcd: 'http://user:planted-a@host:2379', etcdPassword: ['planted-a'] } },
  ])('of %j', (config) => {
    const found = problems({ config })
    expect(found.length).toBeGreaterThan(0)
    expect(found.join('\n').match(PLANTED)).toBeNull()
  })

  test('of a file of users', () => {
    const aclfile = join(directory, 'users.acl')
    writeFileSync(
      aclfile,
      'user a on >planted-a +nosuch\nuser b <planted-b\nuser c #planted-c\nplanted-d\nuser e (>planted-e',
    )
    const found = problems({ config: { aclfile } }).join('\n')
    expect(found).toContain('users.acl')
    expect(found.match(PLANTED)).toBeNull()
    writeFileSync(
      aclfile,
      'user a on >planted-a +nosuch\nuser b <planted-b\nuser c #planted-c\nuser e (>planted-e',
    )
    const more = problems({ config: { aclfile } })
    expect(more.length).toBe(4)
    expect(more.join('\n').match(PLANTED)).toBeNull()
  })
})
