// Any node serves any command: it is forwarded, or split and gathered, and the reply is that of a single node.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PEER_VERSION } from '../../src/cluster/links/handshake.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)

let cluster: TestCluster
let clients: Redis[]
/** The keys that the origin of `scores` has loaded. */
const loads: string[] = []
let release = (): void => {}
let gate: Promise<void> = Promise.resolve()

beforeAll(async () => {
  const load = async (key: string): Promise<string | null> => {
    loads.push(key)
    await gate
    return key.startsWith('no:') ? null : `loaded ${key}`
  }
  cluster = await startCluster(3, {
    groups: { cache: { maxBytes: '16mb' }, scores: { maxBytes: '16mb', origin: load } },
    maxclients: 40,
  })
  clients = cluster.ports.map((port) => new Redis(port, { protocol: 2 }))
})

afterAll(async () => {
  for (const client of clients) client.disconnect()
  await cluster.close()
})

/** Sends bytes and resolves to the first `length` bytes of the answer. */
async function raw(port: number, request: string, length: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  let answer = ''
  while (answer.length < length) answer += String((await once(socket, 'data'))[0])
  socket.destroy()
  return answer
}

function holdLoads(): void {
  gate = new Promise((resolve) => {
    release = resolve
  })
}

describe('one key', () => {
  test('is written and read through any node', async () => {
    for (const [i, key] of KEYS.entries()) await clients[i % 3].set(key, `value ${i}`)
    for (const [i, key] of KEYS.entries()) expect(await clients[(i + 1) % 3].get(key)).toBe(`value ${i}`)
  })

  test('types, errors and RESP3 are forwarded unchanged', async () => {
    for (const key of KEYS.slice(0, 9)) {
      await clients[0].set(key, 'text')
      await expect(clients[1].incr(key)).rejects.toThrow('ERR value is not an integer or out of range')
      expect(await clients[2].pttl(key)).toBe(-1)
    }
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const request = `HELLO 3\r\n${keys.map((key) => `GET none:${key}\r\n`).join('')}PING\r\n`
    const answer = await raw(cluster.ports[0], request, 1)
    expect(answer).toMatch(/^%7\r\n/)
  })

  test('binary keys and values of any length are forwarded unchanged', async () => {
    for (const length of [0, 1, 99, 100, 16_384, 70_000, 3_000_000]) {
      const value = Buffer.alloc(length, 'é\r\n\0')
      const key = Buffer.from(`bin\0\r\n:${length}`)
      await clients[0].set(key, value)
      for (const client of clients) expect((await client.getBuffer(key))?.equals(value)).toBe(true)
    }
  })

  test('an inline request is forwarded, and one that arrives byte by byte', async () => {
    await clients[0].set('inline', 'yes')
    for (const port of cluster.ports) {
      expect(await raw(port, 'GET inline\r\n', 9)).toBe('$3\r\nyes\r\n')
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      for (const byte of '*2\r\n$3\r\nGET\r\n$6\r\ninline\r\n') socket.write(byte)
      expect(String((await once(socket, 'data'))[0])).toBe('$3\r\nyes\r\n')
      socket.destroy()
    }
  })

  test('CLIENT REPLY applies to forwarded commands', async () => {
    const gets = KEYS.slice(0, 12).map((key) => `GET ${key}\r\n`)
    const silent = `CLIENT REPLY OFF\r\n${gets.join('')}CLIENT REPLY ON\r\n`
    expect(await raw(cluster.ports[1], silent, 5)).toBe('+OK\r\n')
    const skipped = gets.map((get) => `CLIENT REPLY SKIP\r\n${get}`).join('')
    expect(await raw(cluster.ports[1], `${skipped}PING\r\n`, 7)).toBe('+PONG\r\n')
  })

  test('the selected group applies to forwarded commands', async () => {
    const [client] = clients
    await client.select(1)
    expect(await client.get('selected')).toBe('loaded selected')
    await client.select(0)
    expect(await client.get('selected')).toBe(null)
  })

  test('a key is loaded once in the whole cluster, whichever nodes are asked', async () => {
    loads.length = 0
    holdLoads()
    const many = await Promise.all(
      cluster.ports.map(async (port) => {
        const client = new Redis(port, { db: 1 })
        await client.ping()
        return client
      }),
    )
    const gets = many.flatMap((client) => Array.from({ length: 50 }, () => client.get('cold')))
    await expect.poll(() => loads, { interval: 1 }).toEqual(['cold'])
    release()
    expect(new Set(await Promise.all(gets))).toEqual(new Set(['loaded cold']))
    expect(loads).toEqual(['cold'])
    for (const client of many) client.disconnect()
  })

  test('a slow load delays no other client, not even on the same link', async () => {
    holdLoads()
    const [a, b] = [0, 0].map(() => new Redis(cluster.ports[0], { db: 1 }))
    for (const key of KEYS) expect(await b.set(`hot:${key}`, key)).toBe('OK')
    const slow = KEYS.map((key) => a.get(`slow:${key}`))
    const increments = KEYS.map((key) => a.incr(`slow:number:${key}`).catch((error: Error) => error.message))
    for (const key of KEYS) expect(await b.get(`hot:${key}`)).toBe(key)
    release()
    expect(await Promise.all(slow)).toEqual(KEYS.map((key) => `loaded slow:${key}`))
    expect(new Set(await Promise.all(increments))).toEqual(
      new Set(['ERR value is not an integer or out of range']),
    )
    a.disconnect()
    b.disconnect()
  })

  test('commands on one key keep their order, also while it is loaded', async () => {
    holdLoads()
    const client = new Redis(cluster.ports[2], { db: 1 })
    const replies = KEYS.map((key) => {
      const name = `no:order:${key}`
      return Promise.all([
        client.get(name),
        client.append(name, 'a'),
        client.append(name, 'b'),
        client.get(name),
      ])
    })
    for (const other of clients) await other.ping()
    release()
    for (const reply of await Promise.all(replies)) expect(reply).toEqual([null, 1, 2, 'ab'])
    client.disconnect()
  })
})

