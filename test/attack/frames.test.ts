// Invalid frames: each gets its error and closes its connection, after the replies to earlier commands.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisReply } from '../support/resp.ts'
import { AttackedServer, error } from './attacked-server.ts'

let target: AttackedServer
beforeAll(async () => {
  target = await AttackedServer.start()
})
afterAll(async () => {
  await target.expectIntact()
  await target.close()
})

const COUNT = 'invalid multibulk length'
const LENGTH = 'invalid bulk length'
const LARGE = '9'.repeat(30)

/** The bytes, and the protocol error. */
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

describe('an invalid frame', () => {
  for (const [bytes, wrong] of BROKEN) {
    const shown = JSON.stringify(bytes.length > 40 ? `${bytes.slice(0, 40)}…` : bytes)
    test(`${shown}: ${JSON.stringify(wrong)}`, async () => {
      const client = await target.connect()
      client.send(`*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n${bytes}*1\r\n$4\r\nPING\r\n`)
      const message = `ERR Protocol error: ${wrong}`.replaceAll(/[\r\n]/g, ' ')
      // A byte is quoted as it was sent; the parser reads errors as UTF-8.
      const wanted = error(Buffer.from(message, 'latin1').toString('utf8'))
      expect(await client.rest()).toMatchObject(['hi', wanted])
      expect(await target.observer.call('GET', 'gold')).toBe('aurum')
    })
  }
})

/** Unusual but valid bytes, and the replies. */
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

describe('an unusual frame', () => {
  for (const [bytes, replies] of ODD) {
    test(JSON.stringify(bytes), async () => {
      const client = await target.connect()
      client.send(`${bytes}*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n`)
      const received = await client.take(replies.length + 1)
      expect(received.map(String)).toEqual(
        [...replies, 'end'].map((reply) => String(reply).replace(/^Error/, 'ReplyError')),
      )
    })
  }
})

test('an endless line is refused, however slowly it arrives', async () => {
  const client = await target.connect()
  client.send('*')
  for (let i = 0; i < 40 && !client.isClosed; i++) {
    client.send('1'.repeat(2000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await client.rest()).toMatchObject([error('ERR Protocol error: too big mbulk count string')])
})

test('an incomplete frame leaves nothing behind when its client disconnects', async () => {
  for (const cut of [
    '*',
    '*3\r',
    '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\nxyz',
    'GET "',
    '*2147483647\r\n$3\r\nDEL\r\n',
  ]) {
    const client = await target.connect()
    client.send(cut)
    await new Promise((resolve) => setImmediate(resolve))
    client.socket.end()
    expect(await client.rest()).toEqual([])
  }
  await target.expectIntact()
})
