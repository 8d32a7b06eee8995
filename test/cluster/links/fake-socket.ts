// A socket without a network: records what is written, and receives what the test provides.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { answerHello, makeNonce } from '../../../src/cluster/links/handshake.ts'
import { encodeRequest } from '../../../src/cluster/links/request.ts'
import { PEER, SELF } from './scripted-peer.ts'

export class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = []
  /** Callbacks of writes that are not complete. */
  readonly released: (() => void)[] = []
  destroyed = false

  get socket(): Socket {
    return this as unknown as Socket
  }

  /** The system takes nothing before `release`. */
  get writableLength(): number {
    return this.released.length
  }

  write(bytes: Buffer, released: () => void = () => undefined): boolean {
    if (bytes.length !== 0) this.written.push(bytes)
    this.released.push(released)
    return true
  }

  destroy(): void {
    this.destroyed = true
  }

  /** Completes all writes so far. */
  release(): void {
    for (const released of this.released.splice(0)) released()
  }

  receive(bytes: string | Buffer): void {
    this.emit('data', Buffer.from(bytes as string, 'latin1'))
  }

  /** Connects and completes the handshake as the peer. */
  completeHandshake(): void {
    const nonce = makeNonce()
    this.emit('connect')
    this.receive(`$${nonce.length}\r\n${nonce}\r\n`)
    const words = String(this.written.at(-1)).split('\r\n')
    const [proof, caller] = [words[12], words[14]]
    const hello = answerHello(PEER, { caller, answerer: nonce }, SELF, proof)
    if (hello === null) throw new Error('the handshake failed')
    this.receive(encodeRequest(hello))
    this.release()
    this.written.length = 0
  }

  cork(): void {}
  uncork(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
}