describe('several keys', () => {
  test('MGET, MSET, EXISTS, TOUCH, DEL and UNLINK are split by owner, and their replies are merged', async () => {
    const pairs = KEYS.flatMap((key) => [key, `new ${key}`])
    expect(await clients[0].mset(pairs)).toBe('OK')
    expect(await clients[1].mget(...KEYS, 'none', KEYS[0])).toEqual([
      ...KEYS.map((key) => `new ${key}`),
      null,
      `new ${KEYS[0]}`,
    ])
    expect(await clients[2].exists(...KEYS, KEYS[0], 'none')).toBe(61)
    expect(await clients[2].touch(...KEYS, 'none')).toBe(60)
    expect(await clients[0].del(...KEYS.slice(0, 30), 'none')).toBe(30)
    expect(await clients[1].unlink(...KEYS)).toBe(30)
  })

  test('MGET loads missing keys, each once', async () => {
    loads.length = 0
    const [client] = clients
    await client.select(1)
    const names = KEYS.map((key) => `many:${key}`)
    expect(await client.mget(names)).toEqual(names.map((name) => `loaded ${name}`))
    await client.select(0)
    expect([...loads].sort()).toEqual([...names].sort())
  })

  test('commands that cannot be split need keys of one slot', async () => {
    await expect(clients[0].msetnx(KEYS.flatMap((key) => [key, '1']))).rejects.toThrow(/^CROSSSLOT /)
    await expect(clients[0].mset('a')).rejects.toThrow("wrong number of arguments for 'mset'")
    expect(await clients[1].msetnx('{tag}1', 'a', '{tag}2', 'b')).toBe(1)
    expect(await clients[2].rename('{tag}1', '{tag}3')).toBe('OK')
    expect(await clients[0].mget('{tag}1', '{tag}2', '{tag}3')).toEqual([null, 'b', 'a'])
    expect(await clients[0].del('{tag}2', '{tag}3')).toBe(2)
  })

  test('MGET answers RESP3 nulls in RESP3', async () => {
    const request = `HELLO 3\r\nMGET ${KEYS.slice(0, 6).join(' ')} none1 none2\r\n`
    const answer = await raw(cluster.ports[0], request, 150)
    expect(answer.slice(answer.indexOf('*8'))).toMatch(/^\*8\r\n(_\r\n|\$\d+\r\n.*\r\n)+/)
  })
})

