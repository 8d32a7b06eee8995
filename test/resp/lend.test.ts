// Buffers lent to sockets: released when the socket has handed all bytes to the system, not before.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lend } from '../../src/resp/lend.ts'

/** More than the buffers of the system take. */
const LARGE = 32 * 2 ** 20
const POLL = { timeout: 30_000 }

let server: Server
let sender: Socket
let reader: Socket
let releases: string[]

beforeEach(async () => {
  releases = []
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  sender = connect((server.address() as AddressInfo).port, '127.0.0.1')
  ;[reader] = await accepted
  if (sender.connecting) await once(sender, 'connect')
})

afterEach(() => {
  sender.destroy()
  reader.destroy()
  server.close()
})

function lendText(name: string, bytes: Uint8Array): void {
  lend(sender, bytes, () => releases.push(name))
}

test('bytes that the system takes at once are released at once', async () => {
  const bytes = Buffer.from('first')
  lendText('first', bytes)
  expect(releases).toEqual(['first'])
  bytes.fill('x')
  const [received] = await once(reader, 'data')
  expect(String(received)).toBe('first')
})

test('bytes that nobody reads stay lent until they are read, and those behind them as well', async () => {
  reader.pause()
  const large = Buffer.alloc(LARGE, 'a')
  lend(sender, large, () => {
    releases.push('large')
    large.fill('x')
  })
  lendText('small', Buffer.from('b'))
  expect(releases).toEqual([])
  const received: Buffer[] = []
  reader.on('data', (chunk: Buffer) => received.push(chunk))
  reader.resume()
  await expect.poll(() => releases, POLL).toEqual(['large', 'small'])
  await expect.poll(() => received.reduce((sum, { length }) => sum + length, 0), POLL).toBe(LARGE + 1)
  expect(Buffer.concat(received).equals(Buffer.alloc(LARGE + 1, 'a').fill('b', LARGE))).toBe(true)
  lendText('last', Buffer.from('c'))
  expect(releases).toEqual(['large', 'small', 'last'])
})

test('a corked socket has not written yet', async () => {
  sender.cork()
  lendText('corked', Buffer.from('c'))
  expect(releases).toEqual([])
  sender.uncork()
  await expect.poll(() => releases, POLL).toEqual(['corked'])
})

test('what a closed socket does not take is released', async () => {
  sender.on('error', () => undefined)
  sender.destroy()
  lendText('lost', Buffer.from('l'))
  await expect.poll(() => releases, POLL).toEqual(['lost'])
})

test('bytes that wait when the socket is closed are released', async () => {
  reader.pause()
  sender.on('error', () => undefined)
  lendText('waiting', Buffer.alloc(LARGE))
  expect(releases).toEqual([])
  sender.destroy()
  await expect.poll(() => releases, POLL).toEqual(['waiting'])
})
