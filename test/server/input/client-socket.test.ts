// The socket of a client that is read into its own buffers: it is a socket like any other.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { acceptedSocket, type ClientSocket } from '../../../src/server/input/client-socket.ts'

let server: Server
let client: Socket

afterEach(() => {
  client?.destroy()
  server?.close()
})

async function accept(): Promise<ClientSocket> {
  server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = new Promise<ClientSocket>((resolve) => {
    server.once('connection', (socket) => resolve(acceptedSocket(socket)))
  })
  client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  return accepted
}

/** Collects what is received, and tells when it is as long as wanted. */
class Collected {
  readonly hasDecodedAll = true
  readonly buffers = new Set<ArrayBufferLike>()
  text = ''
  #wanted = 0
  #reached = (): void => {}

  received(bytes: Buffer, length: number): void {
    this.buffers.add(bytes.buffer)
    this.text += bytes.toString('latin1', 0, length)
    if (this.text.length >= this.#wanted) this.#reached()
  }

  async reaches(length: number): Promise<string> {
    this.#wanted = length
    if (this.text.length < length)
      await new Promise<void>((resolve) => {
        this.#reached = resolve
      })
    return this.text
  }
}

test('its bytes arrive in the same buffer again and again', async () => {
  const { socket, readTo } = await accept()
  const collected = new Collected()
  readTo(collected)
  for (let i = 1; i <= 50; i++) {
    client.write('ping')
    await collected.reaches(4 * i)
  }
  // One buffer: Node.js has what it takes, and is not read by `data` events.
  expect(collected.buffers.size).toBe(1)
  expect(socket.bytesRead).toBe(200)
})

test('megabytes arrive whole, and in order', async () => {
  const { readTo } = await accept()
  const collected = new Collected()
  readTo(collected)
  const sent = Array.from({ length: 300_000 }, (_, i) => String(i)).join(' ')
  client.write(sent)
  expect((await collected.reaches(sent.length)) === sent).toBe(true)
})

test('it knows its addresses, answers, and pauses', async () => {
  const { socket, readTo } = await accept()
  const collected = new Collected()
  readTo(collected)
  expect(socket.remotePort).toBe(client.localPort)
  expect(socket.localPort).toBe((server.address() as AddressInfo).port)
  socket.pause()
  client.write('one')
  socket.write('answer')
  expect(String((await once(client, 'data'))[0])).toBe('answer')
  expect(collected.text).toBe('')
  socket.resume()
  expect(await collected.reaches(3)).toBe('one')
})

test('it ends and closes as its client does', async () => {
  const { socket, readTo } = await accept()
  readTo(new Collected())
  const ended = once(socket, 'end')
  client.end('last')
  await ended
  // Its own end is still open.
  socket.end('reply')
  const closed = once(socket, 'close')
  expect(String((await once(client, 'data'))[0])).toBe('reply')
  await closed
})

test('its server counts it no more, and closes without it', async () => {
  const { socket, readTo } = await accept()
  const collected = new Collected()
  readTo(collected)
  await new Promise((resolve) => server.close(resolve))
  client.write('still there')
  expect(await collected.reaches(11)).toBe('still there')
  socket.destroy()
  await once(client, 'close')
})
