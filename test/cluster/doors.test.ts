// Users in a cluster, through every door: what ACL DRYRUN says on one node is what happens on a connection to the owner of
// the key and to another node, in a transaction, and over HTTP.

import { once } from 'node:events'
import { request } from 'node:http'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownersOf, startCluster, type TestCluster } from '../support/cluster.ts'
import { type AskOptions, ask } from '../support/http.ts'
import { seededRandom } from '../support/random.ts'

/** With each prefix one key of each node. */
const KEYS: string[] = []
const NAME_AND_PASSWORD = { username: 'u', password: 'p' }
const CREDENTIALS = { authorization: `Basic ${Buffer.from('u:p').toString('base64')}` }

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster(2, {
    groups: { cache: { maxBytes: '16mb' }, other: { maxBytes: '16mb' } },
    http: { port: 'any', bind: '127.0.0.1' },
    cluster: { secret: 'a secret of the nodes' },
  })
  const names = ['open', 'closed'].flatMap((kind) => Array.from({ length: 20 }, (_, i) => `${kind}:${i}`))
  const owners = await ownersOf(cluster.members[0], names)
  for (const kind of ['open', 'closed'])
    for (const port of cluster.ports)
      KEYS.push(names.find((name, i) => name.startsWith(kind) && owners[i] === port) as string)
})
afterAll(async () => {
  expect(cluster.warnings).toEqual([])
  await cluster.close()
})

/** A command, and the HTTP request that stands for it. */
interface Use {
  readonly command: (key: string) => readonly string[]
  readonly http: (group: string, key: string) => readonly [path: string, options: AskOptions]
}

const USES: readonly Use[] = [
  { command: (key) => ['FETCH', key], http: (group, key) => [`/cache/${group}/${key}`, {}] },
  {
    command: (key) => ['FETCH', key],
    http: (group, key) => [`/cache/${group}`, { method: 'POST', body: JSON.stringify([key]) }],
  },
  {
    command: (key) => ['SET', key, 'new'],
    http: (group, key) => [`/cache/${group}/${key}`, { method: 'PUT', body: 'new' }],
  },
  { command: (key) => ['DEL', key], http: (group, key) => [`/cache/${group}/${key}`, { method: 'DELETE' }] },
  {
    command: (key) => ['INVALIDATE', 'KEY', key],
    http: (group, key) => [`/cache/${group}/${key}`, { method: 'PURGE' }],
  },
  {
    command: (key) => ['INVALIDATE', 'KEY', key],
    http: (group, key) => [`/dashboard/invalidate/${group}/${key}`, { method: 'POST' }],
  },
  {
    command: () => ['INVALIDATE', 'TAG', 't'],
    http: (group) => [`/dashboard/invalidate-tag/${group}?tag=t`, { method: 'POST' }],
  },
  { command: (key) => ['EXPLAIN', key], http: (group, key) => [`/explain/${group}/${key}`, {}] },
  { command: () => ['SCAN', '0'], http: (group) => [`/dashboard/keys/${group}`, {}] },
  { command: () => ['GROUP', 'FLUSH'], http: (group) => [`/dashboard/flush/${group}`, { method: 'POST' }] },
  { command: () => ['GROUP', 'LIST'], http: () => ['/groups', {}] },
  { command: () => ['INFO'], http: () => ['/metrics', {}] },
  { command: () => ['INFO'], http: () => ['/dashboard/state', {}] },
  { command: () => ['CLUSTER', 'NODES'], http: () => ['/cluster', {}] },
]

const COMMANDS =
  '+@all +@all +@read +@write +fetch +set +del +invalidate +explain +info -@dangerous -set -fetch -@admin'
const PATTERNS = '~open:* ~* %R~open:* %W~open:* %R~* %W~closed:* %RW~*'
const GROUPS = '@group:cache @group:other @group:* allgroups'
/** Rules that allow a command with one first argument only. */
const FIRST = '+invalidate|key +invalidate|tag'
/** Words of rules, one of each. */
const WORDS = [COMMANDS, `${COMMANDS} ${FIRST} +first`, PATTERNS, `${GROUPS} +ping`].map((text) =>
  text.split(' '),
)

/** Commands that cannot be in a transaction in a cluster, whoever asks. */
const ALONE = new Set(['EXPLAIN', 'SCAN', 'GROUP'])

const isRefused = (error: Error): boolean => /NOPERM/.test(error.message)

