import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { receive } from '../../src/resp/receive.ts'

/** A source that is read like a socket: what is pushed was received. */
function source(): { stream: Readable; taken: string[] } {
  const stream = new Readable({ read() {} })
  const taken: string[] = []
  receive(stream, (chunk) => taken.push(chunk.toString()))
  return { stream, taken }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('each chunk is taken once, in order', async () => {
  const { stream, taken } = source()
  await turn()
  for (const text of ['a', 'b', 'c']) {
    stream.push(Buffer.from(text))
    await turn()
  }
  stream.push(Buffer.from('d'))
  stream.push(Buffer.from('e'))
  await turn()
  expect(taken).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('another listener also sees the first chunk', async () => {
  const { stream, taken } = source()
  const seen: string[] = []
  stream.once('data', (chunk: Buffer) => seen.push(chunk.toString()))
  await turn()
  for (const text of ['a', 'b']) {
    stream.push(Buffer.from(text))
    await turn()
  }
  expect([seen, taken]).toEqual([['a'], ['a', 'b']])
})

test('nothing is taken from a paused source; what it held back comes first afterwards', async () => {
  const { stream, taken } = source()
  await turn()
  for (const text of ['a', 'b']) {
    stream.push(Buffer.from(text))
    await turn()
  }
  stream.pause()
  stream.push(Buffer.from('c'))
  await turn()
  stream.push(Buffer.from('d'))
  await turn()
  expect(taken).toEqual(['a', 'b'])
  stream.resume()
  stream.push(Buffer.from('e'))
  await turn()
  stream.push(Buffer.from('f'))
  await turn()
  expect(taken.join('')).toBe('abcdef')
})

test('a source that is paused while it is taken from holds back the rest', async () => {
  const stream = new Readable({ read() {} })
  const taken: string[] = []
  receive(stream, (chunk) => {
    taken.push(chunk.toString())
    stream.pause()
  })
  await turn()
  for (const text of ['a', 'b', 'c']) {
    stream.push(Buffer.from(text))
    await turn()
  }
  expect(taken).toEqual(['a'])
  for (let resumed = 0; resumed < 2; resumed++) {
    stream.resume()
    await turn()
  }
  expect(taken.join('')).toBe('abc')
})

test('the end comes after everything that was received before it', async () => {
  for (const isPaused of [false, true]) {
    const { stream, taken } = source()
    const events: string[] = []
    stream.on('end', () => events.push(`end after ${taken.join('')}`))
    await turn()
    stream.push(Buffer.from('a'))
    await turn()
    if (isPaused) stream.pause()
    stream.push(Buffer.from('b'))
    stream.push(null)
    await turn()
    if (isPaused) stream.resume()
    await turn()
    expect(events).toEqual(['end after ab'])
  }
})

test('a socket that is paused again and again loses no byte, and holds back its sender', async () => {
  const bytes = Buffer.alloc(4 * 1024 * 1024, 'erinys')
  const server = createServer((socket) => socket.end(bytes))
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  const socket: Socket = connect(port, '127.0.0.1')
  const parts: Buffer[] = []
  let paused = 0
  receive(socket, (chunk) => {
    parts.push(chunk)
    socket.pause()
    paused++
    setImmediate(() => socket.resume())
  })
  await once(socket, 'end')
  expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  expect(paused).toBeGreaterThan(1)
})
