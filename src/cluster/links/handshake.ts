// How two nodes prove to each other that they know the cluster's secret, before anything else is said.
//
//   caller                                               answerer
//   PEER CHALLENGE                                   →
//                                                    ←   its nonce
//   PEER HELLO 1 name runId proof nonce              →   (proof: of the answerer's nonce)
//                                                    ←   [name, runId, proof] (of the caller's nonce)
//
// Both proofs cover both nonces and say which side they are from, so that neither serves for another connection,
// nor for the other side of this one.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { encodeRequest, type Reply } from './request.ts'

/** The version of what peers say to each other. */
export const PEER_VERSION = '2'

/** Characters of a nonce: 32 random bytes in hexadecimal. */
const NONCE_LENGTH = 64

/** What a node says of itself. */
export interface Hello {
  /** The address it announces, `host:port`. */
  readonly name: string
  readonly runId: string
}

/** A node and the secret of its cluster, which may be empty. */
export interface Identity extends Hello {
  readonly secret: string
}

/** The nonces of a handshake. */
export interface Nonces {
  readonly caller: string
  readonly answerer: string
}

export function makeNonce(): string {
  return randomBytes(NONCE_LENGTH / 2).toString('hex')
}

/** What shows that `who`, on the given side of the handshake, knows the secret. Hexadecimal. */
export function proof(secret: string, side: 'caller' | 'answerer', nonces: Nonces, who: Hello): string {
  const text = ['erinys peer', PEER_VERSION, side, nonces.caller, nonces.answerer, who.name, who.runId].join(
    '\n',
  )
  return createHmac('sha256', secret).update(text).digest('hex')
}

/** Whether a proof is the expected one; how long it takes says nothing about where they differ. */
export function proofMatches(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The answerer's reply to HELLO, or null when the caller does not know the secret. */
export function answerHello(
  self: Identity,
  nonces: Nonces,
  caller: Hello,
  callerProof: string,
): readonly [name: string, runId: string, proof: string] | null {
  if (!proofMatches(callerProof, proof(self.secret, 'caller', nonces, caller))) return null
  return [self.name, self.runId, proof(self.secret, 'answerer', nonces, self)]
}

/** The caller's side, a reply at a time. */
export class HandshakeClient {
  readonly #self: Identity
  readonly #nonce = makeNonce()
  #challenge = ''

  constructor(self: Identity) {
    this.#self = self
  }

  /** What is sent first. */
  start(): Buffer {
    return encodeRequest(['PEER', 'CHALLENGE'])
  }

  /**
   * Takes the peer's next reply.
   *
   * @returns what is sent next, or, once the peer has proven itself, what it says of itself
   * @throws Error that says why the two do not get together
   */
  receive(reply: Reply): Buffer | Hello {
    if (reply instanceof Error) throw new Error(reply.message)
    return this.#challenge === '' ? this.#prove(reply) : this.#verify(reply)
  }

  #prove(reply: Reply): Buffer {
    if (!Buffer.isBuffer(reply) || reply.length !== NONCE_LENGTH) throw new Error('it answers no challenge')
    this.#challenge = reply.toString('latin1')
    const { name, runId, secret } = this.#self
    const shown = proof(secret, 'caller', this.#nonces, this.#self)
    return encodeRequest(['PEER', 'HELLO', PEER_VERSION, name, runId, shown, this.#nonce])
  }

  #verify(reply: Reply): Hello {
    if (!Array.isArray(reply) || reply.length < 3 || !reply.every(Buffer.isBuffer)) {
      throw new Error('it answers no hello')
    }
    const [name, runId, shown] = reply.map(String)
    const hello = { name, runId }
    if (!proofMatches(shown, proof(this.#self.secret, 'answerer', this.#nonces, hello))) {
      throw new Error('it does not know the secret')
    }
    return hello
  }

  get #nonces(): Nonces {
    return { caller: this.#nonce, answerer: this.#challenge }
  }
}
