// XREAD and XREADGROUP that wait: who is served, with what, and what ends the wait.

import { expect, test } from 'vitest'
import { Harness, type HarnessClient } from '../../support/harness.ts'

/** The reply to a command once there is one; until then 'waits'. */
function pending(client: HarnessClient, command: string): { reply: string } {
  const state = { reply: 'waits' }
  void client.raw(...command.split(' ')).then((reply) => {
    state.reply = reply
  })
  return state
}

/** Runs commands with `|` between them; afterwards clients that wait have their replies. */
async function run(harness: Harness, commands: string): Promise<void> {
  for (const command of commands.split(' | ')) await harness.call(...command.split(' '))
  await harness.settle()
}

const NIL = '*-1\r\n'
const entry = (id: string): string => `*2\r\n$3\r\n${id}\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n`
const reply = (...ids: string[]): string =>
  `*1\r\n*2\r\n$1\r\ns\r\n*${ids.length}\r\n${ids.map(entry).join('')}`

test('all clients that wait for a stream get its new entries', async () => {
  const harness = new Harness()
  await run(harness, 'XADD s 1-1 f v')
  const waits = [
    'XREAD BLOCK 0 STREAMS s $',
    'XREAD BLOCK 0 STREAMS t s 0 1-1',
    'XREAD BLOCK 0 STREAMS s 1-2',
  ].map((command) => pending(harness.connect(), command))
  await harness.settle()
  expect(waits.map((wait) => wait.reply)).toEqual(['waits', 'waits', 'waits'])
  await run(harness, 'XADD s 1-2 f v')
  expect(waits.map((wait) => wait.reply)).toEqual([reply('1-2'), reply('1-2'), 'waits'])
  await run(harness, 'XADD s 1-3 f v')
  expect(waits[2]?.reply).toBe(reply('1-3'))
})

test('an entry that is gone before the command has ended unblocks no client', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'XREAD BLOCK 0 STREAMS s $')
  await run(harness, 'MULTI | XADD s 1-1 f v | DEL s | LPUSH s x | EXEC')
  expect(wait.reply).toBe('waits')
  await run(harness, 'DEL s | XADD s 1-2 f v')
  expect(wait.reply).toBe(reply('1-2'))
})

test('entries of a transaction come in one reply', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'XREAD BLOCK 0 STREAMS s $')
  await run(harness, 'MULTI | XADD s 1-1 f v | XADD s 1-2 f v | EXEC')
  expect(wait.reply).toBe(reply('1-1', '1-2'))
})

test('the wait ends with its time, which is in milliseconds', async () => {
  const harness = new Harness()
  const wait = pending(harness.connect(), 'XREAD BLOCK 25 STREAMS s $')
  const group = pending(harness.connect(), 'XREADGROUP GROUP g c BLOCK 25 STREAMS s >')
  expect(group.reply).toBe('waits')
  harness.clock.advance(24)
  await harness.settle()
  expect([wait.reply, group.reply.slice(0, 8)]).toEqual(['waits', '-NOGROUP'])
  harness.clock.advance(1)
  await harness.settle()
  expect(wait.reply).toBe(NIL)
})

test('the consumers of a group share the entries, in the order in which they came', async () => {
  const harness = new Harness()
  await run(harness, 'XGROUP CREATE s g $ MKSTREAM')
  const waits = ['a', 'b', 'c'].map((name) =>
    pending(harness.connect(), `XREADGROUP GROUP g ${name} BLOCK 0 COUNT 1 STREAMS s >`),
  )
  await run(harness, 'MULTI | XADD s 1-1 f v | XADD s 1-2 f v | EXEC')
  expect(waits.map((wait) => wait.reply)).toEqual([reply('1-1'), reply('1-2'), 'waits'])
  expect(await harness.call('XPENDING', 's', 'g')).toEqual([
    2,
    '1-1',
    '1-2',
    [
      ['a', '1'],
      ['b', '1'],
    ],
  ])
})

test('a consumer that asks for its history does not wait', async () => {
  const harness = new Harness()
  await run(harness, 'XGROUP CREATE s g $ MKSTREAM')
  expect(await harness.raw('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 's', '0')).toBe(
    '*1\r\n*2\r\n$1\r\ns\r\n*0\r\n',
  )
})

test.each([
  ['DEL s', 'UNBLOCKED the stream key no longer exists'],
  ['SET s x', 'UNBLOCKED the stream key no longer exists'],
  ['FLUSHALL', 'UNBLOCKED the stream key no longer exists'],
  ['RENAME other s', 'NOGROUP the consumer group this client was blocked on no longer exists'],
  ['XGROUP DESTROY s g', 'NOGROUP the consumer group this client was blocked on no longer exists'],
])('%s ends the wait of a consumer with an error', async (command, error) => {
  const harness = new Harness()
  await run(harness, 'XGROUP CREATE s g $ MKSTREAM | XADD other 1-1 f v')
  const wait = pending(harness.connect(), 'XREADGROUP GROUP g c BLOCK 0 STREAMS s >')
  const other = pending(harness.connect(), 'XREAD BLOCK 0 STREAMS s 5-5')
  await run(harness, command)
  expect(wait.reply).toBe(`-${error}\r\n`)
  expect(other.reply).toBe('waits')
})

test('within a transaction nothing waits', async () => {
  const harness = new Harness()
  await run(harness, 'MULTI | XREAD BLOCK 0 STREAMS s $')
  expect(await harness.call('EXEC')).toEqual([null])
})

test('a stream is loaded before the client waits', async () => {
  const loads: string[] = []
  const origin = (key: string): null => {
    loads.push(key)
    return null
  }
  const harness = new Harness({ groups: { cache: { origin, negativeTtlMs: 1000 } } })
  const wait = pending(harness.connect(), 'XREAD BLOCK 0 STREAMS s 0')
  await harness.settle()
  await harness.settle()
  await run(harness, 'XADD s 1-1 f v')
  expect(wait.reply).toBe(reply('1-1'))
  expect(loads[0]).toBe('s')
})