/** Whether the user may not run it, on a connection to a node, in a group. */
async function refusedBy(
  port: number,
  group: string,
  command: readonly string[],
  inMulti: boolean,
): Promise<boolean> {
  const client = new Redis(port, { ...NAME_AND_PASSWORD, retryStrategy: null, enableReadyCheck: false })
  try {
    // SELECT is a permission of its own: a selector of the user has it, without keys.
    await client.call('SELECT', group)
    if (inMulti) await client.call('MULTI')
    const [name, ...rest] = command
    const outcome = await client.call(name, ...rest).then(
      () => false,
      (error: Error) => isRefused(error),
    )
    if (inMulti) await client.call('EXEC').catch(() => null)
    return outcome
  } finally {
    client.disconnect()
  }
}

async function refusedByHttp(port: number, [path, options]: ReturnType<Use['http']>): Promise<boolean> {
  const answer = await ask(port, path, { ...options, headers: CREDENTIALS })
  return answer.status === 403
}

test.each([1, 2, 3, 4])('any rules, seed %i', async (seed) => {
  const random = seededRandom(seed * 0x9e3779b1)
  const oneOf = <T>(list: readonly T[]): T => list[random() % list.length]
  for (let i = 0; i < 50; i++) {
    const key = oneOf(KEYS)
    const chosen = WORDS.map(oneOf).map((word) =>
      word === '+first' ? oneOf([`+set|${key}`, `+fetch|${key}`]) : word,
    )
    const rules = [...chosen, '(+select', '+multi', '+exec', 'allgroups)']
    for (const { watcher } of cluster.members) {
      await watcher.call('ACL', 'SETUSER', 'u', 'reset', 'on', '>p', ...rules)
    }
    const use = oneOf(USES)
    const group = oneOf(['cache', 'other'])
    const command = use.command(key)
    const { watcher } = cluster.members[0]
    await watcher.call('SELECT', group)
    const told = (await watcher.call('ACL', 'DRYRUN', 'u', ...command)) !== 'OK'
    await watcher.call('SELECT', 'cache')
    const shown = `${rules.join(' ')}: ${command.join(' ')} in ${group}`
    for (const { port, node } of cluster.members) {
      expect(await refusedBy(port, group, command, false), shown).toBe(told)
      if (!ALONE.has(command[0]) && command[1] !== 'TAG')
        expect(await refusedBy(port, group, command, true), `${shown} in a transaction`).toBe(told)
      const [{ port: httpPort }] = node.httpAddresses
      expect(await refusedByHttp(httpPort, use.http(group, key)), `${shown} over HTTP`).toBe(told)
    }
  }
})

test('an upload of a user who is deleted meanwhile is refused', async () => {
  const [{ watcher, node }] = cluster.members
  await watcher.call('ACL', 'SETUSER', 'u', 'reset', 'on', '>p', '~*', '+@all')
  const [{ port }] = node.httpAddresses
  for (const key of KEYS) {
    await watcher.call('ACL', 'SETUSER', 'u', 'on', '>p', '~*', '+@all')
    const headers = { ...CREDENTIALS, expect: '100-continue' }
    const sent = request({ host: '127.0.0.1', port, path: `/cache/cache/${key}`, method: 'PUT', headers })
    sent.flushHeaders()
    await once(sent, 'continue')
    await watcher.call('ACL', 'DELUSER', 'u')
    sent.end('new')
    const [response] = await once(sent, 'response')
    response.resume()
    expect(response.statusCode).toBe(403)
  }
})

test.each([
  ['+invalidate|key', 'PURGE', {}, 200],
  ['+invalidate|key', 'PURGE', { 'soft-purge': '1' }, 403],
  ['+invalidate|key', 'PURGE', { 'cache-tag': 't' }, 403],
  ['+invalidate|soft', 'PURGE', { 'soft-purge': '1' }, 200],
  ['+invalidate|soft', 'PURGE', {}, 403],
  ['+fetch|open:1', 'GET', {}, 200],
  ['+fetch|open:2', 'GET', {}, 403],
])('a rule about the first argument: %s, %s with %o', async (rule, method, headers, status) => {
  for (const { watcher, node } of cluster.members) {
    await watcher.call('SET', 'open:1', 'x')
    await watcher.call('ACL', 'SETUSER', 'u', 'reset', 'on', '>p', '~*', rule)
    const [{ port }] = node.httpAddresses
    const answer = await ask(port, '/cache/cache/open:1', { method, headers: { ...CREDENTIALS, ...headers } })
    expect(answer.status).toBe(status)
  }
})