describe('all keys', () => {
  test('DBSIZE, KEYS, SCAN and RANDOMKEY cover all nodes, and FLUSHDB empties all nodes', async () => {
    expect(await clients[0].flushall()).toBe('OK')
    await clients[0].mset(KEYS.flatMap((key) => [key, '1']))
    for (const client of clients) {
      expect(await client.dbsize()).toBe(60)
      expect((await client.keys('*')).sort()).toEqual([...KEYS].sort())
      expect(await client.keys('key:1?')).toHaveLength(10)
      expect(KEYS).toContain(await client.randomkey())
      const scanned: string[] = []
      let cursor = '0'
      do {
        const [next, keys] = await client.scan(cursor, 'COUNT', 7)
        scanned.push(...keys)
        cursor = next
      } while (cursor !== '0')
      expect(scanned.sort()).toEqual([...KEYS].sort())
    }
    await expect(clients[0].call('SCAN', 'x')).rejects.toThrow('ERR invalid cursor')
    await expect(clients[0].call('SCAN', '0', 'COUNT', '0')).rejects.toThrow('ERR syntax error')
    expect(await clients[0].scan('9007199254740990')).toEqual(['0', []])
    expect(await clients[2].flushdb()).toBe('OK')
    for (const client of clients) expect(await client.dbsize()).toBe(0)
    expect(await clients[1].randomkey()).toBe(null)
  })

  test('they wait for earlier commands of the same client', async () => {
    const [client] = clients
    const sets = KEYS.map((key) => client.set(key, '1'))
    const size = client.dbsize()
    const flush = client.flushdb()
    const after = client.dbsize()
    await Promise.all(sets)
    expect([await size, await flush, await after]).toEqual([60, 'OK', 0])
  })
})

describe('hot copies', () => {
  test('a key that is read often is served from a copy, and a write through any node drops the copy', async () => {
    const key = await keyOf(1, 'hot')
    const [asking, owner, third] = clients
    await owner.set(key, '0')
    for (let round = 1; round <= 5; round++) {
      await expect.poll(() => hits(asking, key), { interval: 1 }).toBeGreaterThan(0)
      const writer = [owner, third, asking][round % 3]
      await writer.set(key, String(round))
      // The client that wrote sees its write at once; others when the notice has arrived.
      if (writer === asking) expect(await asking.get(key)).toBe(String(round))
      await expect.poll(() => asking.get(key), { interval: 1 }).toBe(String(round))
    }
    await owner.del(key)
    await expect.poll(() => asking.get(key), { interval: 1 }).toBe(null)
  })

  test('a write is followed by the new value: the copy is not fetched again', async () => {
    const key = await keyOf(1, 'updated')
    const [asking, owner] = clients
    let lastWrite = 0
    await owner.set(key, '0')
    await expect.poll(() => hits(asking, key), { interval: 1 }).toBeGreaterThan(0)
    const before = await copyField(asking, 'updates')
    await expect
      .poll(
        async () => {
          await owner.set(key, String(++lastWrite))
          await hits(asking, key)
          return copyField(asking, 'updates')
        },
        { interval: 1 },
      )
      .toBeGreaterThan(before + 10)
    await expect.poll(() => asking.get(key), { interval: 1 }).toBe(String(lastWrite))
    expect(await copyField(owner, 'updated')).toBeGreaterThan(10)
  })

  test('a client that has sent a write and not got the reply reads no copy', async () => {
    const key = await keyOf(1, 'own')
    const [asking, owner] = clients
    await owner.set(key, 'old')
    await expect.poll(() => hits(asking, key), { interval: 1 }).toBeGreaterThan(0)
    for (let round = 0; round < 50; round++) {
      const replies = await asking.pipeline().get(key).set(key, round).get(key).get('other').get(key).exec()
      const values = replies?.map(([, value]) => value) ?? []
      expect([values[2], values[4]]).toEqual([String(round), String(round)])
      expect(await asking.get(key)).toBe(String(round))
    }
  })

  test('a transaction that writes a copied key gets a whole reply', async () => {
    const key = await keyOf(1, 'block')
    const [asking, owner] = clients
    await owner.set(key, 'old')
    await expect.poll(() => hits(asking, key), { interval: 1 }).toBeGreaterThan(0)
    const multi = asking.multi().append(key, '.').set(key, 'new').get(key).exec()
    const after = [asking.get(key), asking.get('other'), asking.get(key)]
    expect((await multi)?.map(([, value]) => value)).toEqual([4, 'OK', 'new'])
    expect(await Promise.all(after)).toEqual(['new', null, 'new'])
  })

  test('replies from copies and from other nodes leave in the order of the requests', async () => {
    const key = await keyOf(1, 'order')
    const [asking] = clients
    await asking.set(key, 'hot')
    await expect.poll(() => hits(asking, key), { interval: 1 }).toBeGreaterThan(0)
    for (const [i, other] of KEYS.entries()) await asking.set(other, `value ${i}`)
    for (let round = 0; round < 20; round++) {
      const pipeline = asking.pipeline()
      const expected: string[] = []
      for (const [i, other] of KEYS.entries()) {
        for (let n = 0; n < (i + round) % 4; n++) {
          pipeline.get(key)
          expected.push('hot')
        }
        pipeline.get(other)
        expected.push(`value ${i}`)
      }
      expect((await pipeline.exec())?.map(([, value]) => value)).toEqual(expected)
    }
  })

  /** Sends a hundred GETs and returns how many were served from a copy. */
  async function hits(client: Redis, key: string): Promise<number> {
    const before = await copyHits(client)
    await Promise.all(Array.from({ length: 100 }, () => client.get(key)))
    return (await copyHits(client)) - before
  }

  function copyHits(client: Redis): Promise<number> {
    return copyField(client, 'hits')
  }

  async function copyField(client: Redis, field: string): Promise<number> {
    const line = /^copies0:(.*)$/m.exec(await client.info('cluster'))?.[1] ?? ''
    return Number(new RegExp(`(?:^|,)${field}=(\\d+)`).exec(line)?.[1])
  }
})

