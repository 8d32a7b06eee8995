// Commands that close, pause, silence or monitor connections, inside pipelines.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import type { Argument } from '../support/resp.ts'
import { RespClient } from '../support/resp-client.ts'
import { AttackedServer, error, turn, until } from './attacked-server.ts'

let target: AttackedServer
let loads: { key: string; give: (value: OriginValue) => void }[] = []
beforeEach(async () => {
  loads = []
  const origin = (key: string): Promise<OriginValue> => new Promise((give) => loads.push({ key, give }))
  target = await AttackedServer.start({ groups: { loaded: { origin }, quick: { origin: (key) => key } } })
})
afterEach(() => target.close())

/** Resolves when the server has received what was sent and is idle. */
async function idle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
  await until(() => [...target.server.server.clients.values()].every(({ isDue }) => !isDue))
}

function sets(count: number): Argument[][] {
  return Array.from({ length: count }, (_, i) => ['SET', `k${i}`, i])
}

describe('CLIENT PAUSE', () => {
  test('in a pipeline queues the following commands of all clients, and runs them in order afterwards', async () => {
    const first = await target.connect()
    const second = await target.connect()
    const replies = first.pipeline(['SET', 'n', 1], ['CLIENT', 'PAUSE', 100], ['INCR', 'n'], ...sets(500), [
      'GET',
      'n',
    ])
    await until(() => first.pending === 0 && target.server.groups[0].store.size === 5)
    await idle()
    const others = second.pipeline(['INCR', 'n'], ['PING'], ['GET', 'n'])
    await idle()
    expect(target.server.groups[0].store.size).toBe(5)
    target.server.clock.advance(100)
    // The order of the two clients is unspecified.
    const [[, , mine, ...rest], [theirs, pong, seen]] = await Promise.all([replies, others])
    expect([mine, theirs].toSorted()).toEqual([2, 3])
    expect(rest.slice(0, -1)).toEqual(sets(500).map(() => 'OK'))
    expect([rest.at(-1), seen].every((n) => n === '2' || n === '3')).toBe(true)
    expect(pong).toBe('PONG')
    expect(await second.call('GET', 'n')).toBe('3')
    await target.expectIntact()
  })

  test('of writes runs reads up to the first write', async () => {
    const client = await target.connect()
    await client.call('SET', 'k', 1)
    expect(await target.observer.call('CLIENT', 'PAUSE', 100, 'WRITE')).toBe('OK')
    client.sendCommands(['GET', 'k'], ['SET', 'k', 2], ['GET', 'k'])
    expect(await client.next()).toBe('1')
    await idle()
    expect(client.pending).toBe(0)
    expect(await target.observer.call('CLIENT', 'UNPAUSE')).toBe('OK')
    expect(await client.take(2)).toEqual(['OK', '2'])
    await target.expectIntact()
  })

  test('outlasts a load that ends meanwhile', async () => {
    const client = await target.connect('loaded')
    const replies = client.pipeline(['GET', 'k'], ['PING'], ['INCR', 'k'], ['GET', 'k'])
    await until(() => loads.length === 1)
    await target.observer.call('CLIENT', 'PAUSE', 100, 'ALL')
    loads[0].give('5')
    expect(await client.take(0)).toEqual([])
    await idle()
    target.server.clock.advance(100)
    expect(await replies).toEqual(['5', 'PONG', 6, '6'])
    await target.expectIntact()
  })

  test('by a client that disconnects meanwhile affects no other client', async () => {
    const client = await target.connect()
    void client.pipeline(['CLIENT', 'PAUSE', 100_000], ...sets(100), ['MONITOR'])
    await idle()
    client.socket.resetAndDestroy()
    const other = await RespClient.connect(target.port)
    const reply = other.call('PING')
    await idle()
    target.server.server.unpause()
    expect(await reply).toBe('PONG')
    other.socket.destroy()
    await target.expectIntact()
  })

  test('ends when the node closes', async () => {
    const client = await target.connect()
    const reply = client.pipeline(['CLIENT', 'PAUSE', 100_000], ['PING'])
    await idle()
    await Promise.all([target.server.server.close(1000), reply])
    expect((await reply)[0]).toBe('OK')
  })
})

