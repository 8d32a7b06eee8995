// One connection over a real socket: chunks, pending replies, limits, and when it is closed.

import { afterEach, describe, expect, test } from 'vitest'
import { writeValue } from '../../src/group/calls.ts'
import { bufferBytes } from '../support/garbage.ts'
import { type Peer, TestServer, type TestServerOptions } from '../support/server.ts'

let running: TestServer
afterEach(() => running?.stop())

async function start(options?: TestServerOptions): Promise<Peer> {
  running = await TestServer.start(options)
  return running.connect()
}

/** Runs the event loop until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

const MB = 1024 * 1024

describe('requests', () => {
  test('arrive one byte at a time', async () => {
    const peer = await start()
    const request = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\0\xff\r\nGET a\r\nPING\r\n'
    for (const byte of request) {
      peer.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await peer.receive(20)).toBe('+OK\r\n$2\r\n\0\xff\r\n+PONG\r\n')
  })

  test('are answered in order, many at once', async () => {
    const peer = await start()
    const count = 5000
    peer.send(Array.from({ length: count }, (_, i) => `SET key:${i} ${i}\r\nGET key:${i}\r\n`).join(''))
    const replies = Array.from({ length: count }, (_, i) => `+OK\r\n$${String(i).length}\r\n${i}\r\n`).join(
      '',
    )
    expect(await peer.receive(replies.length)).toBe(replies)
  })

  test('that miss do not delay others, and all replies are sent in order', async () => {
    const load = new Map<string, (value: string) => void>()
    const peer = await start({
      groups: { scores: { origin: (key) => new Promise((resolve) => load.set(key, resolve)) } },
    })
    peer.send('GET a\r\nGET b\r\nSET c 3\r\nGET c\r\nGET a\r\n')
    await until(() => load.size === 2)
    expect(running.groups[0].store.size).toBe(1)
    load.get('b')?.('2')
    await until(() => running.groups[0].store.size === 2)
    load.get('a')?.('1')
    expect(await peer.receive(33)).toBe('$1\r\n1\r\n$1\r\n2\r\n+OK\r\n$1\r\n3\r\n$1\r\n1\r\n')
  })
})

test('a pending reply keeps the protocol that was in use before HELLO', async () => {
  let resolve: (value: null) => void = () => undefined
  const peer = await start({
    groups: {
      scores: {
        origin: () =>
          new Promise((settle) => {
            resolve = settle
          }),
      },
    },
  })
  peer.send('GET none\r\nHELLO 3\r\n')
  await until(() => running.groups[0].flights?.size === 1)
  resolve(null)
  expect(await peer.receive(9)).toBe('$-1\r\n%7\r\n')
})

describe('a client that has closed its end', () => {
  test('gets the replies to its earlier requests', async () => {
    const peer = await start()
    peer.send('SET a 1\r\nGET a\r\n')
    peer.socket.end()
    expect(await peer.rest()).toBe('+OK\r\n$1\r\n1\r\n')
    await peer.closed
    await until(() => running.server.clients.size === 0)
  })

  test('gets replies that wait for a load', async () => {
    let resolve: (value: string) => void = () => undefined
    const peer = await start({
      groups: {
        scores: {
          origin: () =>
            new Promise((settle) => {
              resolve = settle
            }),
        },
      },
    })
    peer.send('GET Tom\r\nPING\r\n')
    peer.socket.end()
    await until(() => running.groups[0].flights?.size === 1)
    resolve('630')
    expect(await peer.rest()).toBe('$3\r\n630\r\n+PONG\r\n')
  })

  test('gets replies that wait for a load of a minute', async () => {
    let resolve: (value: string) => void = () => undefined
    const peer = await start({
      groups: {
        scores: {
          origin: () =>
            new Promise((settle) => {
              resolve = settle
            }),
        },
      },
    })
    peer.send('GET Tom\r\nQUIT\r\n')
    peer.socket.end()
    await until(() => [...running.server.clients.values()].some(({ closing }) => closing))
    running.clock.advance(60_000)
    resolve('630')
    expect(await peer.rest()).toBe('$3\r\n630\r\n+OK\r\n')
  })

  test('gets replies that wait for CLIENT PAUSE', async () => {
    const peer = await start()
    const other = await running.connect()
    await other.exchange('CLIENT PAUSE 1000\r\n', '+OK\r\n')
    peer.send('PING\r\nGET a\r\n')
    peer.socket.end()
    await until(() =>
      [...running.server.clients.values()].some(({ queryBufferBytes }) => queryBufferBytes >= 0),
    )
    await new Promise((resolve) => setImmediate(resolve))
    running.clock.advance(1000)
    expect(await peer.rest()).toBe('+PONG\r\n$-1\r\n')
  })

  test('gets nothing for half a request', async () => {
    const peer = await start()
    peer.send('PING\r\n*2\r\n$3\r\nGET\r\n$1\r\n')
    peer.socket.end()
    expect(await peer.rest()).toBe('+PONG\r\n')
    await peer.closed
  })
})

describe('a client that breaks the protocol', () => {
  const CASES = [
    ['*2\r\nx3\r\n', "-ERR Protocol error: expected '$', got 'x'\r\n"],
    ['*1\r\n\xe94\r\n', "-ERR Protocol error: expected '$', got '\xe9'\r\n"],
    ['*x\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*2147483648\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*1\r\n$-1\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['*1\r\n$536870913\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['SET "a\r\n', '-ERR Protocol error: unbalanced quotes in request\r\n'],
  ] as const

  for (const [request, reply] of CASES) {
    test(JSON.stringify(request), async () => {
      const peer = await start()
      peer.send(`PING\r\n${request}PING\r\n`)
      expect(await peer.rest()).toBe(`+PONG\r\n${reply}`)
      peer.socket.end()
      await peer.closed
      const other = await running.connect()
      await other.exchange('PING\r\n', '+PONG\r\n')
    })
  }

  test('gets its earlier replies before the error, also those that wait for a load', async () => {
    const peer = await start({ groups: { scores: { origin: () => '630' } } })
    peer.send('GET Tom\r\n*x\r\n')
    expect(await peer.rest()).toBe('$3\r\n630\r\n-ERR Protocol error: invalid multibulk length\r\n')
  })
})

describe('a client that has not authenticated', () => {
  const startWithPassword = () => start({ settings: { requirepass: 'secret' } })

  test('may send ten arguments of 16 KiB', async () => {
    const peer = await startWithPassword()
    peer.send('*11\r\n')
    expect(await peer.rest()).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n')
    const other = await running.connect()
    other.send('*2\r\n$4\r\nAUTH\r\n$16385\r\n')
    expect(await other.rest()).toBe('-ERR Protocol error: unauthenticated bulk length\r\n')
  })

  test('may send anything in the same chunk after AUTH', async () => {
    const peer = await startWithPassword()
    const keys = Array.from({ length: 20 }, () => '$1\r\nk\r\n').join('')
    peer.send(`AUTH secret\r\n*21\r\n$3\r\nDEL\r\n${keys}`)
    expect(await peer.receive(9)).toBe('+OK\r\n:0\r\n')
  })

  test('is closed when it does not read its replies', async () => {
    const peer = await startWithPassword()
    const flood = Buffer.from('GET a\r\n'.repeat(10_000))
    const send = (): void => {
      while (!peer.socket.destroyed && peer.socket.write(flood));
    }
    peer.socket.on('drain', send)
    send()
    await until(() => running.server.clients.size === 0)
    expect(running.server.stats.outputBufferDisconnections).toBe(1)
  })
})

describe('announced lengths', () => {
  test('allocate nothing before the bytes arrive', async () => {
    const peer = await start()
    await peer.exchange('PING\r\n', '+PONG\r\n')
    const before = bufferBytes()
    peer.send('*1000000\r\n$536870912\r\nabc')
    await until(() => [...running.server.clients.values()][0].queryBufferBytes > 0)
    expect(bufferBytes() - before).toBeLessThan(MB)
  })

  test('are bounded by client-query-buffer-limit', async () => {
    const peer = await start({ settings: { clientQueryBufferLimit: MB } })
    peer.send(Buffer.concat([Buffer.from('*2\r\n$3\r\nGET\r\n$20000000\r\n'), Buffer.alloc(2 * MB)]))
    await until(() => running.server.clients.size === 0)
    expect(running.server.stats.queryBufferDisconnections).toBe(1)
  })
})

describe('a client that does not read', () => {
  const VALUE = 'x'.repeat(MB)

  /** Sends requests for `count` MB, and reads no reply. */
  async function flood(peer: Peer, count: number): Promise<void> {
    writeValue(running.groups[0], Buffer.from('big'), Buffer.from(VALUE), 0)
    peer.send('GET big\r\n'.repeat(count))
  }

  test('is served on, and gets every reply when it reads', async () => {
    const peer = await start()
    await flood(peer, 100)
    const [connection] = running.server.clients.values()
    await until(() => connection.outputBufferBytes > 50 * MB)
    const reply = `$${MB}\r\n${VALUE}\r\n`
    for (let i = 0; i < 100; i++) expect((await peer.receive(reply.length)) === reply).toBe(true)
    await until(() => connection.outputBufferBytes === 0)
  })

  test('is closed at the hard limit', async () => {
    const limits = { hard: 100_000, soft: 0, softTime: 0 }
    const peer = await start()
    running.settings.clientOutputBufferLimit = { ...running.settings.clientOutputBufferLimit, normal: limits }
    await flood(peer, 100)
    await until(() => running.server.clients.size === 0)
    expect(running.server.stats.outputBufferDisconnections).toBe(1)
    expect(running.log).toMatchObject([{ level: 'warn', message: 'closing a client that does not read' }])
  })

  test('is closed at the soft limit after its time', async () => {
    const peer = await start({
      settings: {
        clientOutputBufferLimit: {
          normal: { hard: 0, soft: 100_000, softTime: 5000 },
          replica: { hard: 0, soft: 0, softTime: 0 },
          pubsub: { hard: 0, soft: 0, softTime: 0 },
        },
      },
    })
    await flood(peer, 100)
    const [connection] = running.server.clients.values()
    await until(() => connection.outputBufferBytes > MB)
    running.clock.advance(5000)
    expect(running.server.stats.outputBufferDisconnections).toBe(0)
    running.clock.advance(2000)
    expect(running.server.stats.outputBufferDisconnections).toBe(1)
    await until(() => running.server.clients.size === 0)
  })

  test('is closed some time after QUIT', async () => {
    const peer = await start()
    await flood(peer, 3)
    peer.send('QUIT\r\n')
    const [connection] = running.server.clients.values()
    await until(() => connection.closing || connection.outputBufferBytes > MB)
    running.clock.advance(9_000)
    expect(running.server.clients.size).toBe(1)
    running.server.clients.get(connection.id)?.close(true)
    running.clock.advance(30_000)
    await until(() => running.server.clients.size === 0)
  })

  test('is closed some time after QUIT when it does not close its end', async () => {
    const peer = await start()
    peer.send('QUIT\r\n')
    expect(await peer.rest()).toBe('+OK\r\n')
    expect(running.server.clients.size).toBe(1)
    running.clock.advance(12_000)
    await until(() => running.server.clients.size === 0)
  })
})

test('a connection that is reset in the middle of a reply affects no other', async () => {
  const peer = await start()
  writeValue(running.groups[0], Buffer.from('big'), Buffer.alloc(8 * MB, 1), 0)
  peer.send('GET big\r\n'.repeat(10))
  await peer.receive(100_000)
  peer.socket.resetAndDestroy()
  await until(() => running.server.clients.size === 0)
  const other = await running.connect()
  await other.exchange('GET none\r\n', '$-1\r\n')
  expect(running.log).toEqual([])
})

test('the load of a connection that was reset completes, and its value is stored', async () => {
  let resolve: (value: string) => void = () => undefined
  const peer = await start({
    groups: {
      scores: {
        origin: () =>
          new Promise((settle) => {
            resolve = settle
          }),
      },
    },
  })
  peer.send('GET Tom\r\n')
  const [{ flights, store }] = running.groups
  await until(() => flights?.size === 1)
  peer.socket.resetAndDestroy()
  await until(() => running.server.clients.size === 0)
  resolve('630')
  await until(() => store.size === 1)
  const other = await running.connect()
  await other.exchange('GET Tom\r\n', '$3\r\n630\r\n')
})