describe('peers', () => {
  test('peer commands are refused to clients', async () => {
    for (const request of [
      ['CONTEXT', 'cache', '2', '0', '0'],
      ['STATE', '{}'],
      ['CLAIM', '{}'],
      ['PEEK', 'a'],
      ['TAKE', 'a', 'b'],
      ['DONE', '1'],
      ['COPY', 'a'],
    ])
      await expect(clients[0].call('PEER', ...request)).rejects.toThrow(/^NOPERM /)
    const hello = ['HELLO', PEER_VERSION, '127.0.0.1:1', 'run', 'proof', 'nonce']
    await expect(clients[0].call('PEER', ...hello)).rejects.toThrow(
      /^NOPERM PEER HELLO without PEER CHALLENGE/,
    )
    expect(await clients[0].call('PEER', 'CHALLENGE')).toMatch(/^[0-9a-f]{64}$/)
    await expect(clients[0].call('PEER', ...hello)).rejects.toThrow(/^NOPERM wrong cluster secret/)
    await expect(clients[0].call('PEER', ...hello)).rejects.toThrow(
      /^NOPERM PEER HELLO without PEER CHALLENGE/,
    )
    expect(await clients[0].ping()).toBe('PONG')
  })

  test('clients that reach maxclients do not shut out other nodes', async () => {
    const [port] = cluster.ports
    const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1'))
    const refused: string[] = []
    const gone = sockets.map(async (socket) => {
      socket.on('data', (chunk) => refused.push(String(chunk)))
      socket.on('error', () => undefined)
      socket.write('PING\r\n')
      await once(socket, 'data')
    })
    await Promise.all(gone)
    expect(refused.filter((text) => text.startsWith('-ERR max number of clients reached'))).not.toEqual([])
    expect(refused).toContain('+PONG\r\n')
    const late = connect(port, '127.0.0.1')
    late.write('PEER CHALLENGE\r\n')
    expect(String((await once(late, 'data'))[0])).toMatch(/^\$64\r\n/)
    late.destroy()
    for (const socket of sockets) socket.destroy()
  })
})

/** A key that the node with this index owns. */
async function keyOf(index: number, prefix: string): Promise<string> {
  for (let i = 0; ; i++) {
    const key = `${prefix}:${i}`
    const fields = (await clients[index].call('EXPLAIN', key)) as string[]
    if (fields[fields.indexOf('owner') + 1] === 'self') return key
  }
}
