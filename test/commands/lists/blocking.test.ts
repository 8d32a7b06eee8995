// Blocking commands on lists: who waits, who is served in which order, and what ends the wait.

import { expect, test } from 'vitest'
import { Harness, type HarnessClient } from '../../support/harness.ts'
import type { Argument, RedisReply } from '../../support/resp.ts'

/** The reply to a command once there is one; until then 'waits'. */
function pending(client: HarnessClient, ...command: string[]): { reply: string } {
  const state = { reply: 'waits' }
  void client.raw(...command).then((reply) => {
    state.reply = reply
  })
  return state
}

/** The reply to a command, once clients that wait have their replies, too. */
async function call(client: Pick<HarnessClient, 'call'>, ...command: Argument[]): Promise<RedisReply> {
  const reply = await client.call(...command)
  await new Promise((resolve) => setImmediate(resolve))
  return reply
}

const NIL = '*-1\r\n'

test('clients are served in the order in which they came, one element each', async () => {
  const harness = new Harness()
  const [a, b, c] = [harness.connect(), harness.connect(), harness.connect()]
  const waits = [
    pending(a, 'BLPOP', 'x', 'k', '0'),
    pending(b, 'BRPOP', 'k', '0'),
    pending(c, 'BLPOP', 'k', '0'),
  ]
  await harness.settle()
  expect(waits.map(({ reply }) => reply)).toEqual(['waits', 'waits', 'waits'])
  expect(await call(harness, 'RPUSH', 'k', '1', '2', '3', '4')).toBe(4)
  await harness.settle()
  expect(waits.map(({ reply }) => reply)).toEqual([
    '*2\r\n$1\r\nk\r\n$1\r\n1\r\n',
    '*2\r\n$1\r\nk\r\n$1\r\n4\r\n',
    '*2\r\n$1\r\nk\r\n$1\r\n2\r\n',
  ])
  expect(await call(harness, 'LRANGE', 'k', '0', '-1')).toEqual(['3'])
})

test('a client is served before the next command of the client that has pushed', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'BLPOP', 'k', '0')
  const [pushed, popped] = await Promise.all([harness.call('LPUSH', 'k', '1'), harness.call('LPOP', 'k')])
  expect([pushed, popped]).toEqual([1, null])
  expect(wait.reply).toBe('*2\r\n$1\r\nk\r\n$1\r\n1\r\n')
})

test('the wait ends with its time, which is in seconds', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'BLPOP', 'k', '0.25')
  const move = pending(harness.connect(), 'BLMOVE', 'k', 'l', 'LEFT', 'LEFT', '0.2501')
  harness.clock.advance(249)
  await harness.settle()
  expect(wait.reply).toBe('waits')
  harness.clock.advance(1)
  await harness.settle()
  expect([wait.reply, move.reply]).toEqual([NIL, 'waits'])
  harness.clock.advance(1)
  await harness.settle()
  expect(move.reply).toBe(NIL)
  expect(await call(harness, 'RPUSH', 'k', '1')).toBe(1)
  expect(await call(harness, 'LLEN', 'k')).toBe(1)
})

test.each([
  ['-1', 'timeout is negative'],
  ['-0.001', 'timeout is negative'],
  ['x', 'timeout is not a float or out of range'],
  ['', 'timeout is not a float or out of range'],
  ['nan', 'timeout is not a float or out of range'],
  ['1e30', 'timeout is out of range'],
  ['inf', 'timeout is out of range'],
  ['-inf', 'timeout is negative'],
  // The end of the time would be no int64.
  ['9223372036854775', 'timeout is out of range'],
])('the timeout %j is refused', async (timeout, error) => {
  const harness = new Harness()
  for (const command of [
    ['BLPOP', 'k', timeout],
    ['BLMPOP', timeout, '1', 'k', 'LEFT'],
    ['BLMOVE', 'k', 'l', 'LEFT', 'RIGHT', timeout],
    ['BRPOPLPUSH', 'k', 'l', timeout],
  ])
    expect(await harness.raw(...command)).toBe(`-ERR ${error}\r\n`)
})

test.each(['0', '-0', '-0.0005', '9000000000000000'])('the timeout %j does not end', async (timeout) => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'BLPOP', 'k', timeout)
  harness.clock.advance(2 ** 40)
  await harness.settle()
  expect(wait.reply).toBe('waits')
})

test('later commands of the client wait', async () => {
  const harness = new Harness()
  const client = harness.connect()
  const wait = pending(client, 'BLPOP', 'k', '0')
  const ping = pending(client, 'PING')
  await harness.settle()
  expect([wait.reply, ping.reply]).toEqual(['waits', 'waits'])
  await call(harness, 'LPUSH', 'k', '1')
  await harness.settle()
  expect(ping.reply).toBe('+PONG\r\n')
})

