// The server over real sockets: client limits, passwords, CLIENT PAUSE, MONITOR, periodic work, shutdown.

import { afterEach, describe, expect, test } from 'vitest'
import { writeValue } from '../../src/group/calls.ts'
import { type Peer, TestServer, type TestServerOptions } from '../support/server.ts'

let running: TestServer
afterEach(() => running?.stop())

async function start(options?: TestServerOptions): Promise<Peer> {
  running = await TestServer.start(options)
  return running.connect()
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('new connections', () => {
  test('are refused beyond maxclients', async () => {
    const peer = await start({ settings: { maxclients: 2 } })
    const second = await running.connect()
    await second.exchange('PING\r\n', '+PONG\r\n')
    const third = await running.connect()
    expect(await third.rest()).toBe('-ERR max number of clients reached\r\n')
    expect(running.server.stats).toMatchObject({ connections: 2, rejectedConnections: 1 })
    second.send('QUIT\r\n')
    await second.rest()
    second.socket.end()
    await until(() => running.server.clients.size === 1)
    const fourth = await running.connect()
    await fourth.exchange('PING\r\n', '+PONG\r\n')
    await peer.exchange('CONFIG SET maxclients 1\r\n', '+OK\r\n')
    const fifth = await running.connect()
    expect(await fifth.rest()).toBe('-ERR max number of clients reached\r\n')
  })

  test('need the current password', async () => {
    const peer = await start()
    await peer.exchange('CONFIG SET requirepass secret\r\n', '+OK\r\n')
    await peer.exchange('PING\r\n', '+PONG\r\n')
    const other = await running.connect()
    await other.exchange('PING\r\n', '-NOAUTH Authentication required.\r\n')
    await other.exchange('AUTH secret\r\nPING\r\n', '+OK\r\n+PONG\r\n')
    const third = await running.connect()
    await third.exchange('PING\r\n', '-NOAUTH Authentication required.\r\n')
    await peer.exchange('CONFIG SET requirepass ""\r\n', '+OK\r\n')
    await third.exchange('PING\r\n', '+PONG\r\n')
  })
})

describe('idle clients', () => {
  test('are closed after the timeout, but not those with a pending command or MONITOR', async () => {
    const peer = await start({
      settings: { timeout: 5000 },
      groups: { scores: { origin: () => new Promise(() => undefined) } },
    })
    await peer.exchange('PING\r\n', '+PONG\r\n')
    const waiting = await running.connect()
    waiting.send('GET Tom\r\n')
    await until(() => running.groups[0].flights?.size === 1)
    const monitor = await running.connect()
    await monitor.exchange('MONITOR\r\n', '+OK\r\n')
    running.clock.advance(5000)
    expect(running.server.clients.size).toBe(3)
    running.clock.advance(1000)
    expect(await peer.rest()).toBe('')
    await until(() => running.server.clients.size === 2)
  })
})

/** The bulk string that a request is answered. */
async function askBulk(peer: Peer, request: string): Promise<string> {
  peer.send(`${request}\r\n`)
  let header = ''
  while (!header.endsWith('\r\n')) header += await peer.receive(1)
  return (await peer.receive(Number.parseInt(header.slice(1), 10) + 2)).slice(0, -2)
}

describe('CLIENT PAUSE', () => {
  test('queues all commands until its end', async () => {
    const peer = await start()
    const other = await running.connect()
    await peer.exchange('CLIENT PAUSE 100 ALL\r\n', '+OK\r\n')
    other.send('SET a 1\r\nGET a\r\n')
    peer.send('PING\r\n')
    await until(() => [...running.server.clients.values()].every(({ isDue }) => !isDue))
    running.clock.advance(99)
    expect(running.groups[0].store.size).toBe(0)
    running.clock.advance(1)
    expect(await other.receive(12)).toBe('+OK\r\n$1\r\n1\r\n')
    expect(await peer.receive(7)).toBe('+PONG\r\n')
  })

  test('WRITE runs reads, keeps the order, and ends with UNPAUSE', async () => {
    const peer = await start()
    const other = await running.connect()
    await peer.exchange('SET a 1\r\nCLIENT PAUSE 100000 WRITE\r\n', '+OK\r\n+OK\r\n')
    other.send('GET a\r\nSET a 2\r\nGET a\r\nDEL a\r\nPING\r\n')
    expect(await other.receive(7)).toBe('$1\r\n1\r\n')
    // It counts as blocked meanwhile, as in Redis.
    expect(await askBulk(peer, 'INFO clients')).toContain('\r\nblocked_clients:1\r\n')
    const list = await askBulk(peer, 'CLIENT LIST')
    expect(list.match(/(?<= flags=)\w+/g)?.sort()).toEqual(['N', 'b'])
    await peer.exchange('GET a\r\nCLIENT UNPAUSE\r\n', '$1\r\n1\r\n+OK\r\n')
    expect(await other.receive(23)).toBe('+OK\r\n$1\r\n2\r\n:1\r\n+PONG\r\n')
    expect(await askBulk(peer, 'INFO clients')).toContain('\r\nblocked_clients:0\r\n')
  })

  test('is not shortened or weakened by a second one', async () => {
    const peer = await start()
    await peer.exchange('CLIENT PAUSE 100 ALL\r\n', '+OK\r\n')
    running.server.pause(running.clock.now() + 50, false)
    peer.send('PING\r\n')
    await until(() => [...running.server.clients.values()].every(({ isDue }) => !isDue))
    running.clock.advance(60)
    await new Promise((resolve) => setImmediate(resolve))
    running.clock.advance(39)
    peer.socket.end()
    await new Promise((resolve) => setImmediate(resolve))
    running.clock.advance(1)
    expect(await peer.rest()).toBe('+PONG\r\n')
  })

  test('stops active expiry, but expired keys are not read', async () => {
    const peer = await start()
    await peer.exchange('SET a 1 PX 10\r\nCLIENT PAUSE 1000 WRITE\r\n', '+OK\r\n+OK\r\n')
    running.clock.advance(500)
    expect(running.groups[0].store.size).toBe(1)
    await peer.exchange('GET a\r\n', '$-1\r\n')
  })
})

describe('MONITOR', () => {
  test('shows the commands of all clients in order, including its own', async () => {
    const peer = await start()
    const monitor = await running.connect()
    await monitor.exchange('MONITOR\r\n', '+OK\r\n')
    const address = [...running.server.clients.values()][0].address
    await peer.exchange('SET a 1\r\nGET a\r\n', '+OK\r\n$1\r\n1\r\n')
    const line = (text: string, from = address): string => `+1704067200.000000 [0 ${from}] ${text}\r\n`
    const wanted = line('"SET" "a" "1"') + line('"GET" "a"')
    expect(await monitor.receive(wanted.length)).toBe(wanted)
    const own = [...running.server.clients.values()][1].address
    await monitor.exchange('PING\r\n', `+PONG\r\n${line('"PING"', own)}`)
    await monitor.exchange('RESET\r\n', '+RESET\r\n')
    await peer.exchange('GET a\r\n', '$1\r\n1\r\n')
    await monitor.exchange('PING\r\n', '+PONG\r\n')
    expect(running.server.monitors).toBe(0)
  })

  test('does not delay other clients when it is not read, and is closed at the limit of pushes', async () => {
    const peer = await start()
    const monitor = await running.connect()
    await monitor.exchange('MONITOR\r\n', '+OK\r\n')
    monitor.socket.pause()
    const value = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 100 && running.server.monitors > 0; i++)
      await peer.exchange(
        `ECHO ${'y'}\r\n*2\r\n$4\r\nPING\r\n$${value.length}\r\n${value}\r\n`,
        `$1\r\ny\r\n$${value.length}\r\n${value}\r\n`,
      )
    await until(() => running.server.clients.size === 1)
    expect(running.server.monitors).toBe(0)
    expect(running.server.stats.outputBufferDisconnections).toBe(1)
  })
})

