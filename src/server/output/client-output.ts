// The replies of one connection on their way out: in order, within the output buffer limit, and to the socket.

import type { Socket } from 'node:net'
import type { Instant } from '../../bytes/instant.ts'
import type { Link, Receiver } from '../../cluster/links/link.ts'
import type { PendingReply } from '../../commands/spec/client.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import type { OutputLimit } from '../settings.ts'
import { type MakeReceiver, Outbox } from './outbox.ts'
import { OutputLimiter } from './output-limiter.ts'
import { SocketWriter, type WriterServices } from './socket-writer.ts'

/** A shorter reply to a peer is copied behind its number, so that both are one write. */
const COPY_BELOW_BYTES = 65_536

export interface OutputServices extends WriterServices {
  readonly instant: Instant
  readonly reply: ReplyWriter
  /** All clients together have more unread replies than the node allows. */
  tooMuchUnread(): void
}

/** The part of a connection that its output uses. */
export interface OutputOwner {
  /** Whether the connection's requests are being run: its replies are then in the shared reply writer. */
  readonly isRunning: boolean
  /** The present output buffer limit. */
  readonly outputLimit: OutputLimit
  readonly makeReceiver: MakeReceiver
  /** More replies are unread than the limit allows. */
  limitExceeded(): void
  /** A deferred reply was completed, or the client has read replies that had to wait. */
  progressed(): void
}

export class ClientOutput {
  readonly #socket: Socket
  readonly #services: OutputServices
  readonly #owner: OutputOwner
  readonly #writer: SocketWriter
  readonly #outbox: Outbox
  readonly #limiter = new OutputLimiter()
  /** The number of the last deferred reply to another node. */
  #lastDeferred = 0

  constructor(socket: Socket, services: OutputServices, owner: OutputOwner) {
    this.#socket = socket
    this.#services = services
    this.#owner = owner
    this.#writer = new SocketWriter(socket, services, () => owner.progressed())
    this.#outbox = new Outbox({
      write: (bytes) => this.#writer.sendSoon(bytes),
      drained: () => {
        this.enforceLimits()
        owner.progressed()
      },
      deferred: () => this.#writer.endHold(),
      makeReceiver: owner.makeReceiver,
      unread: services.unread,
    })
    socket.on('close', () => this.drop())
  }

  /** Bytes of replies that are not sent yet. */
  get size(): number {
    return this.#writer.size + this.#outbox.size
  }

  /** Whether no reply is deferred. */
  get isInOrder(): boolean {
    return this.#outbox.isEmpty
  }

  /** Whether no more requests may be forwarded until replies have arrived. */
  get isFull(): boolean {
    return this.#outbox.isFull
  }

  deferReply(): PendingReply {
    this.flush()
    return this.#outbox.deferReply()
  }

  deferForwardedReply(link: Link, context: number): Receiver {
    this.flush()
    return this.#outbox.deferForwardedReply(link, context)
  }

  /**
   * A deferred reply to a peer does not hold up the others: a number is sent in its place, and the reply follows under it.
   *
   * @param completed called after the reply was sent, or found no connection
   */
  deferPeerReply(completed: () => void): PendingReply {
    const { reply } = this.#services
    const number = ++this.#lastDeferred
    reply.raw(Buffer.from(`@${number}\r\n`))
    return {
      number,
      complete: (bytes, rest = []) => {
        const head = Buffer.from(`^${number}\r\n`)
        // A list of millions of keys is not copied.
        const isLong = bytes.length > COPY_BELOW_BYTES || rest.length !== 0
        for (const part of isLong ? [head, bytes, ...rest] : [Buffer.concat([head, bytes])]) {
          if (this.#owner.isRunning) reply.raw(part)
          else if (!this.#socket.destroyed) this.#writer.sendSoon(part)
        }
        completed()
      },
    }
  }

  /** Sends bytes after all replies so far. */
  push(bytes: Buffer): void {
    if (this.#owner.isRunning) this.#services.reply.raw(bytes)
    else if (this.#outbox.isEmpty) this.#writer.sendSoon(bytes)
    else this.#outbox.push(bytes)
    this.enforceLimits()
  }

  /**
   * Sends bytes to another node, ahead of the replies in the shared reply writer: the last of them may be incomplete
   * (EXEC), or may still be replaced by an error.
   */
  pushAhead(bytes: Buffer): void {
    this.#writer.sendSoon(bytes)
    this.enforceLimits()
  }

  /** Takes the replies from the shared reply writer. */
  flush(): void {
    const { reply } = this.#services
    if (reply.size === 0) return
    if (this.#outbox.isEmpty) reply.flush(this.#writer)
    else this.#outbox.push(reply.take())
    this.enforceLimits()
  }

  /**
   * Ends a batch: hands the replies to the socket. If the next one is on its way from another node, they wait a moment
   * for it: a system call costs as much as a dozen cheap commands.
   */
  endBatch(): void {
    if (this.#outbox.awaitsPeer) this.#writer.hold()
    else this.#writer.send()
  }

  /** Hands the replies to the socket. */
  send(): void {
    this.#writer.send()
  }

  /** Closes this end of the connection after the last byte. May be called again. */
  end(): void {
    this.#writer.end()
  }

  /** Drops what was not sent. */
  drop(): void {
    this.#writer.close()
    this.#outbox.close()
  }

  enforceLimits(): void {
    const owner = this.#owner
    const { instant, unread } = this.#services
    if (this.#limiter.exceeds(owner.outputLimit, this, instant.now)) owner.limitExceeded()
    else if (unread.isExceeded) this.#services.tooMuchUnread()
  }
}
