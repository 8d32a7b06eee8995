// The handshake: two nodes prove to each other that they know the cluster's secret (HMAC challenge and response).
//
//   caller                                               answerer
//   PEER CHALLENGE                                   →
//                                                    ←   its nonce
//   PEER HELLO 2 name runId proof nonce              →
//                                                    ←   [name, runId, proof, features…]
//
// Each proof covers both nonces and the side that makes it. So a proof cannot be replayed on another connection, nor
// reflected to its sender. With TLS it also covers the connection's own binding (tls/session.ts): a man in the middle
// with a certificate of the same CA cannot relay it.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isTracing } from '../../telemetry/tracing.ts'
import { encodeRequest, type Reply } from './request.ts'

/** The version of the protocol between peers. Nodes of different versions refuse each other. */
export const PEER_VERSION = '2'

/**
 * A feature that an answerer announces after its proof: it accepts traces of requests in PEER CONTEXT. Nodes of earlier
 * versions announce none, and ignore these words.
 */
const TAKES_TRACES = 'traces'

/** Characters of a nonce: 32 random bytes in hexadecimal. */
const NONCE_LENGTH = 64

/** How a node identifies itself. */
export interface Hello {
  /** The address it announces, `host:port`. */
  readonly name: string
  readonly runId: string
}

/** A node, and the secret of its cluster; it may be empty. */
export interface Identity extends Hello {
  readonly secret: string
}

/** The identity that a peer has proven, and its features. */
export interface ProvenHello extends Hello {
  readonly takesTraces: boolean
}

/** The nonces of a handshake. */
export interface Nonces {
  readonly caller: string
  readonly answerer: string
  /** The binding of the TLS connection; empty: there is no TLS. */
  readonly binding?: string
}

export function makeNonce(): string {
  return randomBytes(NONCE_LENGTH / 2).toString('hex')
}

/** The proof that `who`, on this side of the handshake, knows the secret. Hexadecimal. */
export function proof(secret: string, side: 'caller' | 'answerer', nonces: Nonces, who: Hello): string {
  const { caller, answerer, binding = '' } = nonces
  const parts = ['erinys peer', PEER_VERSION, side, caller, answerer, who.name, who.runId]
  const text = (binding === '' ? parts : [...parts, binding]).join('\n')
  return createHmac('sha256', secret).update(text).digest('hex')
}

/** Compares proofs in constant time. */
export function proofMatches(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The answerer's reply to HELLO; null if the caller does not know the secret. */
export function answerHello(
  self: Identity,
  nonces: Nonces,
  caller: Hello,
  callerProof: string,
): readonly [name: string, runId: string, proof: string, ...takes: string[]] | null {
  if (!proofMatches(callerProof, proof(self.secret, 'caller', nonces, caller))) return null
  const shown = proof(self.secret, 'answerer', nonces, self)
  return [self.name, self.runId, shown, ...(isTracing() ? [TAKES_TRACES] : [])]
}

/** The caller's side of the handshake. */
export class HandshakeClient {
  readonly #self: Identity
  readonly #nonce = makeNonce()
  #challenge = ''
  #binding = ''

  constructor(self: Identity) {
    this.#self = self
  }

  /**
   * The first request.
   * @param binding that of the TLS connection; empty: there is no TLS
   */
  start(binding = ''): Buffer {
    this.#binding = binding
    return encodeRequest(['PEER', 'CHALLENGE'])
  }

  /**
   * Processes the peer's next reply.
   *
   * @returns the next request; or, after the last reply, the identity that the peer has proven
   * @throws Error with the reason for which the handshake failed
   */
  receive(reply: Reply): Buffer | ProvenHello {
    if (reply instanceof Error) throw new Error(reply.message)
    return this.#challenge === '' ? this.#prove(reply) : this.#verify(reply)
  }

  #prove(reply: Reply): Buffer {
    if (!Buffer.isBuffer(reply) || reply.length !== NONCE_LENGTH)
      throw new Error('the reply to PEER CHALLENGE is not a nonce')
    this.#challenge = reply.toString('latin1')
    const { name, runId, secret } = this.#self
    const shown = proof(secret, 'caller', this.#nonces, this.#self)
    return encodeRequest(['PEER', 'HELLO', PEER_VERSION, name, runId, shown, this.#nonce])
  }

  #verify(reply: Reply): ProvenHello {
    if (!Array.isArray(reply) || reply.length < 3 || !reply.every(Buffer.isBuffer)) {
      throw new Error('the reply to PEER HELLO is not valid')
    }
    const [name, runId, shown, ...takes] = reply.map(String)
    const hello = { name, runId }
    if (!proofMatches(shown, proof(this.#self.secret, 'answerer', this.#nonces, hello))) {
      throw new Error('the peer does not know the secret')
    }
    return { ...hello, takesTraces: takes.includes(TAKES_TRACES) }
  }

  get #nonces(): Nonces {
    return { caller: this.#nonce, answerer: this.#challenge, binding: this.#binding }
  }
}
