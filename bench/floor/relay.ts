// The floor of a hop: a bare relay with `node:net`, which reads neither requests nor replies. All clients share one
// connection to the server behind it, and what they send in one iteration of the event loop is one write, as in a node.
// A process: `tsx bench/floor/relay.ts PORT SERVER_PORT`.

import { connect, createServer, type Socket } from 'node:net'
import { type Exchange, exchangeOf, SETTINGS } from './requests.ts'

/** Whose replies come next, and how many bytes of them are missing. */
interface Waiting {
  readonly socket: Socket
  bytes: number
}

const server = connect({ host: '127.0.0.1', port: Number(process.argv[3]), noDelay: true })
/** So many that have their replies are kept at most: removing each one would cost more than the rest. */
const KEPT = 1024

let waiting: Waiting[] = []
/** Those before this index have their replies. */
let first = 0
let requests: Buffer[] = []

/** Sends what has arrived since the last iteration of the event loop. */
function send(): void {
  server.write(requests.length === 1 ? requests[0] : Buffer.concat(requests))
  requests = []
}

server.on('data', (chunk: Buffer) => {
  for (let at = 0; at < chunk.length; ) {
    const next = waiting[first]
    const end = Math.min(chunk.length, at + next.bytes)
    next.socket.write(chunk.subarray(at, end))
    next.bytes -= end - at
    if (next.bytes === 0) first++
    at = end
  }
  // Under load some request is always waiting.
  if (first === waiting.length || first >= KEPT) {
    waiting = waiting.slice(first)
    first = 0
  }
})

createServer({ noDelay: true }, (socket) => {
  let exchange: Exchange | undefined
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    exchange ??= exchangeOf(chunk)
    if (exchange === undefined) {
      socket.write(SETTINGS)
      return
    }
    const count = chunk.length / exchange.requestBytes
    // The rest of it could not be told from the next client's request.
    if (!Number.isInteger(count)) throw new Error('a request is divided between two chunks')
    waiting.push({ socket, bytes: count * exchange.reply.length })
    if (requests.length === 0) setImmediate(send)
    requests.push(chunk)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