describe('periodic work', () => {
  test('reclaims expired keys that are not accessed', async () => {
    const peer = await start()
    for (let i = 0; i < 100; i++)
      await peer.exchange(`SET key:${i} 1 PX ${i < 50 ? 100 : 100_000}\r\n`, '+OK\r\n')
    const { store } = running.groups[0]
    running.clock.advance(100)
    expect(store.size).toBe(100)
    running.clock.advance(100)
    expect([store.size, store.expired]).toEqual([50, 50])
  })

  test('reclaims no entry after DEBUG SET-ACTIVE-EXPIRE 0', async () => {
    const peer = await start()
    await peer.exchange('SET a 1 PX 10\r\nDEBUG SET-ACTIVE-EXPIRE 0\r\n', '+OK\r\n+OK\r\n')
    running.clock.advance(10_000)
    expect(running.groups[0].store.size).toBe(1)
    await peer.exchange('DEBUG SET-ACTIVE-EXPIRE 1\r\n', '+OK\r\n')
    running.clock.advance(1000)
    expect(running.groups[0].store.size).toBe(0)
  })

  test('samples operations and bytes per second', async () => {
    const peer = await start()
    for (let tick = 0; tick < 32; tick++) {
      await peer.exchange('PING\r\nPING\r\n', '+PONG\r\n+PONG\r\n')
      running.clock.advance(100)
    }
    expect(running.server.stats).toMatchObject({
      opsPerSecond: 20,
      inputBytesPerSecond: 120,
      outputBytesPerSecond: 140,
    })
    running.clock.advance(5000)
    expect(running.server.stats.opsPerSecond).toBe(0)
  })

  test('runs hz times a second', async () => {
    const peer = await start()
    await peer.exchange('CONFIG SET hz 1\r\nSET a 1 PX 10\r\n', '+OK\r\n+OK\r\n')
    running.clock.advance(100)
    await peer.exchange('SET b 1 PX 10\r\n', '+OK\r\n')
    running.clock.advance(900)
    expect(running.groups[0].store.size).toBe(1)
    running.clock.advance(100)
    expect(running.groups[0].store.size).toBe(0)
  })
})

