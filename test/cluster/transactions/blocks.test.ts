// Transactions in a cluster: through any node, with watches at the owner, and what several owners get.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownersOf, startCluster, type TestCluster } from '../../support/cluster.ts'

const loads: string[] = []
let cluster: TestCluster
let clients: Redis[]
/** By node: keys that it owns. */
let owned: string[][]

/** The keys that the origin of `written` was asked to store or remove. */
const writes: string[] = []

async function store(key: string): Promise<void> {
  writes.push(key)
  if (key.includes('bad')) throw new Error('no')
}

beforeAll(async () => {
  cluster = await startCluster(3, {
    groups: {
      cache: { maxBytes: '16mb' },
      other: { maxBytes: '16mb' },
      written: {
        maxBytes: '16mb',
        write: 'through',
        origin: { kind: 'test', load: () => null, store, remove: store },
      },
      scores: {
        maxBytes: '16mb',
        origin: async (key: string) => {
          loads.push(key)
          if (key.includes('fails')) throw new Error('down')
          return '630'
        },
      },
    },
  })
  clients = cluster.ports.map((port) => new Redis(port, { protocol: 2 }))
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`)
  const owners = await ownersOf(cluster.members[0], keys)
  owned = cluster.ports.map((port) => keys.filter((_, i) => owners[i] === port))
})

afterAll(async () => {
  for (const client of clients) client.disconnect()
  await cluster.close()
})

/** The replies to commands that are sent at once on a connection of its own. */
async function calls(node: number, ...lines: string[]): Promise<unknown[]> {
  const client = new Redis(cluster.ports[node], { protocol: 2 })
  try {
    return await Promise.all(
      lines.map((line) => {
        const [name, ...args] = line.split(' ')
        return client.call(name, ...args).catch((error: Error) => error.message)
      }),
    )
  } finally {
    client.disconnect()
  }
}

test('very many keys can be watched at another node at once', async () => {
  const keys = Array.from({ length: 200_000 }, (_, i) => `{${owned[1][0]}}:${i}`)
  const client = new Redis(cluster.ports[0], { protocol: 2 })
  try {
    expect(await client.call('WATCH', keys)).toBe('OK')
    await clients[2].set(keys[199_999], '1')
    expect(await client.multi().ping().exec()).toBeNull()
    await clients[2].del(keys[199_999])
  } finally {
    client.disconnect()
  }
})

test('a block runs at the owner of its keys, through any node', async () => {
  for (const node of [0, 1, 2]) {
    for (const owner of [0, 1, 2]) {
      const [a, b] = owned[owner]
      const replies = await calls(
        node,
        'MULTI',
        `SET ${a} 1`,
        `INCR ${a}`,
        `SET ${b} x`,
        `INCR ${b}`,
        `MGET ${a} ${b}`,
        'EXEC',
      )
      expect(replies.slice(0, 2)).toEqual(['OK', 'QUEUED'])
      expect(replies[6]).toMatchObject([
        'OK',
        2,
        'OK',
        { message: 'ERR value is not an integer or out of range' },
        ['2', 'x'],
      ])
    }
  }
})

test('commands without keys are answered by the node of the client, in their places', async () => {
  const [key] = owned[1]
  const replies = await calls(
    0,
    `SET ${key} 1`,
    'MULTI',
    'PING',
    `GET ${key}`,
    'SELECT other',
    `SET ${key} 2`,
    'CLIENT SETNAME me',
    `GET ${key}`,
    'ECHO x',
    'EXEC',
    `GET ${key}`,
    'CLIENT GETNAME',
  )
  expect(replies.slice(9)).toEqual([['PONG', '1', 'OK', 'OK', 'OK', '2', 'x'], '2', 'me'])
})

test('RESP3 replies are passed on and put together', async () => {
  const [key] = owned[2]
  const socket = connect(cluster.ports[0], '127.0.0.1')
  socket.write(`HELLO 3\r\nMULTI\r\nGET none{${key}}\r\nHELLO 3\r\nEXISTS none{${key}}\r\nEXEC\r\nPING\r\n`)
  let answer = ''
  while (!answer.includes('+PONG')) answer += String((await once(socket, 'data'))[0])
  socket.destroy()
  expect(answer).toMatch(/\*3\r\n_\r\n%7\r\n[\s\S]*:0\r\n\+PONG/)
})

test('a watch at the owner sees writes through any node', async () => {
  for (const writer of [0, 1, 2]) {
    const [key, other] = owned[1]
    const client = new Redis(cluster.ports[0], { protocol: 2 })
    expect(await client.watch(key)).toBe('OK')
    await clients[writer].set(other, '1')
    expect(await client.multi().get(key).exec()).toHaveLength(1)
    await client.watch(key, other)
    await clients[writer].set(other, '1')
    expect(await client.multi().get(key).exec()).toBeNull()
    await client.watch(key)
    await client.unwatch()
    await clients[writer].set(key, '1')
    expect(await client.multi().get(key).exec()).toHaveLength(1)
    await client.watch(key)
    await clients[writer].flushdb()
    expect(await client.multi().ping().exec()).toBeNull()
    client.disconnect()
  }
})

test('increments by WATCH through all nodes lose nothing', async () => {
  const [key] = owned[2]
  await clients[0].set(key, '0')
  let conflicts = 0
  const increment = async (node: number): Promise<void> => {
    const client = new Redis(cluster.ports[node], { protocol: 2 })
    for (let done = 0; done < 20; ) {
      await client.watch(key)
      const value = Number(await client.get(key))
      const result = await client
        .multi()
        .set(key, String(value + 1))
        .exec()
      if (result === null) conflicts++
      else done++
    }
    client.disconnect()
  }
  await Promise.all([0, 0, 1, 1, 2, 2].map(increment))
  expect(await clients[1].get(key)).toBe('120')
  expect(conflicts).toBeGreaterThan(0)
})

test('keys of several owners: at queueing for one command, at EXEC for several, at WATCH', async () => {
  const [a] = owned[0]
  const [b] = owned[1]
  const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot"
  const aborted = 'EXECABORT Transaction discarded because of previous errors.'
  expect(await calls(2, 'MULTI', `MSET ${a} 9 ${b} 9`, 'EXEC')).toEqual(['OK', crossSlot, aborted])
  expect(await calls(2, 'MULTI', `SET ${a} 9`, `SET ${b} 9`, 'EXEC', `EXISTS ${a}x`)).toEqual([
    'OK',
    'QUEUED',
    'QUEUED',
    crossSlot,
    0,
  ])
  expect(
    await calls(2, `WATCH ${a} ${b}`, `WATCH ${a}`, `WATCH ${b}`, 'MULTI', `SET ${b} 9`, 'EXEC', 'EXEC'),
  ).toEqual([crossSlot, 'OK', crossSlot, 'OK', 'QUEUED', crossSlot, 'ERR EXEC without MULTI'])
  expect(await clients[0].get(b)).not.toBe('9')
})

test('commands on all nodes cannot be queued', async () => {
  const replies = await calls(0, 'MULTI', 'DBSIZE', 'FLUSHALL', 'EXEC')
  expect(replies[1]).toBe('ERR DBSIZE cannot be in a transaction: it concerns all nodes')
  expect(replies[3]).toBe('EXECABORT Transaction discarded because of previous errors.')
})

test('the keys of a block are loaded at the owner, once', async () => {
  loads.length = 0
  const [a, b] = owned[1].slice(10)
  expect((await calls(0, 'SELECT scores', 'MULTI', `GET ${a}`, `INCR ${b}`, `GET ${b}`, 'EXEC'))[5]).toEqual([
    '630',
    631,
    '631',
  ])
  expect(loads.sort()).toEqual([a, b].sort())
  expect((await calls(0, 'SELECT scores', 'MULTI', `SET ${a} 1`, `GET fails{${b}}`, 'EXEC'))[4]).toBe(
    'ORIGIN scores: down',
  )
  expect((await calls(2, 'SELECT scores', `GET ${a}`))[1]).toBe('630')
})

test('a block through another node is written to the origin once, by the owner', async () => {
  const [key] = owned[1]
  const replies = await calls(
    0,
    'SELECT written',
    `WATCH ${key}`,
    'MULTI',
    `SET ${key} 1`,
    'PING',
    `INCR ${key}`,
    `SET bad{${key}} 1`,
    'EXEC',
    `GET ${key}`,
  )
  expect(replies[7]).toMatchObject(['OK', 'PONG', 2, { message: 'ORIGIN written: no' }])
  expect([replies[8], writes.sort()]).toEqual(['2', [`bad{${key}}`, key]])
})

test('pipelined blocks of one connection run in order', async () => {
  const [key] = owned[1]
  const client = new Redis(cluster.ports[0], { protocol: 2 })
  await client.set(key, '0')
  const blocks = Array.from({ length: 50 }, () => client.multi().incr(key).incr(key).exec())
  const reads = client.get(key)
  expect((await Promise.all(blocks)).map((replies) => replies?.[1][1])).toEqual(
    blocks.map((_, i) => 2 * i + 2),
  )
  expect(await reads).toBe('100')
  client.disconnect()
})

test('a client that disconnects leaves no watch at the owner', async () => {
  const [key] = owned[1].slice(20)
  const client = new Redis(cluster.ports[0], { protocol: 2 })
  await client.watch(key)
  client.disconnect()
  await clients[0].set(key, '1')
})

test('only nodes may send blocks', async () => {
  expect((await calls(0, 'PEER EXEC 0 0'))[0]).toMatch(/^NOPERM/)
  expect((await calls(0, 'PEER WATCH 1 a'))[0]).toMatch(/^NOPERM/)
})

test('HELLO in a transaction changes the protocol of the replies after it, at the owner, too', async () => {
  for (const [node, keys] of owned.entries()) {
    for (const from of [0, 1, 2]) {
      const socket = connect(cluster.ports[from], '127.0.0.1')
      let text = ''
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk
      })
      const [key] = keys
      const lines = [
        `DEL ${key}`,
        'MULTI',
        `HSET ${key} a 1`,
        `HGETALL ${key}`,
        'HELLO 3',
        `HGETALL ${key}`,
        'HELLO 2',
      ]
      socket.write([...lines, `HGETALL ${key}`, 'EXEC', 'PING'].map((line) => `${line}\r\n`).join(''))
      while (!text.includes('+PONG')) await once(socket, 'data')
      socket.destroy()
      const pair = '$1\r\na\r\n$1\r\n1\r\n'
      const replies = text.slice(text.indexOf('*6'))
      expect(replies.startsWith(`*6\r\n:1\r\n*2\r\n${pair}%7\r\n`), `${node} ${from} ${replies}`).toBe(true)
      expect(replies).toContain(`%1\r\n${pair}*14\r\n`)
      expect(replies.endsWith(`*2\r\n${pair}+PONG\r\n`)).toBe(true)
    }
  }
})
