// The peer link without a connection: requests in, one write per event-loop turn; replies in, ranges of them out.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { systemClock, systemTimers } from '../../src/bytes/clock.ts'
import { answerHello, makeNonce } from '../../src/cluster/links/handshake.ts'
import { Link } from '../../src/cluster/links/link.ts'
import type { Receiver } from '../../src/cluster/links/receiver.ts'
import { encodeRequest } from '../../src/cluster/links/request.ts'
import { SendBufferPool } from '../../src/cluster/links/send-buffers.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'peer link, without the system calls'

const TURNS = 16

const caller = { name: 'caller:1', runId: 'a', secret: '' }
const answerer = { name: 'answerer:2', runId: 'b', secret: '' }

/** A socket that sends everything immediately. `written` is the last write. */
class QuickSocket extends EventEmitter {
  written: Buffer = Buffer.alloc(0)

  write(bytes: Buffer, released?: () => void): void {
    this.written = bytes
    released?.()
  }

  cork(): void {}
  uncork(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
  destroy(): void {}
}

function readyLink(): { link: Link; socket: QuickSocket } {
  const socket = new QuickSocket()
  const link = new Link(
    {
      peer: answerer.name,
      connect: () => socket as unknown as Socket,
      identity: caller,
      contextBytes: () => encodeRequest(['PEER', 'CONTEXT', 'cache', '2', '0', 'epoch']),
      buffers: new SendBufferPool(),
      clock: systemClock,
      timers: systemTimers,
      connectTimeout: 1000,
      handshakeTimeout: 1000,
      responseTimeout: 60_000,
    },
    { onDirty() {}, onReady() {}, onPush() {}, onDrain() {}, onClose() {} },
  )
  socket.emit('connect')
  const nonce = makeNonce()
  socket.emit('data', Buffer.from(`$${nonce.length}\r\n${nonce}\r\n`))
  // PEER HELLO 1 name runId proof nonce
  const words = socket.written.toString().split('\r\n')
  const [proof, own] = [words[12], words[14]]
  const hello = answerHello(answerer, { caller: own, answerer: nonce }, caller, proof)
  if (hello === null) throw new Error('the handshake failed')
  socket.emit('data', encodeRequest(hello))
  return { link, socket }
}

/**
 * `senders` each send `depth` requests a turn. `apart`: these are not adjacent in memory, as when requests between
 * them go to other nodes.
 */
function relays(what: string, senders: number, depth: number, apart: boolean): Case {
  const { link, socket } = readyLink()
  const request = encodeRequest(['GET', 'key:000000000001'])
  const stride = request.length + (apart ? 8 : 0)
  const chunk = Buffer.alloc(stride * depth)
  for (let i = 0; i < depth; i++) chunk.set(request, i * stride)
  let answered = 0
  const receiver = (): Receiver => ({
    replies: (_bytes, count) => {
      answered += count
    },
    deferred: () => receiver(),
    moved() {},
    lost() {},
  })
  const all = Array.from({ length: senders }, () => ({ receiver: receiver(), chunk: Buffer.from(chunk) }))
  const replies = Buffer.from(`$16\r\n${'x'.repeat(16)}\r\n`.repeat(senders * depth))
  const operations = TURNS * senders * depth
  const run = () => {
    answered = 0
    for (let turn = 0; turn < TURNS; turn++) {
      for (const { receiver, chunk } of all) {
        for (let i = 0, at = 0; i < depth; i++, at += stride) {
          link.send(receiver, 0, chunk, at, at + request.length)
        }
      }
      link.flush()
      socket.emit('data', replies)
    }
    if (answered !== operations) throw new Error(`${what}: ${answered} replies instead of ${operations}`)
  }
  return { name: what, operations, run }
}

export function run(options: MeasureOptions): Promise<Row[]> {
  return measure(
    [
      relays('GET, 50 senders of 1', 50, 1, false),
      relays('GET, 50 senders of 16', 50, 16, false),
      relays('GET, 50 senders of 64', 50, 64, false),
      relays('GET, 50 senders of 16, every other one', 50, 16, true),
      relays('GET, 50 senders of 64, every other one', 50, 64, true),
    ],
    options,
  )
}