describe('CLIENT KILL', () => {
  test('of its own connection in a pipeline answers earlier commands, and runs no later ones', async () => {
    const client = await target.connect()
    const id = await client.call('CLIENT', 'ID')
    client.sendCommands(
      ['SET', 'a', 1],
      ['GET', 'a'],
      ['CLIENT', 'KILL', 'ID', id as number, 'SKIPME', 'no'],
      ['SET', 'a', 2],
      ...sets(200),
    )
    expect(await client.rest()).toEqual(['OK', '1', 1])
    expect(await target.observer.pipeline(['GET', 'a'], ['EXISTS', 'k0'])).toEqual(['1', 0])
    await target.expectIntact()
  })

  test('of its own connection waits for pending replies', async () => {
    const client = await target.connect('loaded')
    const address = [...target.server.server.clients.values()].at(-1)?.address ?? ''
    client.sendCommands(['GET', 'k'], ['PING'], ['CLIENT', 'KILL', address], ['GET', 'other'])
    await until(() => loads.length === 1)
    await idle()
    expect(client.isClosed).toBe(false)
    loads[0].give('1')
    expect(await client.rest()).toEqual(['1', 'PONG', 'OK'])
    expect(loads).toHaveLength(1)
    await target.expectIntact()
  })

  test('of another client in the middle of its pipeline, and of one with a pending load', async () => {
    const [killed, waiting] = [await target.connect(), await target.connect('loaded')]
    void waiting.pipeline(['GET', 'k'], ['SET', 'k', 'late'])
    await until(() => loads.length === 1)
    void killed.pipeline(...sets(1000))
    expect(await target.observer.call('CLIENT', 'KILL', 'TYPE', 'normal')).toBe(2)
    await Promise.all([killed.closed, waiting.closed])
    loads[0].give('1')
    await until(() => target.server.groups[1].store.size === 1)
    const reader = await target.connect('loaded')
    expect(await reader.call('GET', 'k')).toBe('1')
    await target.expectIntact()
  })
})

describe('QUIT, RESET and CLIENT REPLY', () => {
  test('QUIT waits for pending replies', async () => {
    const client = await target.connect('loaded')
    client.sendCommands(['GET', 'k'], ['QUIT'], ['SET', 'k', 1])
    await until(() => loads.length === 1)
    loads[0].give('v')
    expect(await client.rest()).toEqual(['v', 'OK'])
    await target.expectIntact()
  })

  test('RESET in a pipeline selects the first group for later commands only', async () => {
    const client = await target.connect('quick')
    expect(
      await client.pipeline(
        ['GET', 'k'],
        ['RESET'],
        ['GET', 'k'],
        ['CLIENT', 'GETNAME'],
        ['SELECT', 'quick'],
        ['GET', 'j'],
      ),
    ).toEqual(['k', 'RESET', null, null, 'OK', 'j'])
    await target.expectIntact()
  })

  test('CLIENT REPLY SKIP and OFF apply to commands with loads', async () => {
    const client = await target.connect('quick')
    const replies = client.pipeline(['GET', 'a'], ['GET', 'b'], ['PING'])
    expect(await replies).toEqual(['a', 'b', 'PONG'])
    client.sendCommands(
      ['CLIENT', 'REPLY', 'SKIP'],
      ['GET', 'skipped'],
      ['GET', 'answered'],
      ['CLIENT', 'REPLY', 'OFF'],
      ['GET', 'silent'],
      ['BOGUS'],
      ['GET'],
      ['INCR', 'not a number'],
      ['CLIENT', 'REPLY', 'ON'],
      ['GET', 'again'],
    )
    expect(await client.take(3)).toEqual(['answered', 'OK', 'again'])
    await target.expectIntact()
  })
})