describe('shutdown', () => {
  test('closes idle connections at once', async () => {
    const peer = await start()
    await peer.exchange('PING\r\n', '+PONG\r\n')
    await running.server.close()
    expect(await peer.rest()).toBe('')
    expect(running.server.clients.size).toBe(0)
    await expect(running.connect()).rejects.toThrow('ECONNREFUSED')
  })

  test('sends pending replies first', async () => {
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
    await until(() => running.groups[0].flights?.size === 1)
    const closed = running.server.close()
    peer.send('GET Jack\r\n')
    resolve('630')
    expect(await peer.rest()).toBe('$3\r\n630\r\n')
    await closed
  })

  test('sends a large reply whole', async () => {
    const peer = await start()
    const value = Buffer.alloc(16 * 1024 * 1024, 0x78)
    writeValue(running.groups[0], Buffer.from('big'), value, 0)
    peer.send('GET big\r\n')
    const [connection] = running.server.clients.values()
    await until(() => connection.outputBufferBytes > 0)
    const closed = running.server.close()
    expect((await peer.rest()).length).toBe(value.length + 13)
    await closed
  })

  test('cuts off pending replies at the timeout', async () => {
    const peer = await start({
      settings: { shutdownTimeout: 3000 },
      groups: { scores: { origin: () => new Promise(() => undefined) } },
    })
    peer.send('GET Tom\r\n')
    await until(() => running.groups[0].flights?.size === 1)
    const closed = running.server.close()
    running.clock.advance(2999)
    expect(running.server.clients.size).toBe(1)
    running.clock.advance(1)
    await closed
    expect(running.server.clients.size).toBe(0)
  })

  test('is started by SHUTDOWN', async () => {
    const peer = await start()
    peer.send('SHUTDOWN NOSAVE NOW\r\n')
    await until(() => running.shutdowns.length === 1)
    expect(running.shutdowns).toEqual([true])
    expect(running.log).toMatchObject([{ level: 'warn' }])
  })
})

test('a handler that throws answers an error, is logged, and leaves the connection open', async () => {
  const peer = await start()
  const { store } = running.groups[0]
  Object.defineProperty(store, 'size', {
    get: () => {
      throw new Error('broken')
    },
  })
  await peer.exchange('PING\r\nDBSIZE\r\nPING\r\n', '+PONG\r\n-ERR internal error\r\n+PONG\r\n')
  expect(running.log).toMatchObject([
    {
      level: 'error',
      message: 'a command failed',
      fields: { command: 'dbsize', err: { message: 'broken' } },
    },
  ])
})

test('CLIENT KILL closes others at once and its own connection after the reply', async () => {
  const peer = await start()
  const other = await running.connect()
  await other.exchange('PING\r\n', '+PONG\r\n')
  await peer.exchange('CLIENT KILL TYPE normal\r\n', ':1\r\n')
  expect(await other.rest()).toBe('')
  peer.send('CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n')
  expect(await peer.rest()).toBe(':1\r\n')
})

test('eviction to a smaller budget that takes long is a latency event', async () => {
  const peer = await start({ settings: { latencyMonitorThreshold: 5 } })
  const { store } = running.groups[0]
  Object.defineProperty(store, 'maxBytes', {
    get: () => 1,
    set: () => running.clock.set(running.clock.now() + 7),
  })
  await peer.exchange('CONFIG SET maxmemory:cache 64kb\r\n', '+OK\r\n')
  expect(running.server.telemetry.events.series.get('eviction-cycle')?.max).toBe(7)
  expect(running.server.telemetry.events.series.get('command')?.max).toBe(7)
})
