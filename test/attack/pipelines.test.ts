// Commands that stop, hold, silence or watch connections, in the midst of pipelines.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import type { Argument } from '../support/harness.ts'
import { error, Fortress, turn, until } from './fortress.ts'
import { Talker } from './talker.ts'

let fortress: Fortress
let loads: { key: string; give: (value: OriginValue) => void }[] = []
beforeEach(async () => {
  loads = []
  const origin = (key: string): Promise<OriginValue> => new Promise((give) => loads.push({ key, give }))
  fortress = await Fortress.build({ groups: { loaded: { origin }, quick: { origin: (key) => key } } })
})
afterEach(() => fortress.tearDown())

/** Resolves when the server has taken what was sent, and does no more about it. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
  await until(() => [...fortress.server.server.clients.values()].every(({ isDue }) => !isDue))
}

function sets(count: number): Argument[][] {
  return Array.from({ length: count }, (_, i) => ['SET', `k${i}`, i])
}

describe('CLIENT PAUSE', () => {
  test('in a pipeline holds what follows, of everyone, and lets it go in order', async () => {
    const first = await fortress.connect()
    const second = await fortress.connect()
    const replies = first.pipeline(['SET', 'n', 1], ['CLIENT', 'PAUSE', 100], ['INCR', 'n'], ...sets(500), [
      'GET',
      'n',
    ])
    await until(() => first.pending === 0 && fortress.server.groups[0].store.size === 5)
    await quiet()
    const others = second.pipeline(['INCR', 'n'], ['PING'], ['GET', 'n'])
    await quiet()
    expect(fortress.server.groups[0].store.size).toBe(5)
    fortress.server.clock.advance(100)
    // Which of the two goes on first is not told.
    const [[, , mine, ...rest], [theirs, pong, seen]] = await Promise.all([replies, others])
    expect([mine, theirs].toSorted()).toEqual([2, 3])
    expect(rest.slice(0, -1)).toEqual(sets(500).map(() => 'OK'))
    expect([rest.at(-1), seen].every((n) => n === '2' || n === '3')).toBe(true)
    expect(pong).toBe('PONG')
    expect(await second.call('GET', 'n')).toBe('3')
    await fortress.expectUnharmed()
  })

  test('of writes lets reads pass up to the first write', async () => {
    const talker = await fortress.connect()
    await talker.call('SET', 'k', 1)
    expect(await fortress.guard.call('CLIENT', 'PAUSE', 100, 'WRITE')).toBe('OK')
    talker.say(['GET', 'k'], ['SET', 'k', 2], ['GET', 'k'])
    expect(await talker.next()).toBe('1')
    await quiet()
    expect(talker.pending).toBe(0)
    expect(await fortress.guard.call('CLIENT', 'UNPAUSE')).toBe('OK')
    expect(await talker.take(2)).toEqual(['OK', '2'])
    await fortress.expectUnharmed()
  })

  test('with a load that ends meanwhile', async () => {
    const talker = await fortress.connect('loaded')
    const replies = talker.pipeline(['GET', 'k'], ['PING'], ['INCR', 'k'], ['GET', 'k'])
    await until(() => loads.length === 1)
    await fortress.guard.call('CLIENT', 'PAUSE', 100, 'ALL')
    loads[0].give('5')
    expect(await talker.take(0)).toEqual([])
    await quiet()
    fortress.server.clock.advance(100)
    expect(await replies).toEqual(['5', 'PONG', 6, '6'])
    await fortress.expectUnharmed()
  })

  test('of a client that leaves meanwhile loses nobody else', async () => {
    const talker = await fortress.connect()
    void talker.pipeline(['CLIENT', 'PAUSE', 100_000], ...sets(100), ['MONITOR'])
    await quiet()
    talker.socket.resetAndDestroy()
    const other = await Talker.connect(fortress.port)
    const reply = other.call('PING')
    await quiet()
    fortress.server.server.unpause()
    expect(await reply).toBe('PONG')
    other.socket.destroy()
    await fortress.expectUnharmed()
  })

  test('ends with the node', async () => {
    const talker = await fortress.connect()
    const reply = talker.pipeline(['CLIENT', 'PAUSE', 100_000], ['PING'])
    await quiet()
    await Promise.all([fortress.server.server.close(1000), reply])
    expect((await reply)[0]).toBe('OK')
  })
})

describe('CLIENT KILL', () => {
  test('of oneself in a pipeline answers what came before, and runs nothing after it', async () => {
    const talker = await fortress.connect()
    const id = await talker.call('CLIENT', 'ID')
    talker.say(
      ['SET', 'a', 1],
      ['GET', 'a'],
      ['CLIENT', 'KILL', 'ID', id as number, 'SKIPME', 'no'],
      ['SET', 'a', 2],
      ...sets(200),
    )
    expect(await talker.rest()).toEqual(['OK', '1', 1])
    expect(await fortress.guard.pipeline(['GET', 'a'], ['EXISTS', 'k0'])).toEqual(['1', 0])
    await fortress.expectUnharmed()
  })

  test('of oneself waits for replies that are loaded', async () => {
    const talker = await fortress.connect('loaded')
    const address = [...fortress.server.server.clients.values()].at(-1)?.address ?? ''
    talker.say(['GET', 'k'], ['PING'], ['CLIENT', 'KILL', address], ['GET', 'other'])
    await until(() => loads.length === 1)
    await quiet()
    expect(talker.isClosed).toBe(false)
    loads[0].give('1')
    expect(await talker.rest()).toEqual(['1', 'PONG', 'OK'])
    expect(loads).toHaveLength(1)
    await fortress.expectUnharmed()
  })

  test('of another in the middle of its pipeline, and of one that waits for a load', async () => {
    const [killed, waiting] = [await fortress.connect(), await fortress.connect('loaded')]
    void waiting.pipeline(['GET', 'k'], ['SET', 'k', 'late'])
    await until(() => loads.length === 1)
    void killed.pipeline(...sets(1000))
    expect(await fortress.guard.call('CLIENT', 'KILL', 'TYPE', 'normal')).toBe(2)
    await Promise.all([killed.closed, waiting.closed])
    loads[0].give('1')
    await until(() => fortress.server.groups[1].store.size === 1)
    const reader = await fortress.connect('loaded')
    expect(await reader.call('GET', 'k')).toBe('1')
    await fortress.expectUnharmed()
  })
})

describe('QUIT, RESET and CLIENT REPLY', () => {
  test('QUIT waits for replies that are loaded', async () => {
    const talker = await fortress.connect('loaded')
    talker.say(['GET', 'k'], ['QUIT'], ['SET', 'k', 1])
    await until(() => loads.length === 1)
    loads[0].give('v')
    expect(await talker.rest()).toEqual(['v', 'OK'])
    await fortress.expectUnharmed()
  })

  test('RESET in a pipeline leaves the group, the replies before it stay in theirs', async () => {
    const talker = await fortress.connect('quick')
    expect(
      await talker.pipeline(
        ['GET', 'k'],
        ['RESET'],
        ['GET', 'k'],
        ['CLIENT', 'GETNAME'],
        ['SELECT', 'quick'],
        ['GET', 'j'],
      ),
    ).toEqual(['k', 'RESET', null, null, 'OK', 'j'])
    await fortress.expectUnharmed()
  })

  test('silence is kept around loads, and ends where it is told to', async () => {
    const talker = await fortress.connect('quick')
    const replies = talker.pipeline(['GET', 'a'], ['GET', 'b'], ['PING'])
    expect(await replies).toEqual(['a', 'b', 'PONG'])
    talker.say(
      ['CLIENT', 'REPLY', 'SKIP'],
      ['GET', 'skipped'],
      ['GET', 'told'],
      ['CLIENT', 'REPLY', 'OFF'],
      ['GET', 'silent'],
      ['BOGUS'],
      ['GET'],
      ['INCR', 'not a number'],
      ['CLIENT', 'REPLY', 'ON'],
      ['GET', 'again'],
    )
    expect(await talker.take(3)).toEqual(['told', 'OK', 'again'])
    await fortress.expectUnharmed()
  })
})

describe('SHUTDOWN', () => {
  test('in a pipeline is told to the node once what came before has run', async () => {
    const talker = await fortress.connect('quick')
    const replies = talker.pipeline(['GET', 'a'], ['SHUTDOWN', 'BOGUS'], ['SHUTDOWN', 'NOSAVE'], ['GET', 'b'])
    await until(() => fortress.server.shutdowns.length === 1)
    const closed = fortress.server.server.close(1000)
    expect((await replies).slice(0, 2)).toMatchObject(['a', error('ERR syntax error')])
    await closed
    expect(await fortress.guard.call('PING')).toBeUndefined()
  })

  test('lets replies leave that are loaded, and runs nothing that waits behind them', async () => {
    const talker = await fortress.connect('loaded')
    talker.say(['GET', 'k'], ['SET', 'k', 'late'])
    await until(() => loads.length === 1)
    const closed = fortress.server.server.close(1000)
    loads[0].give('v')
    expect(await talker.rest()).toEqual(['v'])
    await closed
    expect(fortress.server.groups[1].store.size).toBe(1)
  })

  test('does not wait for ever for an origin that hangs', async () => {
    const talker = await fortress.connect('loaded')
    void talker.pipeline(['GET', 'k'])
    await until(() => loads.length === 1)
    const closed = fortress.server.server.close(1000)
    await turn()
    fortress.server.clock.advance(1000)
    await closed
    expect(await talker.rest()).toEqual([])
  })
})

describe('MONITOR under load', () => {
  test('shows what everyone does in the order in which it was done, and is no part of it', async () => {
    const watcher = await fortress.connect()
    expect(await watcher.call('MONITOR')).toBe('OK')
    const talkers = await Promise.all(Array.from({ length: 10 }, () => fortress.connect()))
    const replies = await Promise.all(
      talkers.map((talker) => talker.pipeline(...new Array(200).fill(['INCR', 'n']))),
    )
    expect(replies.flat().toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 2000 }, (_, i) => i + 1),
    )
    const lines = await watcher.take(2000)
    expect(lines.every((line) => /^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "INCR" "n"$/.test(String(line)))).toBe(
      true,
    )
    // Its own commands are among the lines, its replies in their places.
    const own = await watcher.pipeline(['PING'], ['GET', 'n'], ['RESET'])
    const mine = [...own, ...(await watcher.take(6 - own.length - 1))].map(String)
    expect(mine.filter((line) => !line.includes('['))).toEqual(['PONG', '2000', 'RESET'])
    await fortress.expectUnharmed()
  })

  test('shows loads as they are asked for, and what everyone says, in one line', async () => {
    const watcher = await fortress.connect()
    await watcher.call('MONITOR')
    const talker = await fortress.connect()
    await talker.pipeline(
      ['SELECT', 'quick'],
      ['GET', 'a\r\n"\\'],
      ['MGET', '\0', '\xff'],
      ['AUTH', 'secret'],
    )
    const lines = (await watcher.take(4)).map((line) => String(line).replace(/^.*\] /, ''))
    expect(lines).toEqual([
      '"SELECT" "quick"',
      '"GET" "a\\r\\n\\"\\\\"',
      '"MGET" "\\x00" "\\xff"',
      '"AUTH" "(redacted)"',
    ])
    await fortress.expectUnharmed()
  })

  test('while it waits for a load of its own keeps the order of its replies', async () => {
    const watcher = await fortress.connect('loaded')
    watcher.say(['MONITOR'], ['GET', 'k'], ['PING'])
    await until(() => loads.length === 1)
    await fortress.guard.call('ECHO', 'meanwhile')
    loads[0].give('v')
    const received = (await watcher.take(6)).map((line) => String(line).replace(/^.*\] /, ''))
    expect(received).toEqual([
      'OK',
      expect.stringMatching(/^(v|"GET" "k")$/),
      expect.any(String),
      expect.any(String),
      expect.any(String),
      '"ECHO" "meanwhile"',
    ])
    expect(received.indexOf('v')).toBeLessThan(received.indexOf('PONG'))
    await fortress.expectUnharmed()
  })

  test('of many watchers that come and go', async () => {
    const talker = await fortress.connect()
    for (let round = 0; round < 5; round++) {
      const watchers = await Promise.all(Array.from({ length: 10 }, () => fortress.connect()))
      await Promise.all(watchers.map((watcher) => watcher.call('MONITOR')))
      const replies = talker.pipeline(...sets(100))
      for (const [i, watcher] of watchers.entries()) {
        if (i % 3 === 0) watcher.socket.resetAndDestroy()
        else if (i % 3 === 1) watcher.say(['RESET'])
        else watcher.say(['QUIT'])
      }
      expect(await replies).toEqual(sets(100).map(() => 'OK'))
      await until(() => fortress.server.server.monitors === 0)
    }
    await fortress.expectUnharmed()
  })
})