describe('SHUTDOWN', () => {
  test('in a pipeline ends the node after the earlier commands', async () => {
    const client = await target.connect('quick')
    const replies = client.pipeline(['GET', 'a'], ['SHUTDOWN', 'BOGUS'], ['SHUTDOWN', 'NOSAVE'], ['GET', 'b'])
    await until(() => target.server.shutdowns.length === 1)
    const closed = target.server.server.close(1000)
    expect((await replies).slice(0, 2)).toMatchObject(['a', error('ERR syntax error')])
    await closed
    expect(await target.observer.call('PING')).toBeUndefined()
  })

  test('sends pending replies, and does not run the commands queued behind them', async () => {
    const client = await target.connect('loaded')
    client.sendCommands(['GET', 'k'], ['SET', 'k', 'late'])
    await until(() => loads.length === 1)
    const closed = target.server.server.close(1000)
    loads[0].give('v')
    expect(await client.rest()).toEqual(['v'])
    await closed
    expect(target.server.groups[1].store.size).toBe(1)
  })

  test('waits for an origin that hangs until the timeout', async () => {
    const client = await target.connect('loaded')
    void client.pipeline(['GET', 'k'])
    await until(() => loads.length === 1)
    const closed = target.server.server.close(1000)
    await turn()
    target.server.clock.advance(1000)
    await closed
    expect(await client.rest()).toEqual([])
  })
})

describe('MONITOR under load', () => {
  test('shows the commands of all clients in their order', async () => {
    const monitor = await target.connect()
    expect(await monitor.call('MONITOR')).toBe('OK')
    const clients = await Promise.all(Array.from({ length: 10 }, () => target.connect()))
    const replies = await Promise.all(
      clients.map((client) => client.pipeline(...new Array(200).fill(['INCR', 'n']))),
    )
    expect(replies.flat().toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 2000 }, (_, i) => i + 1),
    )
    const lines = await monitor.take(2000)
    expect(lines.every((line) => /^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "INCR" "n"$/.test(String(line)))).toBe(
      true,
    )
    // Its own commands are among the lines, and its replies are in order.
    const own = await monitor.pipeline(['PING'], ['GET', 'n'], ['RESET'])
    const mine = [...own, ...(await monitor.take(6 - own.length - 1))].map(String)
    expect(mine.filter((line) => !line.includes('['))).toEqual(['PONG', '2000', 'RESET'])
    await target.expectIntact()
  })

  test('shows each command on one line, escaped, without passwords', async () => {
    const monitor = await target.connect()
    await monitor.call('MONITOR')
    const client = await target.connect()
    await client.pipeline(
      ['SELECT', 'quick'],
      ['GET', 'a\r\n"\\'],
      ['MGET', '\0', '\xff'],
      ['AUTH', 'secret'],
    )
    const lines = (await monitor.take(4)).map((line) => String(line).replace(/^.*\] /, ''))
    expect(lines).toEqual([
      '"SELECT" "quick"',
      '"GET" "a\\r\\n\\"\\\\"',
      '"MGET" "\\x00" "\\xff"',
      '"AUTH" "(redacted)"',
    ])
    await target.expectIntact()
  })

  test('keeps the order of its own replies around a pending load', async () => {
    const monitor = await target.connect('loaded')
    monitor.sendCommands(['MONITOR'], ['GET', 'k'], ['PING'])
    await until(() => loads.length === 1)
    await target.observer.call('ECHO', 'meanwhile')
    loads[0].give('v')
    const received = (await monitor.take(6)).map((line) => String(line).replace(/^.*\] /, ''))
    expect(received).toEqual([
      'OK',
      expect.stringMatching(/^(v|"GET" "k")$/),
      expect.any(String),
      expect.any(String),
      expect.any(String),
      '"ECHO" "meanwhile"',
    ])
    expect(received.indexOf('v')).toBeLessThan(received.indexOf('PONG'))
    await target.expectIntact()
  })

  test('by many clients that connect and disconnect', async () => {
    const client = await target.connect()
    for (let round = 0; round < 5; round++) {
      const monitors = await Promise.all(Array.from({ length: 10 }, () => target.connect()))
      await Promise.all(monitors.map((monitor) => monitor.call('MONITOR')))
      const replies = client.pipeline(...sets(100))
      for (const [i, monitor] of monitors.entries()) {
        if (i % 3 === 0) monitor.socket.resetAndDestroy()
        else if (i % 3 === 1) monitor.sendCommands(['RESET'])
        else monitor.sendCommands(['QUIT'])
      }
      expect(await replies).toEqual(sets(100).map(() => 'OK'))
      await until(() => target.server.server.monitors === 0)
    }
    await target.expectIntact()
  })
})
