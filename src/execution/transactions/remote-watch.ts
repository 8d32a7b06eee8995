// The keys that a client of this node watches at another node, their owner.

import type { Link, Receiver } from '../../cluster/links/link.ts'
import type { Peer } from '../../cluster/links/peer.ts'
import { encodeRequest, tell } from '../../cluster/links/request.ts'
import type { ClientWatch } from '../../commands/spec/session/transaction.ts'
import { WATCHED_KEY_BYTES } from '../../group/watches/watched-keys.ts'
import { OK } from '../../resp/reply.ts'

/**
 * The owner knows the watch by its number, and only on the connection behind this link. So the watch is lost, which
 * counts as a change, when the link breaks or the keys get another owner.
 */
export class RemoteWatch implements ClientWatch {
  isBroken = false
  bytes = 0
  readonly peer: Peer
  readonly link: Link
  readonly id: string
  /** A watched key, by which requests that concern the watch are routed. */
  readonly key: Buffer
  readonly #keys: Buffer[] = []

  constructor(peer: Peer, link: Link, id: number, key: Buffer) {
    this.peer = peer
    this.link = link
    this.id = String(id)
    this.key = key
  }

  /** Watches keys in a context. `answered` gets an error if the owner did not reply. */
  add(keys: readonly Buffer[], context: number, answered: (error?: string) => void): void {
    for (const key of keys) {
      this.#keys.push(key)
      this.bytes += WATCHED_KEY_BYTES + key.length
    }
    const receiver: Receiver = {
      replies: (bytes) => {
        if (!bytes.equals(OK)) this.isBroken = true
        answered()
      },
      deferred: () => receiver,
      moved: () => {
        this.isBroken = true
        answered()
      },
      lost: (_request, _sent, reason) => {
        this.isBroken = true
        answered(`PEERDOWN ${reason}`)
      },
    }
    const request = encodeRequest(['PEER', 'WATCH', this.id, ...keys])
    this.link.send(receiver, context, request, 0, request.length)
  }

  /** Whether nothing has changed as far as this node knows: the owner of all keys is the same. */
  check(ownerOf: (key: Buffer) => string | undefined): boolean {
    return !this.isBroken && !this.link.isClosed && this.#keys.every((key) => ownerOf(key) === this.peer.name)
  }

  release(): void {
    if (!this.link.isClosed) tell(this.link, ['PEER', 'UNWATCH', this.id])
  }
}