test('CLIENT UNBLOCK ends the wait as if its time were over, or with an error', async () => {
  const harness = new Harness()
  const [a, b] = [harness.connect(), harness.connect()]
  const waits = [pending(a, 'BLPOP', 'k', '0'), pending(b, 'BLMPOP', '0', '1', 'k', 'LEFT')]
  expect(await call(harness, 'CLIENT', 'LIST')).toMatch(/flags=b.*cmd=blpop/)
  expect(await call(harness, 'INFO', 'clients')).toMatch(/blocked_clients:2\r/)
  expect(await call(harness, 'CLIENT', 'UNBLOCK', a.id)).toBe(1)
  expect(await call(harness, 'CLIENT', 'UNBLOCK', b.id, 'ERROR')).toBe(1)
  expect(await call(harness, 'CLIENT', 'UNBLOCK', b.id)).toBe(0)
  expect(await call(harness, 'CLIENT', 'UNBLOCK', '12345')).toBe(0)
  expect(waits.map(({ reply }) => reply)).toEqual([NIL, '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'])
})

test('serving one client may make a key ready for another', async () => {
  const harness = new Harness()
  const moves = [
    pending(harness.connect(), 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0'),
    pending(harness.connect(), 'BRPOPLPUSH', 'b', 'c', '0'),
  ]
  const pop = pending(harness.connect(), 'BLPOP', 'c', '0')
  await call(harness, 'RPUSH', 'a', 'x')
  expect([...moves, pop].map(({ reply }) => reply)).toEqual([
    '$1\r\nx\r\n',
    '$1\r\nx\r\n',
    '*2\r\n$1\r\nc\r\n$1\r\nx\r\n',
  ])
  expect(await call(harness, 'EXISTS', 'a', 'b', 'c')).toBe(0)
})

test('a BLMOVE onto its own list is not served again', async () => {
  const harness = new Harness()
  const move = pending(harness.connect(), 'BLMOVE', 'a', 'a', 'LEFT', 'RIGHT', '0')
  await call(harness, 'RPUSH', 'a', 'x', 'y')
  expect(move.reply).toBe('$1\r\nx\r\n')
  expect(await call(harness, 'LRANGE', 'a', '0', '-1')).toEqual(['y', 'x'])
})

test('a key of another type unblocks no client; a wrong type at the destination is an error, and nothing moves', async () => {
  const harness = new Harness()
  const pop = pending(harness.connect(), 'BLPOP', 'k', '0')
  const move = pending(harness.connect(), 'BLMOVE', 'm', 'k', 'LEFT', 'LEFT', '0')
  await call(harness, 'SET', 'k', 'text')
  expect(pop.reply).toBe('waits')
  await call(harness, 'RPUSH', 'm', 'x')
  expect(move.reply).toMatch(/^-WRONGTYPE /)
  expect(await call(harness, 'LLEN', 'm')).toBe(1)
  expect(await harness.raw('BLPOP', 'm', 'k', '0')).toMatch(/x/)
  expect(await harness.raw('BLPOP', 'none', 'k', '0')).toMatch(/^-WRONGTYPE /)
  await call(harness, 'DEL', 'k')
  await call(harness, 'RPUSH', 'k', 'y')
  expect(pop.reply).toMatch(/y/)
})

test('a list that arrives by RENAME, COPY, RESTORE or SWAPDB unblocks a client, too', async () => {
  const harness = new Harness()
  await call(harness, 'RPUSH', 'list', 'x')
  const dump = Buffer.from(String(await call(harness, 'DUMP', 'list')), 'latin1')
  for (const command of [
    ['COPY', 'list', 'k'],
    ['RESTORE', 'k', '0', dump],
    ['RENAME', 'list', 'k'],
  ]) {
    const pop = pending(harness.connect(), 'BLPOP', 'k', '0')
    await call(harness, ...command)
    expect(pop.reply, String(command[0])).toMatch(/x/)
  }
  const pop = pending(harness.connect(), 'BLPOP', 'k', '0')
  const other = harness.connect()
  await call(other, 'SELECT', '1')
  await call(other, 'RPUSH', 'k', 'swapped')
  expect(pop.reply).toBe('waits')
  await call(other, 'SWAPDB', '0', '1')
  expect(pop.reply).toMatch(/swapped/)
})

test('within a transaction nothing waits, and clients are served after EXEC', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'BLPOP', 'k', '0')
  const gone = pending(harness.connect(), 'BLPOP', 'l', '0')
  const client = harness.connect()
  for (const command of [
    'MULTI',
    'BLPOP none 0',
    'BLMOVE none l LEFT LEFT 0',
    'BLMPOP 0 1 none LEFT',
    'RPUSH k 1 2',
    'LPOP k',
    'RPUSH l 1',
    'DEL l',
  ])
    await call(client, ...command.split(' '))
  expect(await call(client, 'EXEC')).toEqual([null, null, null, 2, '1', 1, 1])
  expect(wait.reply).toMatch(/2/)
  expect(gone.reply).toBe('waits')
})

test('the keys are loaded before the client waits', async () => {
  const harness = new Harness({
    groups: { cache: { origin: () => null, negativeTtlMs: 60_000 } },
  })
  const wait = pending(harness.connect(), 'BLPOP', 'none', 'other', '1')
  for (let i = 0; i < 5; i++) await harness.settle()
  expect(wait.reply).toBe('waits')
  expect(await call(harness, 'RPUSH', 'other', 'z')).toBe(1)
  await harness.settle()
  expect(wait.reply).toMatch(/other/)
})
