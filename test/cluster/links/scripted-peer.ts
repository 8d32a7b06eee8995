// A peer with scripted answers, a link to it, and receivers that record the outcome of requests.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { answerHello, type Identity, makeNonce } from '../../../src/cluster/links/handshake.ts'
import { Link, type LinkOptions, type LinkOwner } from '../../../src/cluster/links/link.ts'
import type { Receiver } from '../../../src/cluster/links/receiver.ts'
import { encodeRequest } from '../../../src/cluster/links/request.ts'
import { SendBufferPool } from '../../../src/cluster/links/send-buffers.ts'
import { Args } from '../../../src/resp/args.ts'
import { REQUEST, RequestDecoder } from '../../../src/resp/decoder.ts'
import { defaultLimits } from '../../../src/resp/limits.ts'
import type { TraceHeaders } from '../../../src/telemetry/tracing.ts'
import { WAIT_MS } from '../../support/budget.ts'

export const SELF: Identity = { name: 'self:1', runId: 'a'.repeat(40), secret: 'secret' }
export const PEER: Identity = { name: 'peer:2', runId: 'b'.repeat(40), secret: 'secret' }

/** Runs the event loop until a condition holds. */
export async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('the condition did not become true')
    await new Promise(setImmediate)
  }
}

/** The answer to a request: bytes to send, or nothing. */
export type Answer = (request: string[], socket: Socket) => string | Buffer | undefined

export class ScriptedPeer {
  readonly sockets: Socket[] = []
  /** Requests after the handshake, contexts included. */
  readonly requests: string[][] = []
  identity = PEER
  /** What it says that it takes, behind its proof. */
  takes: readonly string[] = []
  answer: Answer = ([, key]) => `$${key.length}\r\n${key}\r\n`
  port = 0
  readonly #server: Server

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer()
    peer.#server.listen(0, '127.0.0.1')
    await once(peer.#server, 'listening')
    peer.port = (peer.#server.address() as AddressInfo).port
    return peer
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.sockets.push(socket)
    const decoder = new RequestDecoder(defaultLimits())
    const args = new Args()
    const nonce = makeNonce()
    let isPeer = false
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      decoder.feed(chunk)
      const out: Buffer[] = []
      while (decoder.next(args) === REQUEST) {
        const request = Array.from({ length: args.count }, (_, i) => args.latin1(i))
        let answer: string | Buffer | undefined
        if (isPeer) {
          this.requests.push(request)
          answer = request[1] === 'CONTEXT' ? undefined : this.answer(request, socket)
        } else if (request[1] === 'CHALLENGE') answer = `$${nonce.length}\r\n${nonce}\r\n`
        else {
          const [, , , name, runId, proof, caller] = request
          const hello = answerHello(this.identity, { caller, answerer: nonce }, { name, runId }, proof)
          isPeer = hello !== null
          answer =
            hello === null ? '-WRONGPASS the secret differs\r\n' : encodeRequest([...hello, ...this.takes])
        }
        if (answer !== undefined) out.push(Buffer.from(answer as string, 'latin1'))
      }
      if (out.length !== 0) socket.write(Buffer.concat(out))
    })
  }
}

/** Records the outcomes of requests in order. */
export class Recorder implements Receiver {
  readonly events: string[]
  readonly name: string
  /** The bytes of replies, to check that they do not change later. */
  readonly kept: Buffer[] = []
  #later = 0

  constructor(name = '', events: string[] = []) {
    this.name = name
    this.events = events
  }

  replies(bytes: Buffer, count: number): void {
    this.kept.push(bytes)
    this.events.push(`${this.name}${count} ${bytes.toString('latin1')}`)
  }

  deferred(): Receiver {
    const name = `${this.name}later${++this.#later} `
    this.events.push(name.trim())
    return new Recorder(name, this.events)
  }

  moved(request: Buffer, to: string): void {
    this.events.push(`${this.name}moved ${to} ${request.toString('latin1')}`)
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    this.events.push(`${this.name}lost ${sent ? 'sent' : 'unsent'} ${request.toString('latin1')} ${reason}`)
  }
}

export function get(key: string): Buffer {
  return encodeRequest(['GET', Buffer.from(key, 'latin1')])
}

export function contextBytes(context: number, trace?: TraceHeaders): Buffer {
  const words = ['PEER', 'CONTEXT', `group${context}`, '2', '0', 'epoch']
  return encodeRequest(trace === undefined ? words : [...words, trace.traceparent])
}

/** A link that records the events of its owner. */
export class TestLink implements LinkOwner {
  readonly clock = new ManualClock()
  readonly buffers = new SendBufferPool()
  readonly ownerEvents: string[] = []
  readonly link: Link

  constructor(port: number, options: Partial<LinkOptions> = {}, takesTraces = false) {
    this.link = new Link(
      {
        peer: 'peer:2',
        connect: () => connect(port, '127.0.0.1'),
        identity: SELF,
        contextBytes,
        buffers: this.buffers,
        clock: this.clock,
        timers: this.clock,
        connectTimeout: 1000,
        handshakeTimeout: 1000,
        responseTimeout: 1000,
        ...options,
      },
      this,
      takesTraces,
    )
  }

  /** Sends a GET from a buffer of its own. */
  get(receiver: Receiver, key: string, context = 0): boolean {
    const bytes = get(key)
    return this.link.send(receiver, context, bytes, 0, bytes.length)
  }

  /** Sends a GET with a trace. */
  getTraced(receiver: Receiver, key: string, traceparent: string, context = 0): boolean {
    const bytes = get(key)
    return this.link.sendTraced({ traceparent, tracestate: '' }, receiver, context, bytes, 0, bytes.length)
  }

  onDirty(): void {
    this.ownerEvents.push('dirty')
  }

  onReady(_link: Link, hello: { readonly name: string }): void {
    this.ownerEvents.push(`ready ${hello.name}`)
  }

  onPush(_link: Link, frame: Buffer): void {
    this.ownerEvents.push(`push ${frame.toString('latin1')}`)
  }

  onDrain(): void {
    this.ownerEvents.push('drain')
  }

  onClose(_link: Link, reason: string, refused: boolean): void {
    this.ownerEvents.push(`closed ${refused ? 'refused ' : ''}${reason}`)
  }
}
