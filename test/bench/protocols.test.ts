// The load generator finds the end of each reply, and the floor programs the length of each request.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { exchangeOf, SETTINGS } from '../../bench/floor/requests.ts'
import { countReplies, keyOf } from '../../bench/load.ts'
import { PROTOCOLS, type ProtocolName } from '../../bench/protocols.ts'

/** Feeds the chunks to a counter that waits for `count` replies. Returns whether it has them. */
async function counted(
  protocol: ProtocolName,
  chunks: readonly Buffer[],
  count: number,
  socket = new EventEmitter(),
): Promise<boolean> {
  let isDone = false
  void countReplies(
    socket as Socket,
    protocol,
  )(count).then(() => {
    isDone = true
  })
  for (const chunk of chunks) socket.emit('data', chunk)
  await Promise.resolve()
  return isDone
}

const REPLIES: Readonly<Record<ProtocolName, readonly string[]>> = {
  resp: ['+OK\r\n', '$-1\r\n', '$0\r\n\r\n', '$12\r\n+a\r\nEND\r\n$9\n\r\n'],
  memcached: [
    'STORED\r\n',
    'END\r\n',
    'VALUE k 0 0\r\n\r\nEND\r\n',
    'VALUE k 0 12\r\nx\r\nEND\r\n$9\r.\r\nEND\r\n',
  ],
}

describe.each(Object.entries(REPLIES))('%s', (name, replies) => {
  const protocol = name as ProtocolName
  const bytes = Buffer.from(replies.join(''))

  test('replies are counted however they are divided, and never too early', async () => {
    for (let at = 1; at < bytes.length; at++) {
      const chunks = [bytes.subarray(0, at), bytes.subarray(at)]
      expect(await counted(protocol, chunks, replies.length)).toBe(true)
    }
    const single = [...bytes].map((byte) => Buffer.from([byte]))
    expect(await counted(protocol, single, replies.length)).toBe(true)
    expect(await counted(protocol, single.slice(0, -1), replies.length)).toBe(false)
  })
})

test.each([
  ['resp', '-ERR no\r\n'],
  ['memcached', 'ERROR\r\n'],
  ['memcached', 'SERVER_ERROR out of memory storing object\r\n'],
  ['memcached', 'NOT_STORED\r\n'],
] as const)('%s: %j is an error', async (protocol, reply) => {
  const answer = reply.trim()
  await expect(counted(protocol, [Buffer.from(reply)], 1)).rejects.toThrow(`the server answered ${answer}`)
})

test('the floor separates the requests of redis-benchmark, and answers each with one reply', async () => {
  const { get, set } = PROTOCOLS.resp
  for (const request of [get(keyOf(7)), set(keyOf(7), 'v'.repeat(32))]) {
    const exchange = exchangeOf(Buffer.from(request))
    expect(exchange?.requestBytes).toBe(request.length)
    expect(await counted('resp', [exchange?.reply ?? Buffer.alloc(0)], 1)).toBe(true)
  }
  expect(exchangeOf(Buffer.from('*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$4\r\nsave\r\n'))).toBeUndefined()
  expect(SETTINGS.toString()).toBe('*2\r\n$4\r\nsave\r\n$0\r\n\r\n*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n')
})
