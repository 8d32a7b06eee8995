// Frames that are none: each gets its error and loses its connection, and what came before it is answered.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisReply } from '../support/redis-server.ts'
import { error, Fortress } from './fortress.ts'

let fortress: Fortress
beforeAll(async () => {
  fortress = await Fortress.build()
})
afterAll(async () => {
  await fortress.expectUnharmed()
  await fortress.tearDown()
})

const COUNT = 'invalid multibulk length'
const LENGTH = 'invalid bulk length'
const LARGE = '9'.repeat(30)

/** What is sent, and what is wrong with it. */
const BROKEN: readonly (readonly [string, string])[] = [
  ...[
    'x',
    '1x',
    'x1',
    '1.0',
    '1e1',
    '0x1',
    '+1',
    ' 1',
    '1 ',
    '01',
    '1\0',
    '--1',
    LARGE,
    '2147483648',
    '9223372036854775808',
  ].map((count) => [`*${count}\r\n`, COUNT] as const),
  ...[
    '',
    'x',
    '-1',
    '-2',
    '-0',
    '1.0',
    '1e1',
    '+1',
    ' 4',
    '4 ',
    '04',
    '4\0',
    LARGE,
    '-9223372036854775808',
    '536870913',
  ].map((length) => [`*2\r\n$4\r\nECHO\r\n$${length}\r\nx\r\n`, LENGTH] as const),
  ...[':', '+', '-', '*', '(', '%', '\0', '\xff', 'G', '\n'].map(
    (type) => [`*1\r\n${type}4\r\nPING\r\n`, `expected '$', got '${type}'`] as const,
  ),
  [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
  ['x'.repeat(70_000), 'too big inline request'],
  [`GET ${'x'.repeat(70_000)}\r\n`, 'too big inline request'],
  ['SET "a\r\n', 'unbalanced quotes in request'],
  ["SET 'a\r\n", 'unbalanced quotes in request'],
  ['SET "a"b\r\n', 'unbalanced quotes in request'],
  ['"\\\r\n', 'unbalanced quotes in request'],
]

describe('refused', () => {
  for (const [bytes, wrong] of BROKEN) {
    const shown = JSON.stringify(bytes.length > 40 ? `${bytes.slice(0, 40)}…` : bytes)
    test(`${shown}: ${JSON.stringify(wrong)}`, async () => {
      const talker = await fortress.connect()
      talker.send(`*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n${bytes}*1\r\n$4\r\nPING\r\n`)
      const message = `ERR Protocol error: ${wrong}`.replaceAll(/[\r\n]/g, ' ')
      // The parser reads errors as UTF-8.
      const wanted = error(Buffer.from(message, 'utf8').toString('utf8'))
      expect(await talker.rest()).toMatchObject(['hi', wanted])
      expect(await fortress.guard.call('GET', 'gold')).toBe('aurum')
    })
  }
})

/** What is odd, and what is answered. */
const ODD: readonly (readonly [string, readonly RedisReply[]])[] = [
  ['\r\n\r\n\n\n', []],
  ['*0\r\n*-1\r\n*-9223372036854775808\r\n', []],
  ['*1\r\n$0\r\n\r\n', [new Error("ERR unknown command '', with args beginning with: ")]],
  ['*1\rX$4\rXPINGXX', ['PONG']],
  ['  PING  \r\n', ['PONG']],
  ['PING\n', ['PONG']],
  ['"PING"\r\n', ['PONG']],
  ['ECHO "\\x00\\xff\\n"\r\n', ['\0\xff\n']],
  ["ECHO 'a\\'b'\r\n", ["a'b"]],
  ['$4\r\nPING\r\n', [new Error("ERR unknown command '$4', with args beginning with: "), 'PONG']],
]

describe('taken', () => {
  for (const [bytes, replies] of ODD) {
    test(JSON.stringify(bytes), async () => {
      const talker = await fortress.connect()
      talker.send(`${bytes}*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n`)
      const received = await talker.take(replies.length + 1)
      expect(received.map(String)).toEqual(
        [...replies, 'end'].map((reply) => String(reply).replace(/^Error/, 'ReplyError')),
      )
    })
  }
})

test('a line that never ends is refused, however slowly it comes', async () => {
  const talker = await fortress.connect()
  talker.send('*')
  for (let i = 0; i < 40 && !talker.isClosed; i++) {
    talker.send('1'.repeat(2000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await talker.rest()).toMatchObject([error('ERR Protocol error: too big mbulk count string')])
})

test('a frame cut short holds nothing once its client has left', async () => {
  for (const cut of [
    '*',
    '*3\r',
    '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\nxyz',
    'GET "',
    '*2147483647\r\n$3\r\nDEL\r\n',
  ]) {
    const talker = await fortress.connect()
    talker.send(cut)
    await new Promise((resolve) => setImmediate(resolve))
    talker.socket.end()
    expect(await talker.rest()).toEqual([])
  }
  await fortress.expectUnharmed()
})
