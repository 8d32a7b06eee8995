// The floor of a server: a bare `node:net` server that answers each request with the same bytes, and reads none of them.
// A process: `tsx bench/floor/constant.ts PORT`.

import { createServer } from 'node:net'
import { type Exchange, exchangeOf, SETTINGS } from './requests.ts'

/** By their number: replies to one chunk, in one buffer. */
const buffers = new Map<Exchange, Buffer[]>()

createServer({ noDelay: true }, (socket) => {
  let exchange: Exchange | undefined
  let replies: Buffer[] = []
  /** Bytes received of requests that are not answered. */
  let received = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    if (exchange === undefined) {
      exchange = exchangeOf(chunk)
      if (exchange === undefined) {
        socket.write(SETTINGS)
        return
      }
      replies = buffers.get(exchange) ?? []
      buffers.set(exchange, replies)
    }
    received += chunk.length
    const count = Math.floor(received / exchange.requestBytes)
    received -= count * exchange.requestBytes
    replies[count] ??= Buffer.alloc(count * exchange.reply.length, exchange.reply)
    if (count > 0) socket.write(replies[count])
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
